"""Digests of functions and classes as they are in this process."""

import functools
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from mu.errors import UsageError
from mu.running.live import edited_since_import, live_digest

TOP = Path(__file__).parents[2]


def made(text, **variables):
    """What ``thing`` is in a module of the user's with this text."""
    there = {"__name__": "of_the_user", **variables}
    exec(textwrap.dedent(text), there)
    return there["thing"]


@pytest.fixture(autouse=True)
def _of_the_user(monkeypatch):
    monkeypatch.setattr("mu.running.live.is_own", lambda module: module == "of_the_user")


def same(one, other):
    return live_digest(one, "f") == live_digest(other, "f")


def test_comments_layout_and_places_do_not_count():
    one = made("def thing(x):\n    return x + 1\n")
    other = made("\n\n# more\ndef thing(x):  # here\n    return (x\n        + 1)\n")
    assert same(one, other)
    assert not same(one, made("def thing(x):\n    return x + 2\n"))
    assert not same(one, made("def thing(x, y=1):\n    return x + 1\n"))
    assert not same(
        made("def thing(x=1):\n    return x\n"), made("def thing(x=2):\n    return x\n")
    )


HELPED = "def helper(x):\n    return x * {}\ndef thing(x):\n    return inner(x)\n"
HELPED += "def inner(x):\n    return [helper(y) for y in x]\n"


def test_what_is_called_counts_however_deep():
    assert same(made(HELPED.format(2)), made(HELPED.format(2)))
    assert not same(made(HELPED.format(2)), made(HELPED.format(3)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.1, 0.2),
        ({"lr": 1, "sizes": [1, 2]}, {"lr": 1, "sizes": [1, 3]}),
        (np.arange(3), np.array([0, 1, 3])),
        (torch.arange(3), torch.tensor([0, 1, 3])),
        (torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)),
        ({"a", "b"}, {"a", "c"}),
        (np.mean, np.median),
        (functools.partial(max, 1), functools.partial(max, 2)),
    ],
)
def test_global_variables_that_are_read_count(one, other):
    text = "def thing(x):\n    def inside():\n        return VALUE\n    return inside()\n"
    assert same(made(text, VALUE=one), made(text, VALUE=one))
    assert not same(made(text, VALUE=one), made(text, VALUE=other))
    unread = "def thing(x):\n    return x.VALUE\n"
    assert same(made(unread, VALUE=one), made(unread, VALUE=other))


def test_closures_and_bound_arguments_count():
    text = "def make(k):\n    return lambda x: x + k\nthing = make({})\n"
    assert same(made(text.format(1)), made(text.format(1)))
    assert not same(made(text.format(1)), made(text.format(2)))


CLASS = """
class Base:
    def helped(self):
        return {}

class thing(Base):
    kinds = frozenset({{"a", "b"}})
    size = {}

    def __init__(self, n=1):
        super().__init__()
        self.n = n

    @property
    def twice(self):
        return {} * self.n

    def again(self):
        return thing(self.n)
"""


def test_a_class_counts_with_its_bases_methods_and_attributes():
    one = made(CLASS.format(1, 2, 3))
    assert same(one, made(CLASS.format(1, 2, 3)))
    for other in ((9, 2, 3), (1, 9, 3), (1, 2, 9)):
        assert not same(one, made(CLASS.format(*other)))


def test_functions_that_call_each_other_end():
    text = "def other(n):\n    return thing(n - {})\ndef thing(n):\n    return n and other(n)\n"
    assert same(made(text.format(1)), made(text.format(1)))
    assert not same(made(text.format(1)), made(text.format(2)))


def test_what_has_no_content_is_refused_by_name():
    with pytest.raises(UsageError, match="LOCK is a lock"):
        live_digest(made("def thing():\n    return LOCK\n", LOCK=threading.Lock()), "train")


def test_other_processes_find_the_same_digest():
    code = """if True:
        import functools, torch
        from mu.running.live import live_digest
        WORDS, KEPT = {"a", "b", "c"}, {"x": torch.arange(3), "y": ("p", 1.5)}
        class Thing:
            def go(self, x):
                return x in {"one", "two", "three"} and WORDS
        def train(ids, seed):
            return Thing().go(ids), KEPT, functools.partial(train, seed=1)
        print(live_digest(train, "train"))
    """
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=TOP,
            env={**os.environ, "PYTHONPATH": str(TOP), "PYTHONHASHSEED": seed},
            text=True,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_a_file_that_changed_since_its_class_was_imported(tmp_path, monkeypatch):
    from mu.running.code import forget_files

    monkeypatch.setattr("mu.running.live.is_own", lambda module: module == "own_methods_here")
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "own_methods_here.py"
    path.write_text("class Thing:\n    def go(self):\n        return 1\n")
    from own_methods_here import Thing

    forget_files()
    assert not edited_since_import(Thing)
    path.write_text("class Thing:\n    # why\n    def go(self):\n        return 1\n")
    assert not edited_since_import(Thing)
    path.write_text("class Thing:\n    def go(self):\n        return 2\n")
    assert edited_since_import(Thing)
