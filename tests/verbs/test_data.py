"""The table of ids: what is written is read back, whatever files are called, and nothing runs."""

import csv
import io

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mu.data.base import TensorData
from mu.data.groups import read_groups
from mu.data.listing import read_columns, read_listing
from mu.forget_sets.ids import elements_of
from mu.verbs.data import id_table, table_text

SIZE = 4
SIGNS = "=+-@#',;\"\n\r\t \u2028"
LETTERS = st.one_of(st.sampled_from(SIGNS), st.characters(exclude_categories=["Cc", "Cs"]))
NAMES = st.text(LETTERS.filter(lambda one: one != "/"), max_size=6).map(lambda text: f"{text}.png")
SETTINGS = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def data_with(names):
    """Four samples that are kept in files of these names."""
    ids = np.arange(SIZE)
    data = TensorData(
        torch.zeros(SIZE, 1),
        torch.tensor([0, 1, 0, 1]),
        train=ids[:2],
        validation=ids[2:3],
        test=ids[3:],
    )
    data.file_names = names
    return data


def written(path, data, columns):
    """Some columns of the table as a file, as one would keep them by hand in a spreadsheet."""
    table = list(csv.reader(io.StringIO(table_text(id_table(data)), newline="")))
    places = [table[0].index(name) for name in columns]
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, quoting=csv.QUOTE_ALL)
    writer.writerows([row[place] for place in places] for row in table)
    path.write_text(sink.getvalue(), encoding="utf-8", newline="")
    return path


@SETTINGS
@given(st.lists(NAMES, min_size=SIZE, max_size=SIZE, unique=True))
@example(["=1+1.png", "'=1+1.png", "a,b.png", 'a"b.png'])
@example([" a.png", "a.png", "a.png .png", "a\nb.png"])
@example(["#a.png", "'#a.png", "\ta.png", "\ra.png"])
def test_names_are_read_back_exactly(tmp_path, names):
    data = data_with(names)
    text = table_text(id_table(data))
    for row in csv.reader(io.StringIO(text, newline="")):
        assert not row[3].startswith(("=", "+", "-", "@", "\t", "\r", "\n", "#"))
    path = tmp_path / "ids.csv"
    path.write_text(text, encoding="utf-8", newline="")
    found = read_columns(path)
    assert found.header == ["id", "part", "class", "file"]
    assert [row[3] for row in found.exact] == names
    assert elements_of(read_listing(path), data, np.arange(SIZE)).tolist() == [0, 1, 2, 3]


@SETTINGS
@given(st.lists(NAMES, min_size=SIZE, max_size=SIZE, unique=True))
@example([" a.png", "a.png", "'=a.png", "=a.png"])
def test_names_alone_tell_the_samples(tmp_path, names):
    data = data_with(names)
    data.parts = {"train": np.arange(SIZE), "validation": np.arange(0), "test": np.arange(0)}
    listed = read_listing(written(tmp_path / "names.csv", data, ["file"]))
    assert listed.values.tolist() == names
    assert elements_of(listed, data, np.arange(SIZE)).tolist() == [0, 1, 2, 3]
    groups = read_groups(written(tmp_path / "groups.csv", data, ["file", "class"]), data)
    assert groups.tolist() == ["0", "1", "0", "1"]


def test_a_comment_is_one_only_where_a_line_begins(tmp_path):
    (tmp_path / "a.csv").write_text('# data: mine\nfile,group\n"a\n# data: no",x\n#b,y\nc,z\n')
    found = read_columns(tmp_path / "a.csv")
    assert found.heads == {"data": "mine"}
    assert found.rows == [["a\n# data: no", "x"], ["c", "z"]]


def test_a_name_that_is_no_text_is_spelled_out():
    names = ["a\udc80.png", "b.png", "c.png", "d.png"]
    assert "0,train,0,a\\udc80.png\n" in table_text(id_table(data_with(names)))


@pytest.mark.parametrize("ending", [".txt", ".csv"])
def test_a_name_with_a_space_is_not_that_without(tmp_path, ending):
    data = data_with([" a.png", "a.png", "b.png", "c.png"])
    (tmp_path / f"one{ending}").write_text(" a.png\n")
    listed = read_listing(tmp_path / f"one{ending}")
    assert elements_of(listed, data, np.arange(SIZE)).tolist() == [0]
