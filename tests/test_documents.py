"""Pages: their generated parts are what the generator writes, and their links lead somewhere."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mu.configuration.choices import choices
from mu.errors import UsageError

TOP = Path(__file__).parents[1]
PAGES = [*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md"), *TOP.glob("experiments/*/*.md")]
NAMES = sorted(path.relative_to(TOP).as_posix() for path in PAGES)
STUDIES = sorted(path.parent.name for path in TOP.glob("experiments/*/results.json"))
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]+))?\)")
CODE = re.compile(r"^(`{3,}).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)


@pytest.fixture
def generate(monkeypatch):
    monkeypatch.syspath_prepend(TOP / "docs")
    import generate

    return generate


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith("/table.md")])
def test_generated_parts_are_what_the_generator_writes(generate, name):
    for path, text in generate.files(TOP / name):
        assert path.read_text(encoding="utf-8") == text, f"{path.relative_to(TOP)}: make docs"


def test_generating_loads_no_torch():
    code = """if True:
        import sys
        sys.path.insert(0, "docs")
        import generate
        for page in ("README.md", "CONTRIBUTING.md", "docs/methods/ssd.md"):
            assert list(generate.files(generate.TOP / page))
        assert not {"torch", "lightning"} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-c", code], cwd=TOP, check=True)


def test_the_readme_is_short():
    assert (TOP / "README.md").stat().st_size <= 13_000


def test_every_kept_experiment_has_a_page_that_the_index_names_once():
    named = re.findall(
        r"experiments/(\w+)/README\.md", (TOP / "docs/results.md").read_text("utf-8")
    )
    assert sorted(named) == STUDIES


def anchors(path):
    """What a link into a page may name: its headings as the repository's host spells them."""
    text = CODE.sub(lambda found: found[0] if found[1] is None else "", path.read_text("utf-8"))
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("name", NAMES)
def test_links_and_pictures_are_there(name):
    page = TOP / name
    for target, anchor in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"\w+:", target):
            continue
        path = page.parent / target if target else page
        assert path.is_file(), f"{target} is no file"
        assert path.resolve().is_relative_to(TOP), f"{target} leaves the project"
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


@pytest.mark.parametrize("name", NAMES)
def test_links_are_written_in_the_way_that_is_checked(name):
    text = CODE.sub("", (TOP / name).read_text(encoding="utf-8"))
    other = r"<(?:a|img)\b[^>]*>|^\[[^\]\n]+\]:\s.*|\]\([^)\n]*\n"
    assert not re.findall(other, text, re.MULTILINE)
    assert len(re.findall(r"\]\(", text)) == len(LINK.findall(text))


def test_links_of_the_notebook_are_there():
    cells = json.loads((TOP / "docs/notebook.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    for target, anchor in LINK.findall(CODE.sub("", text)):
        path = TOP / "docs" / target
        assert re.match(r"\w+:", target) or path.is_file(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


def test_a_broken_link_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One head\n[a](gone.md) `[b](code.md)` ![c](gone.svg) [d](#one-head)\n")
    found = LINK.findall(CODE.sub("", page.read_text()))
    assert found == [("gone.md", ""), ("gone.svg", ""), ("", "one-head")]
    assert anchors(page) == {"one-head"}


def test_the_catalogue_lists_what_there_is():
    lists = re.findall(
        r"<!-- list:(\w+) -->\n(.*?)<!-- /list -->",
        (TOP / "docs/catalogue.md").read_text(encoding="utf-8"),
        re.DOTALL,
    )
    assert {"method", "request", "data", "model", "recipe", "experiment"} <= {g for g, _ in lists}
    for group, text in lists:
        assert re.findall(r"^- \[?`(\w+)`", text, re.MULTILINE) == list(choices(group))


def test_parts_of_results_are_filled_and_stay_where_there_are_none(generate, tiny, tmp_path):
    page = tmp_path / "page.md"
    text = "<!-- list:compute -->\nold\n<!-- /list -->\n<!-- results:tiny -->\n<!-- /results -->"
    folder = tmp_path / "experiments" / "tiny"
    folder.mkdir(parents=True)
    once = generate.generated(text, page, tmp_path)
    assert "- `local`: worker processes" in once
    assert "old" not in once
    assert once.endswith("<!-- results:tiny -->\n<!-- /results -->"), "nothing to show yet"
    generate.studies.study.cache_clear()
    (folder / "results.json").write_bytes((tiny.folder / "results.json").read_bytes())
    (folder / "b0-class-1.svg").touch()
    filled = generate.generated(once, page, tmp_path)
    assert "**class**: scikit-learn digits, small_cnn; 1 pair, 2 oracles each" in filled
    assert "**edges_5**" in filled
    assert "| ssd | " in filled
    assert "(experiments/tiny/b0-class-1.svg)" in filled
    assert generate.generated(filled, page, tmp_path) == filled
    below = generate.generated(once, tmp_path / "docs" / "page.md", tmp_path)
    assert "(../experiments/tiny/b0-class-1.svg)" in below
    one = generate.generated(once.replace(":tiny", ":tiny class"), page, tmp_path)
    assert "**class**" in one
    assert "**edges_5**" not in one
    own = folder / "README.md"
    own.write_text(
        "# Tiny\n\n> One epoch\n> forgets.\n\n<!-- results:tiny -->\n<!-- /results -->\n"
    )
    [(_, study), (table, rows)] = generate.files(own, tmp_path)
    assert "(b0-class-1.svg)" in study
    assert (table, rows) == (folder / "table.md", (tiny.folder / "table.md").read_text("utf-8"))
    index = "<!-- findings:tiny -->\n<!-- /findings -->"
    assert "- [Tiny](experiments/tiny/README.md): One epoch forgets." in generate.generated(
        index, page, tmp_path
    )


def test_a_study_without_a_finding_says_what_to_write(generate, tmp_path):
    with pytest.raises(UsageError, match=r"write experiments/mine/README.md: '# TITLE'"):
        generate.studies.findings(["mine"], tmp_path / "page.md", tmp_path)


def test_options_are_explained_by_the_class_or_its_bases(generate, tmp_path):
    (tmp_path / "mu").mkdir()
    (tmp_path / "mu" / "base.py").write_text(
        'class Base:\n    """Base.\n\n    Args:\n        lr: Rate.\n        size: All.\n    """\n'
    )
    (tmp_path / "mu" / "own.py").write_text(
        "from mu.base import Base\n\n\nclass Own(Base):\n"
        '    """Own.\n\n    Args:\n        lr, step: As for `Base`.\n        size: "a" or\n'
        '            b: None.\n    """\n'
    )
    assert generate.options.meanings("mu.own.Own", tmp_path) == {
        "lr": "Rate.",
        "step": "As for `Base`.",
        "size": "`a` or b: `null`.",
    }


def test_an_option_that_no_docstring_explains_is_named(generate, monkeypatch):
    monkeypatch.setattr(generate.options, "meanings", lambda *_: {"lr": "Rate."})
    with pytest.raises(UsageError, match=r"FineTune has no line under Args for epochs, batch_size"):
        generate.options.table("finetune", TOP)


def test_steps_are_found_with_their_files(generate):
    rows = [line.split(" | ") for line in generate.tree.steps(TOP).splitlines()[2:]]
    assert {row[0].removeprefix("| ") for row in rows} >= {"describe", "fit", "select", "score"}
    assert all(row[2] != "|" for row in rows)
