"""Importing mu, looking at what there is, and a run out of the store load nothing heavy."""

import os
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]
CODE = """if True:
    import sys
    import mu

    dir(mu)
    assert not {"torch", "pandas", "numpy", "hydra"} & set(sys.modules)
    mu.methods(), mu.experiments()
    assert not {"torch", "pandas"} & set(sys.modules)
    small = {"seeds": 1, "oracles": 2, "recipe": {"epochs": 1}}
    found = mu.run("quickstart", requests=["class"], methods=["ssd"], **small)
    assert found.steps[0] == 0
    assert not {"torch", "pandas"} & set(sys.modules)
    mu.load(sys.argv[1]).frame()
    assert "torch" not in sys.modules
"""


def test_lists_and_finished_studies_load_no_torch(tiny, tiny_store, tmp_path):
    path = os.pathsep.join([str(TOP), *filter(None, [os.environ.get("PYTHONPATH")])])
    own = {**os.environ, "MU_STORE": str(tiny_store), "PYTHONPATH": path}
    words = [sys.executable, "-c", CODE, str(tiny.folder)]
    subprocess.run(words, cwd=tmp_path, env=own, check=True)
