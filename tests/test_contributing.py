"""The files of CONTRIBUTING.md, written into a copy of the project, do what it says."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
FILE = re.compile(r"^`([\w/]+\.(?:py|yaml))`\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
SMALL = ["seeds=1", "oracles=1", "recipe.epochs=2", "compute.workers=0"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    top = tmp_path_factory.mktemp("project")
    skipped = shutil.ignore_patterns("__pycache__")
    for name in ("mu", "configs", "tests"):
        shutil.copytree(TOP / name, top / name, ignore=skipped)
    shutil.copy(TOP / "pyproject.toml", top)
    files = FILE.findall((TOP / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert len(files) == 11
    for path, text in files:
        assert not (top / path).exists(), f"{path} exists: choose another name for the example"
        (top / path).write_text(text, encoding="utf-8")
    return top


def python(project, *words):
    own = {k: v for k, v in os.environ.items() if not k.startswith("MU_")}
    own |= {"PYTHONPATH": str(project), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=project, env=own, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_method_is_listed_and_runs_in_the_quickstart(project):
    assert "my_method" in python(project, "-m", "mu", "list", "methods")
    words = ["experiment=quickstart", "methods=my_method", "requests=class,edges_5"]
    python(project, "-m", "mu", "run", *words, *SMALL)
    cards = json.loads((project / "results/quickstart/results.json").read_text())["cards"]
    own = [card for card in cards if card["method"] == "my_method"]
    assert len(own) == 2
    assert all(card["error"] is None for card in own)


def test_the_method_is_tested_because_its_file_is_there(project):
    said = python(
        project, "-m", "pytest", "tests/unlearning/test_methods.py", "-k", "my_method", "-p",
        "no:cacheprovider",
    )  # fmt: skip
    assert re.search(r"^15 passed", said, re.MULTILINE), said


def test_the_experiment_uses_every_example(project):
    python(project, "-m", "mu", "run", "experiment=wine", *SMALL)
    results = json.loads((project / "results/wine/results.json").read_text())
    assert all(card["error"] is None for card in results["cards"])
    assert {card["request"] for card in results["cards"]} == {"first_10", "cultivar"}
    assert "confidence_forget" in {row["metric"] for row in results["rows"]}


def test_the_examples_pass_the_linters(project):
    names = [path for path, _ in FILE.findall((TOP / "CONTRIBUTING.md").read_text("utf-8"))]
    paths = [name for name in names if name.endswith(".py")]
    python(project, "-m", "ruff", "check", *paths)
    python(project, "-m", "ruff", "format", "--check", *paths)
    python(project, "-m", "mypy", *paths)
