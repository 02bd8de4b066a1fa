"""Files of ids: what is written is read, and what cannot be meant is refused."""

import numpy as np
import pytest
from forget_sets.problems import links, table
from hypothesis import given
from hypothesis import strategies as st

from mu.data.base import TensorData
from mu.data.listing import read_listing
from mu.errors import UsageError
from mu.forget_sets.files import Request, write_ids, write_selection
from mu.forget_sets.ids import IdSet
from mu.forget_sets.random import RandomSet
from mu.forget_sets.request import selection
from mu.forget_sets.select import select

DATA = {"table": table(), "links": links()}


@given(ids=st.sets(st.sampled_from(list(range(1, 60, 2))), min_size=1, max_size=20))
def test_ids_survive_a_file(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp("ids") / "ids.txt"
    data = DATA["table"]
    request = Request("samples", np.array(sorted(ids)))
    write_ids(path, request, data.fingerprint())
    found = read_listing(path)
    assert (found.kind, found.values.tolist()) == ("samples", sorted(ids))
    assert found.data == data.fingerprint()
    selected = select(IdSet(path=str(path)), data, {}, seed=0)
    assert selected.digest() == request.digest()


def test_the_kind_is_read_from_the_file(tmp_path):
    write_ids(tmp_path / "ids.txt", Request("edges", np.array([3, 8])), "f")
    assert read_listing(tmp_path / "ids.txt").kind == "edges"
    assert IdSet(path=str(tmp_path / "ids.txt")).kind == "edges"


def test_ids_of_other_data_are_refused(tmp_path):
    write_ids(tmp_path / "ids.txt", Request("samples", np.array([1])), DATA["links"].fingerprint())
    with pytest.raises(UsageError, match="other data"):
        select(IdSet(path=str(tmp_path / "ids.txt")), DATA["table"], {}, seed=0)
    assert read_listing(tmp_path / "ids.txt").values.tolist() == [1]


def test_a_plain_list_of_ids_is_read(tmp_path):
    (tmp_path / "ids.txt").write_text("# mine\n\n5\n  7 \n")
    found = read_listing(tmp_path / "ids.txt")
    assert (found.kind, found.values.tolist()) == (None, [5, 7])


@pytest.mark.parametrize("line", ["1.0", "x", "1 2", "--5", "²", "1e3", "9" * 30])
def test_a_line_that_is_no_id_is_named(tmp_path, line):
    (tmp_path / "ids.txt").write_text(f"1\n{line}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="line 2"):
        read_listing(tmp_path / "ids.txt")


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "ids.txt").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(UsageError, match=r"ids\.txt"):
        read_listing(tmp_path / "ids.txt")


# Selections of other steps, written for people.


def test_an_exported_selection_is_the_same_request_again(tmp_path):
    data = DATA["table"]
    request = select(RandomSet(share=0.3), data, {}, seed=4)
    stored = selection(data, request, {})
    path = write_selection(stored, data.fingerprint(), tmp_path / "forget_sets" / "random_0.txt")
    again = select(IdSet(path=str(path)), data, {}, seed=9)
    assert again.digest() == request.digest() == stored.facts["forget_digest"]
    assert selection(data, again, {}).facts == stored.facts


def test_an_export_keeps_the_kind_and_replaces_an_older_file(tmp_path):
    data, path = DATA["links"], tmp_path / "set.txt"
    for seed in (0, 1):
        request = select(RandomSet(kind="edges", count=4), data, {}, seed=seed)
        write_selection(selection(data, request, {}), data.fingerprint(), path)
        assert select(IdSet(path=str(path)), data, {}, seed=0).digest() == request.digest()
    assert [file.name for file in tmp_path.iterdir()] == ["set.txt"]


def test_both_fingerprints_and_the_way_out_are_named(tmp_path):
    ours, other = DATA["table"], table(test=np.arange(61, 90))
    assert isinstance(other, TensorData)
    path = tmp_path / "ids.txt"
    write_ids(path, Request("samples", np.array([1, 5])), other.fingerprint())
    with pytest.raises(UsageError) as caught:
        select(IdSet(path=str(path)), ours, {}, seed=0)
    text = str(caught.value)
    assert other.fingerprint() in text and ours.fingerprint() in text
    assert "choose the data" in text and "# data:" in text and "\n" not in text
    path.write_text("\n".join(x for x in path.read_text().splitlines() if "data" not in x))
    assert select(IdSet(path=str(path)), ours, {}, seed=0).ids.tolist() == [1, 5]


def test_files_are_read_and_written_without_torch():
    """A cached run exports its sets, and imports no heavy library for it."""
    import subprocess
    import sys

    code = "import sys, mu.forget_sets.files, mu.forget_sets.wants; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
