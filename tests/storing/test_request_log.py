"""The log of served requests: appended, never changed, taken up again."""

import json

import pytest

from mu.errors import UsageError
from mu.storing.request_log import NAME, RequestLog


def test_lines_are_chained_and_written_once(tmp_path):
    log = RequestLog(tmp_path / NAME)
    assert log.add({"n": 1}) and log.add({"n": 2}) and not log.add({"n": 1})
    lines = (tmp_path / NAME).read_text().splitlines()
    assert [json.loads(line)["n"] for line in lines] == [1, 2]
    assert json.loads(lines[1])["previous"] == json.loads(lines[0])["digest"]
    again = RequestLog(tmp_path / NAME)
    assert not again.add({"n": 2}) and again.add({"n": 3})
    assert (tmp_path / NAME).read_text().splitlines()[:2] == lines


def test_a_line_that_a_crash_cut_off_is_written_anew(tmp_path):
    path = tmp_path / NAME
    RequestLog(path).add({"n": 1})
    RequestLog(path).add({"n": 2})
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    log = RequestLog(path)
    assert path.read_bytes() == whole[:-5]  # who only reads changes nothing
    assert log.add({"n": 2}) and path.read_bytes() == whole
    assert len(RequestLog(path).entries) == 2


def test_two_that_write_to_one_log_keep_its_chain(tmp_path):
    path = tmp_path / NAME
    one, other = RequestLog(path), RequestLog(path)
    for n in range(4):
        assert (one, other)[n % 2].add({"n": n})
    assert not one.add({"n": 3}) and not other.add({"n": 2})
    assert [entry["n"] for entry in RequestLog(path).entries] == [0, 1, 2, 3]


WRITER = """
import sys
from pathlib import Path
from mu.storing.request_log import RequestLog

log = RequestLog(Path(sys.argv[1]))
for n in range(40):
    log.add({"who": sys.argv[2], "n": n})
"""


def test_processes_that_write_to_one_log_keep_its_chain(tmp_path, start):
    path = tmp_path / NAME
    processes = [start("-c", WRITER, str(path), str(who)) for who in range(3)]
    assert [p.wait(timeout=300) for p in processes] == [0, 0, 0]
    assert len(RequestLog(path).entries) == 120


def test_a_log_that_is_cut_while_it_is_in_use_is_named(tmp_path):
    log = RequestLog(tmp_path / NAME)
    log.add({"n": 1})
    (tmp_path / NAME).unlink()
    with pytest.raises(UsageError, match="moved away while it was in use"):
        log.add({"n": 2})
    assert (tmp_path / NAME).read_bytes() == b""


@pytest.mark.parametrize("text", ["mine", "mine\n", "[", "{]", "[" * 100_000 + "\n"])
def test_a_file_of_somebody_else_is_named_and_stays(tmp_path, text):
    (tmp_path / NAME).write_text(text)
    with pytest.raises(UsageError, match="line 1, is not what was written"):
        RequestLog(tmp_path / NAME)
    assert (tmp_path / NAME).read_text() == text


@pytest.mark.parametrize("change", [("1", "7"), ('"n"', '"m"'), ("{", "[")])
def test_a_line_that_was_changed_is_named(tmp_path, change):
    path = tmp_path / NAME
    log = RequestLog(path)
    log.add({"n": 1})
    log.add({"n": 2})
    first, rest = path.read_text().split("\n", 1)
    path.write_text(first.replace(*change, 1) + "\n" + rest)
    with pytest.raises(UsageError, match="line 1, is not what was written"):
        RequestLog(path)


def test_a_line_that_was_taken_out_is_noticed(tmp_path):
    path = tmp_path / NAME
    log = RequestLog(path)
    for n in range(3):
        log.add({"n": n})
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + lines[2])
    with pytest.raises(UsageError, match="line 2"):
        RequestLog(path)


def test_a_run_logs_each_request_of_each_method_once(mu, tmp_path):
    words = ("experiment=sequence", "methods=finetune,ssd", "oracle_at=2", "recipe.epochs=1")
    words += ("seeds=1", "oracles=1", "compute.workers=0")
    found = mu("run", *words)
    assert found.code == 0, found.err
    entries = RequestLog(found.folder / NAME).entries
    assert sorted((e["method"], e["step"]) for e in entries) == [
        (method, step) for method in ("finetune", "ssd") for step in (1, 2)
    ]
    own = {(e["method"], e["step"]): e for e in entries}
    for method in ("finetune", "ssd"):
        assert own[method, 2]["before"] == own[method, 1]["after"]
        card = found.card(method, step=1)
        assert own[method, 2]["after"]["key"] == card["learner"]
        assert own[method, 2]["ids"] == card["forget_digest"]
    assert len(own["ssd", 1]["after"]["weights"]) == 32
    text = (found.folder / NAME).read_text()
    mu("run", *words)
    assert (found.folder / NAME).read_text() == text


def test_an_entry_that_cannot_be_written_leaves_no_half_line(tmp_path, monkeypatch):
    log = RequestLog(tmp_path / NAME)
    log.add({"n": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("mu.storing.request_log.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            log.add({"n": 2})
    assert len(RequestLog(tmp_path / NAME).entries) == 1
    assert log.add({"n": 2})
    assert len(RequestLog(tmp_path / NAME).entries) == 2
