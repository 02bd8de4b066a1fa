"""How often each verdict falls, as text: for a terminal, and as Markdown."""

from collections.abc import Sequence
from itertools import groupby

from mu.rates.aims import Aim, aims_of
from mu.rates.rates import Frequency, Rate
from mu.rates.row import WORDS
from mu.results.format import NOTHING, plural, printable
from mu.results.words import DIFFERS, LIKE, NULL, Word

LABEL, CELL = 20, 9  # columns of a terminal
LEGEND = """\
Shares of random groups of n pairs, none twice in a group. ±: standard error by
the draws and by the pairs, which all groups share."""
MARK = " !: misses the aim."


def rates_text(rates: Sequence[Rate], aims: bool) -> str:
    """A table per request, at most 80 columns wide.

    Args:
        rates: Of all rows and scores.
        aims: Whether the experiment is the one that aims are set for.
    """
    blocks = []
    for section in sections_of(rates):
        rows = [one for one in section if not one.score]
        sizes = sorted({one.n for one in rows})
        lines = [heading(rows), *_head(sizes)]
        for method in dict.fromkeys(one.method for one in rows):
            lines += _line(
                method, {one.n: one for one in rows if one.method == method}, sizes, aims
            )
        blocks.append("\n".join([*lines, *_alone(section, sizes)]))
    blocks += [missed] if aims and (missed := _missed(rates)) else []
    return "\n\n".join([*blocks, LEGEND + (MARK if aims else "")])


def sections_of(rates: Sequence[Rate]) -> list[list[Rate]]:
    """The rates of each step of each request."""
    ordered = sorted(rates, key=_place)
    return [list(found) for _, found in groupby(ordered, key=_place)]


def _place(one: Rate) -> tuple[int, str, int, str, str]:
    return one.block, one.request, one.step, one.data, one.model


def heading(rows: Sequence[Rate]) -> str:
    """The request, its data and model, and how many pairs and groups there are."""
    one = rows[0]
    pairs = max(row.pairs for row in rows)
    draws = max(row.draws for row in rows)
    step = f", step {one.step + 1}" if any(row.step for row in rows) else ""
    about = f"{printable(one.request)}{step}: {printable(one.data)}, {printable(one.model)}"
    return f"{about}; {plural(pairs, 'pair')}, {plural(draws, 'group')} of n"


def _head(sizes: Sequence[int]) -> list[str]:
    wide = CELL * len(sizes)
    words = "".join(f"{word:>{wide}}" for word in (LIKE, DIFFERS))
    numbers = "".join(f"{f'n = {n}':>{CELL}}" for n in (*sizes, *sizes))
    return [" " * LABEL + words, " " * LABEL + numbers]


def _line(method: str, rows: dict[int, Rate], sizes: Sequence[int], aims: bool) -> list[str]:
    cells = [_cell(rows.get(n), word, aims) for word in (LIKE, DIFFERS) for n in sizes]
    name = printable(method)
    first = [name] if len(name) >= LABEL else []
    return [*first, f"{'' if first else name:<{LABEL}}" + "".join(f"{c:>{CELL}}" for c in cells)]


def _cell(rate: Rate | None, word: Word, aims: bool) -> str:
    if rate is None:
        return NOTHING
    failed = aims and any(one.word == word and not one.met(rate) for one in aims_of(rate))
    return f"{brief(rate.words, word)}{'!' if failed else ''}"


def brief(found: Frequency, word: Word) -> str:
    """A share with its error in eight letters at most.

    >>> brief(Frequency({LIKE: 0.835}, {LIKE: 0.01}, {LIKE: 0.09}), LIKE)
    '.83±.09'
    """
    return f"{_share(found.shares[word])}±{_share(found.error[word])}"


def _share(value: float) -> str:
    text = f"{value:.2f}"
    return text[1:] if text.startswith("0") else text


def _alone(section: Sequence[Rate], sizes: Sequence[int]) -> list[str]:
    """How often each score by itself tells the null row from the oracles, before and after Holm."""
    lines = []
    for n in sizes:
        found = [one for one in section if one.score and one.method == NULL and one.n == n]
        said = [
            f"{printable(one.title)} {_share(one.raw.shares[DIFFERS])}"
            f" → {_share(one.words.shares[DIFFERS])}"
            for one in found
            if one.raw
        ]
        lines += [f"  n = {n}: {', '.join(said)}"] if said else []
    if not lines:
        return []
    return [f"{NULL} differs by one score, before → after Holm's correction:", *lines]


def _missed(rates: Sequence[Rate]) -> str:
    """The aims that were missed, a line each."""
    lines = [
        f"  {one.request}, {one.method}, n = {one.n}: {aim.word} {brief(one.words, aim.word)}, "
        f"aim {_limit(aim)}"
        for one in rates
        for aim in aims_of(one)
        if not aim.met(one)
    ]
    every = sum(len(aims_of(one)) for one in rates)
    said = f"{every - len(lines)} of {plural(every, 'aim')} met"
    return "\n".join([f"{said}; missed:", *lines]) if lines else said


def _limit(aim: Aim) -> str:
    return f"{'≥' if aim.at_least else '≤'} {aim.limit:g}"


def rates_markdown(rates: Sequence[Rate], title: str, aims: bool) -> str:
    """All words of all rows and scores, as GitHub Markdown.

    Args:
        rates: Of all rows and scores.
        title: Of the experiment.
        aims: Whether the experiment is the one that aims are set for.
    """
    blocks = [f"# How often each verdict falls: {printable(title)}"]
    for section in sections_of(rates):
        rows = [one for one in section if not one.score]
        blocks.append(f"## {heading(rows)}")
        head = ["row", "n", *WORDS, *(["aims"] if aims else [])]
        body = [[one.method, str(one.n), *_words(one.words), *_aimed(one, aims)] for one in rows]
        blocks.append(_grid(head, body))
        head = ["row", "score", "n", "differs before Holm", *WORDS]
        body = [
            [one.method, one.title, str(one.n), _long(one.raw, DIFFERS), *_words(one.words)]
            for one in section
            if one.score and one.raw
        ]
        blocks.append(_grid(head, body))
    return "\n\n".join([*blocks, LEGEND]) + "\n"


def _words(found: Frequency) -> list[str]:
    return [_long(found, word) for word in WORDS]


def _long(found: Frequency, word: Word) -> str:
    return f"{found.shares[word]:.3f} ± {found.error[word]:.3f}"


def _aimed(rate: Rate, aims: bool) -> list[str]:
    said = [
        f"{one.word} {_limit(one)}: {'met' if one.met(rate) else 'missed'}"
        for one in (aims_of(rate) if aims else [])
    ]
    return ["; ".join(said) or NOTHING] if aims else []


def _grid(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [[printable(cell).replace("|", "\\|") for cell in row] for row in (head, *body)]
    rows = ["| " + " | ".join(row) + " |" for row in lines]
    return "\n".join([rows[0], "|" + " --- |" * len(head), *rows[1:]])
