"""Where workers come from: one process for all, or each its own."""

import os
import signal
from pathlib import Path

import pytest
from steps_case import PATIENCE, gone

from mu.errors import StepFailed
from mu.running.fork_server import ForkServer, servers

TORCH = "from pathlib import Path\nPath(__file__).with_name('imported').open('a').write('x')\n"


@pytest.fixture
def imports(tmp_path, monkeypatch):
    """A torch that takes no time to import, and the file that counts how often it was."""
    (tmp_path / "torch.py").write_text(TORCH)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "imported"


@pytest.fixture
def make(tmp_path):
    """Servers that are closed in the end."""
    made: list[ForkServer] = []

    def one(**options) -> ForkServer:
        made.append(ForkServer(tmp_path / "store", **options))
        return made[-1]

    yield one
    for server in made:
        server.close()


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def environment(pid: int, name: str) -> str | None:
    """What a process was started with."""
    words = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(word.partition("=")[::2] for word in words).get(name)


def test_workers_share_what_their_server_imported(make, imports):
    server = make()
    one, other = server.worker({}), server.worker({})
    assert parent(one.pid) == parent(other.pid) == server.process.pid != os.getpid()
    assert imports.read_text() == "x"
    assert environment(one.pid, "OMP_NUM_THREADS") == "1"


def test_how_a_worker_ended_is_told_once(make, imports):
    server = make()
    one, other = server.worker({}), server.worker({})
    os.kill(one.pid, signal.SIGSEGV)
    assert one.pipe.poll(PATIENCE)
    assert server.exit_code(one.pid) == -signal.SIGSEGV
    assert server.exit_code(one.pid) is None
    other.pipe.close()  # it leaves by itself
    assert server.exit_code(other.pid) in (0, -signal.SIGKILL)
    assert gone(one.pid)
    assert gone(other.pid)


def test_a_server_that_is_not_to_fork_becomes_its_worker(make, imports):
    server = make(forks=False)
    worker = server.worker({})
    assert worker.pid == server.process.pid
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.pipe.poll(PATIENCE)
    assert server.exit_code(worker.pid) == -signal.SIGTERM
    again = server.worker({})
    assert again.pid not in (worker.pid, os.getpid())
    assert imports.read_text() == "xx"


def test_workers_leave_with_their_server_and_another_takes_its_place(make, imports):
    server = make()
    worker, first = server.worker({}), server.process.pid
    os.kill(first, signal.SIGKILL)
    server.process.wait(PATIENCE)
    assert gone(worker.pid)
    assert server.exit_code(worker.pid) is None
    assert server.exit_code() == -signal.SIGKILL
    assert server.worker({}).pid
    assert server.process.pid != first


def test_closing_ends_server_and_workers(make, imports):
    server = make()
    pids = [server.worker({}).pid for _ in range(2)]
    server.close()
    server.process.wait(PATIENCE)
    assert all(gone(pid) for pid in pids)
    with pytest.raises(StepFailed, match="the run was stopped"):
        server.worker({})
    server.close()


def test_a_library_that_is_broken_ends_no_worker(make, imports):
    imports.with_name("torch.py").write_text("raise ImportError('broken')")
    assert make().worker({}).pid


def test_workers_on_cards_are_not_forked(tmp_path, monkeypatch):
    monkeypatch.setattr("mu.running.fork_server.FORKS", True)
    plain, cards = (
        servers(tmp_path, [{}, {}]),
        servers(tmp_path, [{"CUDA_VISIBLE_DEVICES": "0"}] * 2),
    )
    assert plain[0] is plain[1]
    assert plain[0].forks
    assert cards[0] is not cards[1]
    assert not any(server.forks for server in cards)
    monkeypatch.setattr("mu.running.fork_server.FORKS", False)
    own = servers(tmp_path, [{}, {}])
    assert own[0] is not own[1]
    assert not any(server.forks for server in own)
