"""The same table on a real SLURM of one node as on the local pool; requeued, stopped, refused.

    apt-get install slurm-wlm munge; pip install 'mu[slurm]'
    python experiments/clusters/slurm_one_node.py

Without SLURM the same runs go through submitit's ``local`` executor, and no job is requeued.
"""

import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from compared import begun, finished, refused, same, stopped, until
from one_node import one_node, requeue, there

CPUS = 2
LONG = ("recipe.epochs=8", "compute.checkpoint_seconds=0")  # a checkpoint an epoch


def queue(*words: str) -> list[str]:
    """Lines of squeue."""
    command = ["squeue", "--noheader", "--array", *words]
    return subprocess.check_output(command, text=True).split()


def take_away(store: Path) -> None:
    """Once a training has a checkpoint, requeue every worker: one of them was within it."""
    until(lambda: begun(store), "a checkpoint")
    for number in queue("--states=running", "--format=%i"):
        requeue(number)
        print(f"requeued within a training: job {number}", flush=True)


def main() -> None:
    """Compare."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if sys.argv[1:] else None) as folder:
        top, real = Path(folder), there()
        (top / "slurm").mkdir()
        cluster = ["compute=slurm", f"compute.cluster={'slurm' if real else 'local'}"]
        cluster += [f"compute.workers={CPUS}", "compute.parameters.timeout_min=60"]
        print("SLURM" if real else "no SLURM here: submitit's local executor", flush=True)
        with one_node(top / "slurm", CPUS) if real else nullcontext():
            here = finished(top, "local", [f"compute.workers={CPUS}"])
            same(here, finished(top, "slurm", cluster), "SLURM")
            if real:
                long = finished(top, "long", [*LONG, f"compute.workers={CPUS}"])
                store = top / "requeued.store"
                found = finished(top, "requeued", [*LONG, *cluster], lambda: take_away(store))
                same(long, found, "requeued")
            stopped(top, "stopped", [*LONG, *cluster])
            if real:
                until(lambda: not queue("--format=%i"), "an empty queue", 30.0)
                print("squeue: empty", flush=True)
                refused(top, "wrong", [*cluster, "compute.partition=nowhere"])


if __name__ == "__main__":
    main()
