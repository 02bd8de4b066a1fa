"""A folder of results: one process at a time, and nothing of others is overwritten."""

import shutil

import pytest

from mu.errors import UsageError
from mu.storing.request_log import NAME, RequestLog
from mu.verbs.folder import AUDIT, RUN, TUNE, folder_for

CLASS = ("experiment=quickstart", "requests=class", "methods=ssd", "recipe.epochs=1")
ONE = ("seeds=1", "oracles=2", "compute.workers=0", "compute.progress=false")
HOLDER = """
import sys, time
from pathlib import Path
from mu.verbs.folder import folder_for

with folder_for(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def state(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_second_run_with_the_same_folder_is_refused(mu, start, tmp_path):
    out = tmp_path / "out"
    first = start("-c", HOLDER, str(out))
    assert first.stdout.readline().strip() == "held"
    second = mu("run", *CLASS, *ONE)
    assert second.code == 2
    assert second.err == (
        f"mu: another mu writes to out={out} just now: wait for it, or name another folder\n"
    )
    assert [path.name for path in out.iterdir()] == [".lock"]
    first.kill()
    first.wait()
    assert mu("run", *CLASS, *ONE).code == 0
    assert not (out / ".lock").exists()
    assert RequestLog(out / NAME).entries


@pytest.mark.parametrize("files", [RUN, AUDIT, TUNE])
def test_files_of_others_are_not_overwritten(tmp_path, files):
    for name in [*files, *sum(files.values(), ())]:
        (tmp_path / name).write_text('{"mine": 1}')
        said = f"has a file {name} that mu did not write"
        with pytest.raises(UsageError, match=said), folder_for(tmp_path, files):
            pytest.fail("it was entered")
        assert state(tmp_path) == {name: b'{"mine": 1}'}
        (tmp_path / name).unlink()
    (tmp_path / name).symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="that mu did not write"), folder_for(tmp_path, files):
        pytest.fail("it was entered")


def test_other_files_in_a_folder_stay(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    with folder_for(tmp_path):
        (tmp_path / "results.json").write_text('{\n "schema": 1}')
        (tmp_path / "report.html").write_text("made")
    with folder_for(tmp_path):
        pass
    assert set(state(tmp_path)) == {"README.md", "results.json", "report.html"}


def test_a_run_and_a_report_leave_the_page_of_others(mu, tiny, tmp_path):
    """A page of somebody else beside results that were copied there under another name."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.html").write_text("mine")
    shutil.copy(tiny.folder / "results.json", out / "theirs.json")
    before = state(out)
    for words in (("run", *CLASS, *ONE), ("report", str(out / "theirs.json"))):
        found = mu(*words)
        assert found.code == 2
        assert found.err.count("\n") == 1 and "report.html that mu did not write" in found.err
        assert state(out) == before


def test_an_audit_and_a_run_do_not_overwrite_each_other(tmp_path):
    (tmp_path / "audit.json").write_text('{\n "schema": 1}')
    (tmp_path / "audit.html").write_text("audit")
    refused = pytest.raises(UsageError, match="just now")
    with folder_for(tmp_path, AUDIT), refused, folder_for(tmp_path):
        pytest.fail("both write")
    with folder_for(tmp_path):
        pass


def test_a_name_that_is_too_long_is_named(mu, tmp_path):
    found = mu("run", *CLASS, *ONE, out=tmp_path / ("a" * 300))
    assert found.code == 2
    assert found.err.count("\n") == 1 and "cannot be written (File name too long)" in found.err
