"""What there is to choose from, as Python shows it."""

from html import escape
from typing import TYPE_CHECKING

from mu.verbs.listing import choices_about, scores

if TYPE_CHECKING:
    import pandas


class Choices(dict[str, str]):
    """Name → what it is, in one line; prints a line each, shows as a table in a notebook."""

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        return "\n".join(f"{name:<{width}}  {about}" for name, about in self.items())

    def _repr_html_(self) -> str:
        cells = (f"<tr><th>{escape(n)}</th><td>{escape(a)}</td></tr>" for n, a in self.items())
        return f"<table>{''.join(cells)}</table>"

    def frame(self) -> "pandas.DataFrame":
        """The same as a frame with the columns ``name`` and ``about``."""
        import pandas

        return pandas.DataFrame(list(self.items()), columns=["name", "about"])


def methods() -> Choices:
    """The methods of ``mu list methods``, your own of ``MU_CONFIGS`` among them."""
    return Choices(choices_about("methods"))


def datasets() -> Choices:
    """The data sets."""
    return Choices(choices_about("datasets"))


def experiments() -> Choices:
    """The experiments that `mu.run` takes by name."""
    return Choices(choices_about("experiments"))


def metrics() -> "pandas.DataFrame":
    """The scores of each panel: a row each, with title, kind and whether verdicts rest on it."""
    import pandas

    columns = ("title", "kind", "headline", "decisive")
    found = [
        {"panel": panel, "score": name} | {column: facts[column] for column in columns}
        for panel, _, described in scores()
        for name, facts in described.items()
    ]
    return pandas.DataFrame(found)
