"""A cluster of processes on this machine, and steps for it."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from mu.errors import UsageError
from mu.running.cluster import Loss, run_folder
from mu.running.jobs import Job

STEPS = """
import os, signal, time
from mu.artifact import Artifact
from mu.errors import UsageError

def fine(config, inputs, progress):
    progress(1, 2)
    return Artifact({"n": config["n"], "pid": os.getpid()})

def wrong(config, inputs, progress):
    raise UsageError("no such word")

def die(config, inputs, progress):
    with open(config["tries"], "a") as file:
        file.write("x")
    if os.path.getsize(config["tries"]) <= config["deaths"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return Artifact({})

def endless(config, inputs, progress):
    with open(config["pid"], "w") as file:
        file.write(str(os.getpid()))
    time.sleep(600)
"""
MODULE = "clustersteps"
PATIENCE = 300  # seconds; others may use the machine, so only what never comes is late
WORKER = "import pickle, sys; from mu.running.joining import take_part; \
take_part(*pickle.loads(bytes.fromhex(sys.argv[1])))"


def job(name: str, n: int = 0, **config) -> Job:
    return Job("fit", f"{name}{n}", f"{MODULE}:{name}", {"n": n, **config})


def outcomes(pool, *jobs, progress=lambda done, total: None) -> list:
    """None for each job that was done, and the error of each that was not."""

    async def every():
        return await asyncio.gather(*(pool.run(j, progress) for j in jobs), return_exceptions=True)

    return asyncio.run(every())


async def busy(pool, number: int, pid: Path) -> asyncio.Future:
    """An endless step, once it has written its process number."""
    work = asyncio.ensure_future(pool.run(job("endless", number, pid=str(pid)), print))
    deadline = time.monotonic() + PATIENCE
    while not pid.exists() or not pid.read_text():
        assert not work.done(), work.exception()
        assert time.monotonic() < deadline, "no step"
        await asyncio.sleep(0.05)
    return work


class Processes:
    """Starts a process a worker; can be told to refuse, and what to say of those that are lost."""

    def __init__(self, store, most: int = 2) -> None:
        self.folder, self.most = run_folder(store), most
        self.asked: list[list[int]] = []
        self.started: dict[int, subprocess.Popen] = {}
        self.refusal = ""
        self.loss = Loss("died")
        self.command = WORKER
        self.stopped = False

    def start(self, numbers, invitation) -> None:
        import pickle

        if self.refusal:
            raise UsageError(self.refusal)
        self.asked.append(list(numbers))
        for number in numbers:
            words = pickle.dumps((invitation, number)).hex()
            environment = os.environ | {"PYTHONPATH": os.pathsep.join(invitation.path)}
            with open(self.log(number), "wb") as log:
                self.started[number] = subprocess.Popen(
                    [sys.executable, "-c", self.command, words], env=environment, stderr=log
                )

    def ended(self, numbers):
        return {n: "ended" for n in numbers if self.started[n].poll() is not None}

    def lost(self, number, place) -> Loss:
        return self.loss

    def log(self, number) -> str:
        return str(Path(self.folder) / f"{number}.log")

    def stop(self) -> None:
        self.stopped = True  # workers leave by themselves
