"""Importing mu and looking at what there is loads nothing heavy."""

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_lists_and_finished_studies_load_no_torch(tiny):
    code = """if True:
        import sys
        import mu
        dir(mu)
        assert not {"torch", "pandas", "numpy", "hydra"} & set(sys.modules)
        mu.methods(), mu.experiments()
        assert not {"torch", "pandas"} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-c", code], cwd=TOP, check=True)
