"""The main job: cold, and with everything in the store (aims: < 120 s and < 10 s on 2 cores)."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Time both as whole processes."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"MU_STORE": str(Path(folder) / "store")}
        words = ["run", "experiment=quickstart", f"out={folder}/out", "compute.progress=false"]
        seconds = []
        for _ in range(2):
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "mu", *words], env=environment, check=True, stdout=-3
            )
            seconds.append(time.perf_counter() - start)
    cold, warm = seconds
    print(f"quickstart: cold {cold:.0f} s, warm {warm:.1f} s, warm ÷ cold {warm / cold:.3f}")


if __name__ == "__main__":
    main()
