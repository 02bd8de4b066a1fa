"""Seconds until a plan starts and until help is there, as whole processes (aims: < 1 s, < 0.3 s).

Seconds of the processor, which are those of the clock on a free core. `graph_grid` is the largest
experiment: 17 blocks of ten methods and six requests.
"""

import resource
import statistics
import subprocess
import sys

LOAD = """
import mu.verbs.plan
from mu.verbs.cells import experiment_of
experiment_of(["experiment=graph_grid"])
"""
COMMANDS = {
    "mu plan graph_grid, until it looks into the store": ["-c", LOAD],
    "mu --help": ["-m", "mu", "--help"],
    "mu run --help": ["-m", "mu", "run", "--help"],
}


def used() -> float:
    """Seconds of processor that finished processes took."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Time each seven times, after one warm-up."""
    for name, command in COMMANDS.items():
        seconds = []
        for _ in range(8):
            start = used()
            subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
            seconds.append(used() - start)
        of_seven = seconds[1:]
        spread = f"{min(of_seven):.2f} to {max(of_seven):.2f}"
        print(f"{name}: {statistics.median(of_seven):.2f} s ({spread}, n=7)")


if __name__ == "__main__":
    main()
