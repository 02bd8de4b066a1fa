"""Workers as SLURM jobs, through submitit: arrays in, one look at the queue for all."""

import subprocess
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from mu.errors import UsageError
from mu.running.cluster import Loss, cluster_library, run_folder
from mu.running.jobs import one_line
from mu.running.joining import Invitation, own_signals, take_part
from mu.storing.store import Store

ANSWER = 20.0  # seconds for a command of SLURM
SETTLED = 10.0  # seconds after which a lost worker's state in the queue is taken as it is
GOING = ("RUNNING", "COMPLETING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED")
AGAIN = (
    "PENDING",
    "CONFIGURING",
    "REQUEUED",
    "REQUEUE_FED",
    "REQUEUE_HOLD",
    "SPECIAL_EXIT",
    *GOING,
)
TAKEN = ("PREEMPTED", "TIMEOUT", "NODE_FAIL", "BOOT_FAIL", "DEADLINE", "REVOKED", *AGAIN)
UNKNOWN = "is not in the queue any more"


class Slurm:
    """Asks SLURM, or on this machine submitit's ``local`` executor, for workers.

    Args:
        store: Below it stand the logs.
        compute: ``workers``, ``cluster``, ``gpus``, ``partition``, ``account``, ``parameters``.

    Raises:
        UsageError: submitit is missing, or does not know a parameter.
    """

    def __init__(self, store: Store, compute: dict[str, Any]) -> None:
        submitit = cluster_library("submitit", "slurm")
        self.folder, self.most = run_folder(store), max(int(compute["workers"]), 1)
        self.jobs: dict[int, Any] = {}
        parameters = parameters_of(compute)
        self.name = f"{parameters.get('name', 'mu')}-{self.folder.name[-6:]}"
        try:
            self.executor = submitit.AutoExecutor(self.folder, cluster=compute.get("cluster"))
            self.executor.update_parameters(**parameters | {"name": self.name})
        except Exception as error:  # whatever submitit thinks of a cluster or a parameter
            raise UsageError(f"compute: no SLURM jobs ({one_line(error)})") from error
        self.local = self.executor.cluster != "slurm"

    def start(self, numbers: Sequence[int], invitation: Invitation) -> None:
        """See `mu.running.cluster.Cluster.start`."""
        try:
            found = self.executor.map_array(in_job, [invitation] * len(numbers), numbers)
        except Exception as error:
            raise UsageError(
                "SLURM refuses the job, see compute.partition, account and parameters "
                f"({refusal(error)})"
            ) from error
        self.jobs |= dict(zip(numbers, found, strict=True))

    def ended(self, numbers: Collection[int]) -> dict[int, str]:
        """See `mu.running.cluster.Cluster.ended`."""
        states = self.states(numbers)
        return {n: state_in_words(state) for n, state in states.items() if state not in AGAIN}

    def lost(self, number: int, place: str) -> Loss:
        """See `mu.running.cluster.Cluster.lost`."""
        end = time.monotonic() + SETTLED
        while (state := self.states([number]).get(number, UNKNOWN)) in GOING:
            if time.monotonic() > end:
                break
            time.sleep(1.0)
        why = f"on {place} {state_in_words(state)}"
        return Loss(why, state in TAKEN, state in AGAIN, cancelled=state == "CANCELLED")

    def states(self, numbers: Collection[int]) -> dict[int, str]:
        """States of workers as SLURM calls them; nothing where it does not answer."""
        asked = {number: self.jobs[number] for number in numbers if number in self.jobs}
        if self.local:
            return {n: "FAILED" if job.done() else "RUNNING" for n, job in asked.items()}
        command = ["squeue", "--noheader", "--array", "--states=all", f"--name={self.name}"]
        try:
            text = subprocess.run(
                [*command, "--format=%i %T"],
                capture_output=True, text=True, timeout=ANSWER, check=True,
            ).stdout  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return {}
        known = dict(line.split() for line in text.splitlines())
        return {number: known.get(job.job_id, UNKNOWN) for number, job in asked.items()}

    def log(self, number: int) -> str:
        """See `mu.running.cluster.Cluster.log`."""
        return str(self.jobs[number].paths.stderr)

    def stop(self) -> None:
        """See `mu.running.cluster.Cluster.stop`."""
        if self.local:
            for job in self.jobs.values():
                job.cancel()
        elif self.jobs:
            with suppress(OSError, subprocess.SubprocessError):
                subprocess.run(
                    ["scancel", f"--name={self.name}"],
                    capture_output=True, timeout=ANSWER, check=True,
                )  # fmt: skip


def in_job(invitation: Invitation, number: int) -> None:
    """A SLURM job: one worker."""
    own_signals()
    take_part(invitation, number)


def parameters_of(compute: dict[str, Any]) -> dict[str, Any]:
    """What submitit is told; ``parameters`` come last.

    Raises:
        UsageError: A part of a GPU.

    Example:
        >>> parameters_of({"workers": 8, "gpus": 1, "partition": "short"})["slurm_partition"]
        'short'
    """
    gpus = compute.get("gpus") or 0
    if gpus != int(gpus):
        raise UsageError(f"compute.gpus={gpus}: SLURM gives whole GPUs")
    found: dict[str, Any] = {"slurm_array_parallelism": max(int(compute["workers"]), 1)}
    if gpus:
        found["gpus_per_node"] = int(gpus)
    for name in ("partition", "account"):
        if compute.get(name) is not None:
            found[f"slurm_{name}"] = compute[name]
    return found | dict(compute.get("parameters") or {})


def state_in_words(state: str) -> str:
    """A state in words.

    Example:
        >>> state_in_words("OUT_OF_MEMORY"), state_in_words("PENDING")
        ('ended (OUT_OF_MEMORY)', 'was taken away (PENDING again)')
    """
    if state == UNKNOWN:
        return state
    return f"was taken away ({state} again)" if state in AGAIN else f"ended ({state})"


def refusal(error: Exception) -> str:
    """Why a job was refused, in the words of sbatch where it said anything."""
    words = one_line(error)
    for line in str(error).splitlines():
        if "sbatch: error:" in line:
            words = line.partition("sbatch: error:")[2].strip()
            break
    return words
