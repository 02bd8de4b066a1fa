"""An audit as one page that needs nothing else, and as a fragment for a notebook."""

import math
from typing import TYPE_CHECKING, Any

from mu.auditing.bench import RANDOM, Test
from mu.auditing.verdict import TONES, answer, as_count, how_sure, line_of, place_of
from mu.reporting.page import environment
from mu.results.format import NOTHING, interval, number

if TYPE_CHECKING:
    from mu.auditing.record import Audit, ScoreRow

NAMES = {
    "membership": "told from unseen samples",
    "accuracy": "answered rightly",
    "trunk": "class kept apart in the trunk",
    "rmia": "told from unseen samples",
}
KINDS = {
    "forgetting": "Forgetting: each should lie where the oracles lie, neither above nor below",
    "utility": "Usefulness: what the model still does well",
}


def audit_page(audit: "Audit") -> str:
    """The text of the page: no script, nothing loaded from outside; the same for the same audit."""
    return environment().get_template("audit.html.j2").render(_context(audit), whole=True) + "\n"


def audit_fragment(audit: "Audit") -> str:
    """The same as a part of somebody else's page, which brings its style along."""
    return environment().get_template("audit.html.j2").render(_context(audit), whole=False)


def _context(audit: "Audit") -> dict[str, Any]:
    case = audit.case
    original = {(one.name, one.request): one for one in case.original or ()}
    return {
        "audit": audit,
        "word": case.word,
        "tone": TONES[case.word],
        "answer": answer(case),
        "sure": how_sure(case),
        "tests": [
            _test(one, original.get((one.name, one.request)), one in case.seeing)
            for one in case.tests
        ],
        "earlier": [
            {
                "name": place,
                "size": one.forgotten,
                "word": case.word_of(place),
                "tone": TONES[case.word_of(place)],
            }
            for place, one in enumerate(case.earlier, start=1)
        ],
        "place": place_of(case),
        "left": "" if math.isnan(case.left) else f"{100 * case.left:.0f} %",
        "random": case.kind == RANDOM,
        "epsilon": number(audit.epsilon, 2) if audit.epsilon > 0 else "",
        "judged": not math.isnan(audit.epsilon),
        "groups": [
            (title, [_score(one) for one in audit.scores if one.kind == kind])
            for kind, title in KINDS.items()
        ],
    }


def _test(one: Test, original: Test | None, sees: bool) -> dict[str, str]:
    """One line of the table of tests; one that does not find the original clears nobody."""
    word = "outside" if one.found else "within" if sees else "within, as the original is"
    return {
        "name": NAMES[one.name] + (f", earlier request {one.request}" if one.request else ""),
        "value": as_count(one.value, one.size),
        "line": "about 0.5" if one.name == "membership" else line_of(one),
        "original": NOTHING if original is None else as_count(original.value, original.size),
        "p": "< 0.001" if one.adjusted < 0.001 else number(one.adjusted),
        "found": word,
        "tone": "bad" if one.found else "good" if sees else "open",
    }


def _score(one: "ScoreRow") -> dict[str, str]:
    """One line of the table of scores."""
    from mu.auditing.record import oracle_range

    return {
        "title": one.titled(),
        "value": number(one.value),
        "interval": interval(one.low, one.high),
        "oracles": oracle_range(one),
        "original": number(one.original),
        "p": NOTHING if one.p is None else "< 0.001" if one.p < 0.001 else number(one.p),
    }
