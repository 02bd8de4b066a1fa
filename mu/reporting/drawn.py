"""The page of results, kept in the store until results, mu or a library change."""

import json
import platform
from contextlib import suppress
from hashlib import blake2b
from importlib import metadata

from mu.artifact import digest
from mu.reporting.page import html_page
from mu.results.results import Results
from mu.running.installed import digest_of_mu
from mu.storing.inventory import PAGES
from mu.storing.store import Store
from mu.storing.whole_files import write_text

LIBRARIES = ("matplotlib", "numpy", "jinja2", "markupsafe")


def drawn_page(results: Results, store: Store) -> str:
    """The text of ``report.html``, drawn only where it is not that of the last run.

    Args:
        results: As of `html_page`.
        store: Where the last page of every experiment is kept; one that cannot be written is only
            read.
    """
    file = store.root / PAGES / f"{digest(results.experiment)}.html"
    key = page_key(results)
    with suppress(OSError, ValueError):
        first, _, page = file.read_text(encoding="utf-8").partition("\n")
        if first == _mark(key, page):
            return page
    page = html_page(results)
    if not store.unwritable:
        with suppress(OSError):  # the page is there, kept or not
            file.parent.mkdir(exist_ok=True)
            write_text(file, f"{_mark(key, page)}\n{page}")
    return page


def _mark(key: str, page: str) -> str:
    """What the first line of a kept page is: what decided it, and that it is whole."""
    return f"{key} {blake2b(page.encode(), digest_size=16).hexdigest()}"


def page_key(results: Results) -> str:
    """Digest of all that decides a page."""
    told = json.dumps(results.plain(), default=lambda value: value.tolist())
    versions = [metadata.version(name) for name in LIBRARIES]
    return digest([told, digest_of_mu(), platform.python_version(), versions])
