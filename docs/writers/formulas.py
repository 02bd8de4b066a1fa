"""Formulas of pages and docstrings as MathML, which browsers show without a script."""

import re
import textwrap
from collections.abc import Callable

CODE = re.compile(r"^(`{3,}).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)
DISPLAY = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
INLINE = re.compile(r"\$([^\s$](?:[^$]*?[^\s$])?)\$(?!\d)")
DIRECTIVE = re.compile(r"^\.\. math::(.*(?:\n[ \t]+\S.*|\n(?=\n[ \t]+\S))*)", re.MULTILINE)
ROLE = re.compile(r":math:`([^`]+)`")
DOCTEST = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)

OPENING = ("(", "[", r"\lVert")
SIZED = re.compile(r"\\[Bb]ig([(\[\])]|\\[lr]Vert)")  # a size that grows with what stands inside


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """A page with all changed that is neither a block nor a span of code."""
    end, out = 0, []
    for code in CODE.finditer(text):
        out += [change(text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*out, change(text[end:])])


def of_page(text: str) -> str:
    """A page with ``$…$`` and ``$$…$$`` as MathML."""

    def change(part: str) -> str:
        part = DISPLAY.sub(lambda found: display(found[1]), part)
        return INLINE.sub(lambda found: mathml(found[1]), part)

    return outside_code(text, change)


def of_docstring(text: str) -> str:
    """A docstring with ``.. math::`` and ``:math:`` as MathML, and doctests as blocks of code.

    A section that is headed by one example is one that mkdocstrings knows by more.
    """
    text = re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)
    text = DOCTEST.sub(lambda found: f"```pycon\n{found[0]}\n```", text)
    text = DIRECTIVE.sub(lambda found: display(textwrap.dedent(found[1])), text)
    return ROLE.sub(lambda found: mathml(found[1]), text)


def display(latex: str) -> str:
    """A formula on lines of its own."""
    return f'\n\n<div class="formula">{mathml(latex, "block")}</div>\n\n'


def mathml(latex: str, kind: str = "inline") -> str:
    """LaTeX as MathML, in a span since Markdown takes math alone for a block."""
    from latex2mathml.converter import convert

    def side(found: re.Match[str]) -> str:
        return (r"\left" if found[1] in OPENING else r"\right") + found[1]

    latex = SIZED.sub(side, latex)
    made = convert(" ".join(latex.split()), display=kind).replace(r"\_", "_")
    made = made.replace("<mi>&#x029F5;</mi>", "<mo>&#x5C;</mo>")  # many fonts have no such sign
    return f"<span>{made}</span>"
