"""From result cards to table rows and verdicts: how far is a method from its oracles, surely?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mu.results.card import Card
from mu.results.estimate import LEVEL, Estimate
from mu.results.evidence import Evidence, Panel, evidence_tables, kind_of
from mu.results.format import finite
from mu.results.intervals import holm
from mu.results.rows import Row, Verdict
from mu.results.words import DIFFERS, LIKE, NO_POWER, OPEN, ORACLE, ORIGINAL, RANDOM, Word

REFERENCE = {"forgetting": ORIGINAL, "utility": RANDOM}
Table = Mapping[str, Mapping[str, Evidence]]


def _judged(found: Evidence, name: str, table: Table, panel: Panel) -> tuple[Word, bool | None]:
    """The verdict, and whether the score tells its reference row from the oracles, None if unknown.

    A reference nearer to the oracles than they are to each other is not told from them.
    """
    facts = panel["scores"].get(name, {})
    better = facts.get("better", "oracle")
    reference = table.get(REFERENCE[kind_of(name, panel)], {}).get(name)
    power = None
    if reference is not None:
        power = reference.gap.excludes_zero() and not _nearer(reference.gap, better)
    return verdict(found.gap, power, facts.get("margin"), better), power


def _nearer(gap: Estimate, better: str) -> bool:
    return {"lower": gap.mean < 0, "higher": gap.mean > 0}.get(better, False)


def _within(gap: Estimate, margin: float, better: str) -> bool:
    low, high = gap.interval(0.90)
    one_sided = {"lower": high < margin, "higher": low > -margin}
    return one_sided[better] if better in one_sided else gap.within(margin)


def verdict(
    gap: Estimate, power: bool | None, margin: float | None = None, better: str = "oracle"
) -> Word:
    """The verdict on one score of one method.

    *differs*: the 95 % interval of the paired gap excludes 0; for a distance to the oracles only
    where it lies beyond the oracles' distance from each other. *no power here*: it does not, and
    the score cannot tell the reference row (original, or random weights for utility) from the
    oracles either. *like the oracle*: the score has power, and a distance is surely smaller than
    that between oracles, or the gap is within `margin` by an equivalence test, for a distance by
    its one side that counts. *inconclusive*: everything else.

    Args:
        gap: Paired gap of the method.
        power: Whether the reference row's gap excludes 0, None if unknown.
        margin: Equivalence margin of the score, in its units.
        better: `lower` for a distance to the oracles, `higher` for an agreement with them.
    """
    if gap.excludes_zero() and not _nearer(gap, better):
        return DIFFERS
    if power is False:
        return NO_POWER
    if gap.excludes_zero():
        return LIKE
    if power and margin is not None and _within(gap, margin, better):
        return LIKE
    return OPEN


def aggregate(cards: Iterable[Card], panel: Panel) -> list[Row]:
    """One row per block, request, step, data, model, method and score.

    Failed cards are skipped; values that are no numbers and pairs without oracles are left out of
    n. Cards of the same training seed and forget set are averaged before anything else.

    Args:
        cards: The cards of one panel.
        panel: {"scores": {name: {"title", "kind", "better", "range", "headline", "margin"}}}.
    """
    return [
        _row(group._asdict() | {"method": method, "metric": name}, found, table, panel)
        for group, _, table in evidence_tables(cards, panel)
        for method, scores in table.items()
        for name, found in scores.items()
    ]


def _row(about: dict[str, Any], found: Evidence, table: Table, panel: Panel) -> Row:
    name = about["metric"]
    word: Word = ""
    if kind_of(name, panel) in REFERENCE and about["method"] != ORACLE and found.value.n:
        word, _ = _judged(found, name, table, panel)
    low, high = map(finite, found.value.interval())
    gap_low, gap_high = map(finite, found.gap.interval())
    return Row(
        **about,
        mean=finite(found.value.mean),
        low=low,
        high=high,
        n=found.value.n,
        oracle=finite(found.oracle),
        gap=finite(found.gap.mean),
        gap_low=gap_low,
        gap_high=gap_high,
        verdict=word,
    )


def _headline(method: str, table: Table, panel: Panel) -> dict[str, Word]:
    """The verdict on each headline score that applies, Holm-adjusted over them."""
    found = {
        name: table[method][name]
        for name, facts in panel["scores"].items()
        if facts.get("headline") and kind_of(name, panel) in REFERENCE and name in table[method]
    }
    found = {name: one for name, one in found.items() if one.value.n}
    adjusted = holm([one.gap.pvalue() for one in found.values()])
    words: dict[str, Word] = {}
    for (name, one), p in zip(found.items(), adjusted, strict=True):
        word, power = _judged(one, name, table, panel)
        if word == DIFFERS and not p < 1 - LEVEL:
            word = NO_POWER if power is False else OPEN
        words[name] = word
    return words


def _overall(words: Mapping[str, Word], panel: Panel) -> tuple[Word, list[str]]:
    """The verdict on a method and the scores it rests on."""
    if not words:
        return OPEN, []
    forgetting = [name for name in words if kind_of(name, panel) == "forgetting"]
    differ = [name for name, word in words.items() if word == DIFFERS]
    if differ:
        return DIFFERS, differ
    if all(words[name] == NO_POWER for name in forgetting):
        return NO_POWER, forgetting
    powered = [name for name, word in words.items() if word != NO_POWER]
    if all(words[name] == LIKE for name in powered):
        return LIKE, powered
    return OPEN, [name for name in powered if words[name] == OPEN]


def _notes(method: str, words: Mapping[str, Word], table: Table, panel: Panel) -> list[str]:
    """What limits the verdict: the intervals' caveats, and reference rows that miss."""
    kinds = dict.fromkeys(kind_of(name, panel) for name in words)
    missing = [
        f"power unknown without {REFERENCE[kind]}"
        for kind in kinds
        if not table.get(REFERENCE[kind])
    ]
    if words and "forgetting" not in kinds:
        missing.append("no forgetting score")
    return [*(table[method][name].caveat() for name in words), *missing]


