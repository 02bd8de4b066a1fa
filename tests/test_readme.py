"""README.md: its example runs as it stands, and what it names is there."""

import os
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from mu.configuration.choices import choices

TOP = Path(__file__).parents[1]
TEXT = (TOP / "README.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [str(path.relative_to(TOP)) for path in sorted((TOP / "docs").rglob("*.md"))]
LIST = re.compile(r"<!-- list:(\w+) -->\n(.*?)<!-- /list -->", re.DOTALL)


@pytest.fixture(scope="module")
def generate():
    spec = spec_from_file_location("generate", TOP / "docs" / "generate.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
    assert [line[0] for line in lines] == ["ua", "ra", "ta", "mia", "kl_forget"]
    values = {line[0]: (float(line[1]), float(line[3])) for line in lines}
    assert values["ua"][1] > 0.95, "an oracle recognises what it never saw"
    assert values["ua"][0] > 0.5, "nothing was forgotten"
    assert values["ra"][1] > 0.95, "the oracles did not learn"


def test_the_lists_name_only_what_there_is():
    lists = LIST.findall(TEXT)
    assert {group for group, _ in lists} == {"method", "request", "data", "model", "experiment"}
    for group, text in lists:
        named = re.findall(r"^- \[?`(\w+)`", text, re.MULTILINE)
        assert named, f"the list of {group} is empty: make docs"
        assert set(named) <= set(choices(group))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *PAGES])
def test_links_lead_to_files(page):
    path = TOP / page
    for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_generated_parts_are_filled_and_stay_as_they_are(generate, tiny, tmp_path):
    text = "a\n<!-- list:compute -->\nold\n<!-- /list -->\n<!-- results:tiny -->\n<!-- /results -->"
    folder = tmp_path / "experiments" / "tiny"
    folder.mkdir(parents=True)
    once = generate.generated(text, tmp_path)
    assert "- `local`: worker processes" in once
    assert "old" not in once
    assert once.endswith("<!-- results:tiny -->\n<!-- /results -->"), "nothing to show yet"
    for name in ("results.json", "table.md"):
        (folder / name).write_bytes((tiny.folder / name).read_bytes())
    (folder / "b0-class-1.svg").touch()
    filled = generate.generated(once, tmp_path)
    assert "**class**: scikit-learn digits, small_cnn; 1 pair, 2 oracles each" in filled
    assert "| ssd | " in filled
    assert "(experiments/tiny/b0-class-1.svg)" in filled
    assert generate.generated(filled, tmp_path) == filled
    below = generate.generated(once, tmp_path, tmp_path / "docs")
    assert "(../experiments/tiny/b0-class-1.svg)" in below
