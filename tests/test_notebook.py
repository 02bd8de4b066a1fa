"""The notebook and the examples of the library page run as they stand, and have types."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
NOTEBOOK = json.loads((TOP / "docs/notebook.ipynb").read_text(encoding="utf-8"))
CELLS = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
PAGE = (TOP / "docs/library.md").read_text(encoding="utf-8").partition("## An experiment")[2]
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
# Cells share one namespace, a loop runs around them as in a kernel, and the last line is shown.
KERNEL = """
import ast, asyncio, json, sys

async def cells():
    for cell in json.loads(sys.stdin.read()):
        tree = ast.parse(cell)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "cell", "exec"), globals())
        if last is not None:
            shown = eval(compile(ast.Expression(last.value), "cell", "eval"), globals())
            html = shown._repr_html_()
            print(f"shown: {type(shown).__name__}, {len(html)}")

asyncio.run(cells())
"""


def python(folder, *words, given=""):
    own = {k: v for k, v in os.environ.items() if not k.startswith("MU_")}
    path = os.pathsep.join([str(TOP), *filter(None, [os.environ.get("PYTHONPATH")])])
    own |= {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *words],
        cwd=folder,
        env=own,
        text=True,
        input=given,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_notebook_runs_where_a_loop_runs_already(tmp_path):
    said = python(tmp_path, "-c", KERNEL, given=json.dumps(CELLS))
    kinds = re.findall(r"shown: (\w+), \d\d+", said)
    assert kinds == ["Choices", "Study", "Pictures", "DataFrame", "Study", "DataFrame"]
    assert [path.name for path in tmp_path.iterdir()] == [".mu"]


def test_the_notebook_has_no_outputs():
    assert not any(cell.get("outputs") for cell in NOTEBOOK["cells"])


@pytest.mark.parametrize("place", [0, 1])
def test_an_example_of_the_page_runs(tmp_path, place):
    said = python(tmp_path, "-c", EXAMPLES[place])
    assert "ssd" in said.lower()
    assert "failed" not in said
    left = {path.name for path in tmp_path.iterdir()}
    assert left == ({".mu", "gaps.svg", "report.html"} if place == 0 else {".mu"})


def test_the_examples_pass_a_strict_type_check(tmp_path):
    assert len(EXAMPLES) == 2
    for number, text in enumerate(EXAMPLES):
        (tmp_path / f"example_{number}.py").write_text(text)
    files = sorted(str(path) for path in tmp_path.glob("*.py"))
    python(TOP, "-m", "mypy", "--strict", *files)  # from here: the cache of `make lint` serves
