"""``mu data ids``: who is who in a data set, as a table that a file of ids is made from."""

import csv
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mu.configuration.choices import unknown
from mu.configuration.compose import BlockChoices
from mu.configuration.settings import Settings
from mu.configuration.words import parse_words
from mu.data.base import Data
from mu.errors import UsageError
from mu.trust.cells import csv_cell

USAGE = """\
usage: mu data ids NAME [data.key=value ...] [out=FILE]

Lists every sample of a data set as a table (CSV): id, part, class; where there
are such also file, group, and the two nodes of a pair. Rows of it are a file of
ids: keep those to be forgotten and name the file, as in requests=FILE.csv.
NAME is one of mu list datasets.

Example:
  mu data ids image_folder data.folder=faces out=ids.csv
"""


def command(words: list[str]) -> int:
    """``mu data``: the table of ids.

    Raises:
        UsageError: A word is wrong, or the data cannot be read.
    """
    if {"-h", "--help"} & set(words):
        print(USAGE, end="")
        return 0
    if words[:1] != ["ids"]:
        raise unknown("word after mu data", " ".join(words[:1]), ["ids"])
    names = [word for word in words[1:] if "=" not in word]
    if len(names) != 1:
        raise UsageError("name one data set of mu list datasets, as in mu data ids digits")
    given = parse_words([word for word in words[1:] if "=" in word])
    out = given.pop("out", None)
    data = data_of(names[0], given)
    text = table_text(id_table(data))
    if out is None:
        sys.stdout.write(text)
        return 0
    try:
        Path(out).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"out={out} cannot be written ({error.strerror})") from error
    return 0


def data_of(name: str, given: dict[str, Any]) -> Data:
    """The data set of a name with what is set of it.

    Raises:
        UsageError: No such data set or option.
    """
    from mu.data.build import build_data

    settings = Settings(given)
    config: dict[str, Any] = BlockChoices({"data": name}, settings).config()["data"]
    if wrong := settings.unused():
        raise unknown("key", wrong[0], sorted(f"data.{key}" for key in config if key[0] != "_"))
    return build_data(config)


def table_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV that no spreadsheet computes; bytes of names that are no text are spelled out."""
    sink = io.StringIO(newline="")
    plain = csv.writer(sink, lineterminator="\n")
    quoted = csv.writer(sink, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:  # csv itself quotes no carriage return that ends no line
        writer = quoted if any("\r" in cell for cell in row) else plain
        writer.writerow(map(csv_cell, row))
    return sink.getvalue().encode("utf-8", "backslashreplace").decode("utf-8")


def id_table(data: Data) -> Iterator[list[str]]:
    """Header and rows: a row a sample, or a node where nodes are the samples."""
    ids = data.universe()
    parts = {int(i): name for name, members in data.parts.items() for i in members}
    labels = data.targets(ids)
    names, pairs = data.class_names, data.pairs_of_ids()
    extra: dict[str, Any] = {"file": data.file_names}
    extra["group"] = data.groups if pairs is None else None  # of links they are groups of nodes
    extra = {name: column for name, column in extra.items() if column is not None}
    ends = [] if pairs is None else ["source_node", "target_node"]
    yield ["id", "part", "class", *extra, *ends]
    for i, label in zip(ids.tolist(), labels.tolist(), strict=True):
        called = names[label] if names is not None and isinstance(label, int) else str(label)
        more = [str(column[i]) for column in extra.values()]
        more += [] if pairs is None else [str(node) for node in pairs[i]]
        yield [str(i), parts[i], called, *more]
