"""A lock that says who is alive."""

import threading

from mu.storing.holding import holding


def test_the_lock_of_a_killed_process_is_free(tmp_path, start):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from mu.storing.holding import holding\n"
        "with holding(Path(sys.argv[1])) as mine:\n"
        "    print(mine, flush=True)\n"
        "    time.sleep(600)\n"
    )
    path = tmp_path / "lock"
    holder = start("-c", code, str(path))
    assert holder.stdout.readline().strip() == "True"
    with holding(path) as mine:
        assert not mine
    holder.kill()
    holder.wait()
    assert path.exists()
    with holding(path) as mine:
        assert mine
    assert not path.exists()


def test_a_file_that_cannot_be_removed_is_free(tmp_path, monkeypatch):
    path = tmp_path / "lock"

    def fail(*_, **__):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch, holding(path) as mine:
        assert mine
        patch.setattr("os.unlink", fail)
    with holding(path) as mine:
        assert mine


def test_who_waits_gets_the_file_that_is_there_then(tmp_path):
    """Its holder removes the file that was waited for: a lock of that one would be none."""
    path, said = tmp_path / "lock", []

    def wait() -> None:
        with holding(path, wait=True) as mine, holding(path) as other:
            said.append((mine, other, path.exists()))

    with holding(path):
        waiting = [threading.Thread(target=wait, daemon=True) for _ in range(4)]
        for thread in waiting:
            thread.start()
    for thread in waiting:
        thread.join(timeout=300)
    assert said == [(True, False, True)] * 4
    assert not path.exists()
