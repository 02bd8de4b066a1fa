"""README.md: its example runs as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[1]
TEXT = (TOP / "README.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_example_runs_in_an_empty_folder_and_leaves_nothing_there(tmp_path):
    [code] = EXAMPLE.findall(TEXT)
    own = {k: v for k, v in os.environ.items() if not k.startswith("MU_")}
    own |= {"PYTHONPATH": str(TOP), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path,
        env=own,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["ua", "ra", "ta", "kl_forget", "silhouette"]
    values = {line[0]: (float(line[1]), float(line[3])) for line in lines}
    assert values["ua"][1] > 0.95, "an oracle recognises what it never saw"
    assert values["ua"][0] > 0.5, "nothing was forgotten"
    assert values["ra"][1] > 0.95, "the oracles did not learn"
