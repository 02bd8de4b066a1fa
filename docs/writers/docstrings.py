"""What mkdocstrings sees of docstrings: their formulas and doctests as Markdown shows them."""

from typing import Any

from griffe import Extension
from writers.formulas import of_docstring


class Formulas(Extension):
    """Changes each docstring before it is read."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Change the docstring of one object."""
        if obj.docstring:
            obj.docstring.value = of_docstring(obj.docstring.value)
