"""What earlier runs saw in source files is used again, and only for the same content."""

import json

import pytest

from mu.running import code
from mu.running.code import code_digest, forget_files
from mu.running.seen_code import FILE, seen_code
from mu.storing.store import Store

TARGET = "mu.unlearning.ssd"


@pytest.fixture(autouse=True)
def _nothing_seen(monkeypatch):
    monkeypatch.setattr(code, "seen", {})
    forget_files()
    yield
    forget_files()


def anew(store: Store) -> str:
    """The digest as another process takes it."""
    code.seen.clear()
    forget_files()
    with seen_code(store):
        return code_digest(TARGET)


def walked(monkeypatch) -> list[str]:
    """Names of the files whose trees are walked from now on."""
    found, real = [], code._tree_digest
    monkeypatch.setattr(code, "_tree_digest", lambda path: found.append(path.name) or real(path))
    return found


def test_a_second_run_walks_no_tree_and_finds_the_same(tmp_path, monkeypatch):
    store, plain = Store(tmp_path), code_digest(TARGET)
    assert anew(store) == plain
    looked = walked(monkeypatch)
    assert anew(store) == plain
    assert looked == []


def test_an_edited_file_is_walked_and_no_other(tmp_path, monkeypatch):
    store, own = Store(tmp_path / "store"), tmp_path / "ownseen.py"
    monkeypatch.syspath_prepend(tmp_path)
    own.write_text("def step(x): return x")
    with seen_code(store):
        before = code_digest("ownseen.step", TARGET)
    own.write_text("def step(x): return 2 * x")
    looked = walked(monkeypatch)
    code.seen.clear()
    forget_files()
    with seen_code(store):
        assert code_digest("ownseen.step", TARGET) != before
    assert looked == ["ownseen.py"]


@pytest.mark.parametrize("kept", ["", "[]", "{}", '{"way": "w", "seen": {}}'])
def test_another_versions_file_and_a_damaged_one_count_for_nothing(tmp_path, kept):
    store, plain = Store(tmp_path), code_digest(TARGET)
    (store.root / FILE).write_text(kept)
    assert anew(store) == plain
    assert json.loads((store.root / FILE).read_text())["seen"]
