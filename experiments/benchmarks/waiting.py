"""What a user waits for when nothing is to be computed (aims: plan ≤ 1 s, warm quickstart ≤ 3 s).

Seconds of the processor, whole processes. The first run fills ``MU_STORE`` (a new folder where it
is not set), which takes minutes.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from loading import used

PLAN = ["plan", "experiment=quickstart"]
RUN = ["run", "experiment=quickstart", "compute.progress=false"]


def seconds_of(words: list[str], store: str) -> float:
    """Seconds of the processor that ``mu`` takes with its workers."""
    start = used()
    command, environment = [sys.executable, "-m", "mu", *words], os.environ | {"MU_STORE": store}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return used() - start


def main() -> None:
    """Fill the store, then time a plan, a run again, and one whose page is drawn anew."""
    with tempfile.TemporaryDirectory() as folder:
        store = os.environ.get("MU_STORE") or f"{folder}/store"
        run = [*RUN, f"out={folder}/out"]
        seconds_of(run, store)
        print(f"mu plan quickstart, all cached: {seconds_of(PLAN, store):.2f} s")
        print(f"mu run quickstart, all cached: {seconds_of(run, store):.2f} s")
        for page in Path(store, "pages").iterdir():
            page.unlink()
        print(f"the same, its page drawn anew: {seconds_of(run, store):.2f} s")


if __name__ == "__main__":
    main()