def _reason(words: Mapping[str, Word], panel: Panel, notes: Iterable[str]) -> str:
    """One short sentence, such as `UA, TA differ; MIA inconclusive`."""
    notes = list(dict.fromkeys(note for note in notes if note))
    if not words:
        return "; ".join(["no headline score applies", *notes])
    if any(note.startswith("one ") for note in notes) and set(words.values()) == {OPEN}:
        return "; ".join(notes)  # without intervals there is nothing to say about single scores
    said = []
    for word in (DIFFERS, OPEN, LIKE, NO_POWER):
        names = [name for name, given in words.items() if given == word]
        titles = ", ".join(panel["scores"][name].get("title") or name for name in names)
        if names:
            many = "differ" if word == DIFFERS and len(names) > 1 else word
            said.append(f"{titles} {'without power' if word == NO_POWER else many}")
    return "; ".join([*said, *notes])


def _failures(cards: Sequence[Card]) -> str:
    """How many pairs failed, in words."""
    failed = [card for card in cards if card.error]
    if not failed:
        return ""
    if len(failed) == len(cards):
        return f"failed: {failed[0].error}"
    return f"{len(failed)} of {len(cards)} cells failed"


def verdicts(rows: Iterable[Row], panel: Panel, cards: Iterable[Card]) -> list[Verdict]:
    """One verdict per block, request, step, data, model and method over the headline scores.

    *differs* if any headline score differs, Holm-adjusted over the method's headline scores; else
    *no power here* if no headline forgetting score has power; else *like the oracle* if every
    headline score with power passes its equivalence test; else *inconclusive*. The oracle's own
    row, and methods of which no cell finished, get an empty verdict.

    Args:
        rows: `aggregate(cards, panel)`, or a selection: groups that have finished cells
            but no row are left out.
        panel: As in `aggregate`.
        cards: The cards behind the rows (intervals alone do not give p-values).
    """
    wanted = {(*row.place, row.data, row.model) for row in rows}
    result = []
    for group, methods, table in evidence_tables(cards, panel):
        if group not in wanted and any(table.values()):
            continue
        for method, listed in methods.items():
            failures = _failures(listed)
            word: Word = ""
            reason, on = failures, list[str]()
            if method != ORACLE and table[method]:
                words = _headline(method, table, panel)
                word, on = _overall(words, panel)
                notes = _notes(method, words, table, panel)
                reason = _reason(words, panel, [*notes, failures])
            about = group._asdict() | {"method": method}
            result.append(Verdict(**about, verdict=word, reason=reason, on=on))
    return result
