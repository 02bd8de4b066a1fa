"""The files of CONTRIBUTING.md, written into a copy of the project, do what it says."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
GUIDE = (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILE = re.compile(r"^`([\w/]+\.\w+)`\n\n(`{3,})\w+\n(.*?)^\2$", re.MULTILINE | re.DOTALL)
FILES = {path: text for path, _, text in FILE.findall(GUIDE)}
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SMALL = ["seeds=1", "oracles=1", "recipe.epochs=2", "compute.workers=0", "compute.progress=false"]
# One process for all lines: importing torch takes longer than what they run.
RUN_ALL = """
import json, sys
from mu.__main__ import main
for words in json.loads(sys.argv[1]):
    assert main(words) == 0, words
"""


def commands():
    """What the guide prints to be typed, without comments, as words."""
    blocks = BLOCK.findall(FILE.sub("", GUIDE))
    lines = [line for block in blocks for line in block.splitlines()]
    typed = [line for line in lines if line.startswith(("mu ", "make "))]
    return [shlex.split(line, comments=True) for line in typed]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    top = tmp_path_factory.mktemp("project")
    skipped = shutil.ignore_patterns("__pycache__", "*.json", "*.svg", "table.md", "forget_sets")
    for name in ("mu", "configs", "tests", "docs"):
        shutil.copytree(TOP / name, top / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(TOP / "experiments", top / "experiments", ignore=skipped)
    for path in [TOP / "pyproject.toml", *TOP.glob("*.md")]:
        shutil.copy(path, top)
    assert len(FILES) == 14
    for path, text in FILES.items():
        assert not (top / path).exists(), f"{path} exists: choose another name for the example"
        (top / path).write_text(text, encoding="utf-8")
    return top


def python(project, *words, cwd=None):
    own = {k: v for k, v in os.environ.items() if not k.startswith("MU_")}
    own |= {"PYTHONPATH": str(project), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=cwd or project, env=own, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_command_is_of_a_kind_that_is_run_here():
    kinds = {" ".join(words[:2]) for words in commands()}
    # Installing and the whole suite are what runs this test, `fuzz` and the core of `faults` are
    # part of it; `lint` is below.
    assert kinds == {
        *("make dev", "make test", "make fuzz", "make faults", "make lint", "make docs"),
        *("mu run", "mu plan"),
    }


def test_its_runs_and_plans_work(project):
    lines = [[*words[1:], *SMALL] for words in commands() if words[0] == "mu"]
    assert len(lines) >= 4
    python(project, "-c", RUN_ALL, json.dumps([["list", "methods"], *lines]))
    cards = json.loads((project / "results/quickstart/results.json").read_text())["cards"]
    own = [card for card in cards if card["method"] == "my_method"]
    assert {card["request"] for card in own} == {"class", "random_20", "edges_5"}
    assert all(card["error"] is None for card in own)
    results = json.loads((project / "results/my_recipe/results.json").read_text())
    assert {card["recipe"] for card in results["cards"]} == {"my_recipe"}
    assert all(card["error"] is None for card in results["cards"])
    results = json.loads((project / "results/wine/results.json").read_text())
    assert all(card["error"] is None for card in results["cards"])
    assert {card["request"] for card in results["cards"]} == {"first_10", "cultivar"}
    assert "confidence_forget" in {row["metric"] for row in results["rows"]}


def test_its_page_is_filled_and_its_tests_pass(project):
    python(project, "docs/generate.py")  # make docs
    page = (project / "docs/methods/my_method.md").read_text(encoding="utf-8")
    assert "| `size` | 0.001 | The amount η. |" in page
    assert "methods/my_method.md" in (project / "docs/catalogue.md").read_text(encoding="utf-8")
    [words] = [words[2:] for words in commands() if words[:2] == ["make", "test"] and words[2:]]
    arguments = shlex.split(words[0].removeprefix("ARGS="))
    said = python(project, "-m", "pytest", *arguments, "-p", "no:cacheprovider")
    # 15 cases of tests/unlearning/test_methods.py, three of its page, and others of every method
    assert int(re.search(r"^(\d+) passed", said, re.MULTILINE)[1]) >= 18, said


def test_the_examples_pass_the_linters(project):
    paths = [path for path in FILES if path.endswith(".py")]
    python(project, "-m", "ruff", "check", *paths)
    python(project, "-m", "ruff", "format", "--check", *paths)
    # Types are checked from here, where the cache of `make lint` knows mu and torch already: in the
    # copy every module of both would be read anew, for most of a minute.
    python(TOP, "-m", "mypy", *(str(project / path) for path in paths), cwd=TOP)
