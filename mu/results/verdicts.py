"""From result cards to table rows and verdicts: how far is a method from its oracles, surely?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mu.results.card import Card
from mu.results.comparisons import did_nothing, idle
from mu.results.estimate import NAN
from mu.results.evidence import Evidence, Panel, evidence_tables
from mu.results.format import finite
from mu.results.judgement import Judged, judge
from mu.results.rows import Row, Verdict
from mu.results.sentences import reason_of
from mu.results.words import NOT_METHODS, NULL, ORACLE, Word


def tabulate(cards: Iterable[Card], panel: Panel) -> tuple[list[Row], list[Verdict]]:
    """Rows and verdicts of the cards of one panel.

    A row per block, request, step, data, model, method and score; a verdict (see `judge`) on each
    method. Failed cards are skipped; values that are no numbers and pairs without oracles are left
    out of n. Cards of the same training seed and forget set are averaged before anything else. The
    oracle's own row, and methods of which no cell finished, get an empty verdict.

    Args:
        cards: The cards of one panel.
        panel: {"scores": {name: {"title", "kind", "better", "range", "headline", "decisive",
            "margin"}}}.
    """
    rows, words = list[Row](), list[Verdict]()
    for group, methods, table in evidence_tables(cards, panel):
        judged = {method: judge(scores, panel) for method, scores in table.items()}
        for method, one in judged.items():
            about = group._asdict() | {"method": method}
            rows += [_row(about | {"metric": n}, f, one, n) for n, f in table[method].items()]
            reason = [_failures(methods[method])]
            word: Word = ""
            if method != ORACLE and table[method]:
                word = one.word
                said = reason_of(one, panel, judged.get(NULL))
                reason = [_idle(method, methods), said, *reason]
            text = "; ".join(part for part in reason if part)
            on = one.on if word else []
            words.append(Verdict(**about, verdict=word, reason=text, on=on))
    return rows, words


def _row(about: dict[str, Any], found: Evidence, judged: Judged, name: str) -> Row:
    one = None if about["method"] == ORACLE else judged.scores.get(name)
    gap = replace(found.gap, mean=NAN, error=NAN) if about["method"] == ORACLE else found.gap
    low, high = map(finite, found.value.interval())
    gap_low, gap_high = map(finite, gap.interval())
    decisive = one is not None and name in judged.decisive
    return Row(
        **about,
        mean=finite(found.value.mean),
        low=low,
        high=high,
        n=found.value.n,
        oracle=finite(found.oracle),
        gap=finite(gap.mean),
        gap_low=gap_low,
        gap_high=gap_high,
        verdict=one.word if one else "",
        left=finite(one.left) if one else None,
        at_most=finite(one.at_most) if one and decisive else None,
    )


def _failures(cards: Sequence[Card]) -> str:
    """How many pairs failed, in words."""
    failed = [card for card in cards if card.error]
    if not failed:
        return ""
    if len(failed) == len(cards):
        return f"failed: {failed[0].error}"
    return f"{len(failed)} of {len(cards)} cells failed"


def _idle(method: str, methods: Mapping[str, Sequence[Card]]) -> str:
    """That a method predicts as if nothing had been done, where it does."""
    base = idle(card for cards in methods.values() for card in cards)
    if base is None or method in (*NOT_METHODS, base):
        return ""
    same = did_nothing(methods[method], methods[base])
    return f"did nothing: it predicts as {base} does" if same else ""
