"""What the start of a worker costs (aims: ≤ 2.5 s; memory shared where workers are forked).

Seconds of the processor and MB that no other process shares, of two workers that have run one step
of torch, and of the server that they were forked from. With ``forks=False`` each starts by itself,
as workers on a GPU and on other systems than Linux do.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mu.artifact import Artifact
from mu.running import fork_server
from mu.running.jobs import Job, Progress
from mu.running.pool import LocalPool
from mu.storing.store import Store

TICKS = os.sysconf("SC_CLK_TCK")


def step(config: object, inputs: object, progress: Progress) -> Artifact:
    """A step that needs what every training does."""
    import torch

    import mu.training.fit  # noqa: F401

    torch.nn.Linear(10, 10)(torch.ones(3, 10)).sum().backward()
    return Artifact()


def nothing(done: int, total: int) -> None:
    """Progress that nobody watches."""


def seconds(pid: int) -> float:
    """Seconds of the processor that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def private(pid: int) -> float:
    """MB of a process that it shares with no other."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private")) / 1024


async def together(pool: LocalPool) -> None:
    """A step in each worker at the same time."""
    jobs = [Job("fit", str(n), "workers:step", {}) for n, _ in enumerate(pool.workers)]
    await asyncio.gather(*(pool.run(job, nothing) for job in jobs))


def measure(name: str, environments: Sequence[dict[str, str]]) -> None:
    """Start a worker for each environment, and print what they took."""
    with tempfile.TemporaryDirectory() as folder:
        pool = LocalPool(Store(Path(folder)), environments)
        try:
            asyncio.run(together(pool))
            started = [w.started.pid for w in pool.workers if w.started]
            servers = {w.server.process.pid for w in pool.workers if w.server.process}
            for kind, pids in {"server": sorted(servers - {*started}), "worker": started}.items():
                for pid in pids:
                    print(f"{name}, {kind}: {seconds(pid):.2f} s, {private(pid):.0f} MB")
        finally:
            pool.close()


def main() -> None:
    """Workers that are forked, and workers that start by themselves."""
    sys.path.insert(0, str(Path(__file__).parent))
    measure("forked", [{}, {}])
    fork_server.FORKS = False
    measure("by itself", [{}, {}])


if __name__ == "__main__":
    main()
