"""The site of the pages: nothing is left out, staged links hold, nothing comes from elsewhere."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from mu.version import __version__

TOP = Path(__file__).parents[1]
START = (TOP / "docs/start.md").read_text(encoding="utf-8")


@pytest.fixture
def website(monkeypatch):
    monkeypatch.syspath_prepend(TOP / "docs")
    import website
    from writers import formulas

    monkeypatch.setattr(formulas, "mathml", lambda latex, kind="inline": f"<{latex}>")
    return website


@pytest.fixture(scope="module")
def navigation():
    return yaml.safe_load((TOP / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]


def named(entries):
    for entry in entries:
        inner = next(iter(entry.values())) if isinstance(entry, dict) else entry
        yield from named(inner) if isinstance(inner, list) else [inner]


def test_the_navigation_names_every_page_once(website, navigation):
    every = {page.relative_to(TOP).as_posix() for page in website.every_page(TOP)}
    lists = {"methods", "scores", "studies", "reference"}
    made = {"docs/notebook.md", "docs/reference/index.md"}
    by_list = {page for page in every if page.startswith(("docs/methods/", "experiments/"))}
    assert sorted(named(navigation)) == sorted(every - by_list | lists | made)


def test_lists_take_the_place_of_their_names(website):
    nav = [{"Home": "README.md"}, {"Methods": ["docs/all.md", "methods"]}]
    filled = website.filled(nav, {"methods": [{"ssd": "docs/methods/ssd.md"}]})
    inner = ["docs/all.md", {"ssd": "docs/methods/ssd.md"}]
    assert filled == [{"Home": "README.md"}, {"Methods": inner}]


def test_what_staged_pages_link_is_staged(website, tmp_path):
    website.stage(TOP, tmp_path)
    website.add(TOP, tmp_path)
    pages = list(tmp_path.rglob("*.md"))
    assert len(pages) > 400
    for page in pages:
        for target in website.LINK.findall(website.CODE.sub("", page.read_text("utf-8"))):
            if target and not re.match(r"\w+:", target):
                assert (page.parent / target).is_file(), f"{page.relative_to(tmp_path)}: {target}"


def test_every_method_and_score_has_a_page_from_its_docstring(website, tmp_path):
    website.stage(TOP, tmp_path)
    lists = website.add(TOP, tmp_path)
    assert "::: mu.unlearning.ssd.SSD\n" in (tmp_path / "docs/methods/assd.md").read_text("utf-8")
    scores = [page for family in lists["scores"] for page in named([family])]
    assert "docs/scores/kl_forget.md" in scores
    text = (tmp_path / "docs/scores/kl_forget.md").read_text("utf-8")
    assert "Kullback" in text
    assert "](../reference/mu.evaluation.distance.md)" in text


def test_formulas_are_converted_and_code_is_left(website):
    from writers.formulas import of_docstring, of_page

    page = "`$a$` costs 3 $ and $b_1$, \n\n$$c\nd$$\n\n```\n$e$ and $f$\n```\n"
    found = of_page(page)
    assert "`$a$` costs 3 $ and <b_1>," in found
    assert '<div class="formula"><c\nd></div>' in found
    assert "$e$ and $f$" in found
    example = ">>> 1 + 1\n2\n\nExample:\n    >>> 2\n    2"
    text = of_docstring(f"Sum.\n\n.. math:: a\n    b\n\nMore.\n\n{example}")
    assert re.search(r'Sum.\n+<div class="formula"><a\s+b></div>\n+More', text)
    assert "```pycon\n>>> 1 + 1\n2\n```" in text
    assert "Examples:\n    >>> 2" in text


def test_comments_of_generated_parts_leave_their_content(website):
    text = "<!-- list:method -->\n- a\n<!-- /list -->\n`<!-- kept -->`\n"
    assert website.staged(TOP / "docs/x.md", text, TOP) == "\n- a\n\n`<!-- kept -->`\n"


@pytest.mark.parametrize(
    "loads",
    [
        '<script src="https://cdn.example/a.js"></script>',
        '<link rel="stylesheet" href="//cdn.example/a.css">',
        "<img alt=x src=http://cdn.example/a.png>",
        "<style>body { background: url(https://cdn.example/a.png) }</style>",
    ],
)
def test_what_is_loaded_from_elsewhere_is_seen(website, tmp_path, loads):
    (tmp_path / "page.html").write_text(f'<a href="https://example.org">read</a>{loads}')
    [found] = website.fetched(tmp_path)
    assert "//cdn.example/a." in found
    assert "example.org" not in found


def test_the_start_page_runs_in_an_empty_folder_and_leaves_nothing_there(tmp_path):
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", START, re.MULTILINE | re.DOTALL))
    own = {k: v for k, v in os.environ.items() if not k.startswith("MU_")}
    own |= {"PYTHONPATH": str(TOP), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=own, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
    wrong, kl, _ = done.stdout.splitlines()
    assert re.search(r"wrong on the 3s: (0\.[5-9]|1\.)", wrong)
    assert kl.startswith("KL to the oracles: ")


def test_one_version_is_said_everywhere():
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((TOP / "CITATION.cff").read_text(encoding="utf-8"))
    changes = (TOP / "CHANGELOG.md").read_text(encoding="utf-8")
    assert {project["version"], str(citation["version"])} == {__version__}
    assert re.findall(r"^## \[(.+?)\]", changes, re.MULTILINE)[:2] == ["Unreleased", __version__]
