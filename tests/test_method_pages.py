"""Every method has a page that names its options and how to run it."""

from pathlib import Path

import pytest

from mu.configuration.choices import choices, options_of, read_yaml

PAGES = Path(__file__).parents[1] / "docs" / "methods"


@pytest.mark.parametrize("name", choices("method"))
def test_it_has_a_page_that_names_every_option(name):
    page = PAGES / f"{name}.md"
    assert page.is_file(), f"write docs/methods/{name}.md, see CONTRIBUTING 'A page'"
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# ")
    options = [key for key in options_of(read_yaml(choices("method")[name])) if key != "_target_"]
    missing = [option for option in options if f"`{option}`" not in text]
    assert not missing, f"docs/methods/{name}.md says nothing of {', '.join(missing)}: make docs"
    assert "mu run " in text


def test_no_page_is_of_a_method_that_is_gone():
    assert {path.stem for path in PAGES.glob("*.md")} <= set(choices("method"))
