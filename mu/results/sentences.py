"""The reason of a verdict, in one sentence that says by which score and how much may be left."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mu.results.evidence import Panel
from mu.results.format import cannot_tell, number, plural
from mu.results.headline import TAU
from mu.results.intervals import deviation
from mu.results.judgement import FEWEST, Judged, Judgement
from mu.results.rule import (
    Measured,
    contrast,
    pairs_to_recognise,
    pairs_to_tell,
    variance_of_retraining,
)
from mu.results.words import DIFFERS, INSIDE, LIKE, NO_POWER, OPEN


def reason_of(judged: Judged, panel: Panel, retrained: Judged | None = None) -> str:
    """Why a row has its word, and what limits it.

    Args:
        judged: What is said of the row.
        panel: Titles of scores.
        retrained: The same of the row of one more retrained model, where there is one: how many
            pairs would recognise it.
    """
    if not judged.headline:
        return "; ".join(["no headline score applies", *_caveats(judged)])
    say = {LIKE: _like, DIFFERS: _differs, INSIDE: _differs, NO_POWER: _no_power}.get(judged.word)
    said = [say(judged)] if say else []
    if judged.word in (INSIDE, OPEN):
        said += _open(judged, panel, retrained)
    return "; ".join([*said, *_within(judged), *_caveats(judged)])


def percent_of_gap(value: float) -> str:
    """A share of the original's gap, in whole per cent.

    >>> percent_of_gap(0.2351)
    '24 %'
    """
    return f"{number(100 * value, 0)} %"


def _like(judged: Judged) -> str:
    shown = [one for name in judged.decisive if (one := judged.scores[name]).shown]
    worst = max(shown, key=lambda one: one.at_most)
    most = (
        f"at most {percent_of_gap(worst.at_most)} of the original's gap can be left ({worst.title})"
    )
    return f"{most}; {plural(judged.pairs, 'pair')}"


def _differs(judged: Judged) -> str:
    found = [judged.scores[name] for name in judged.on]
    said, told = [], False
    for one in found:
        text = _distance(one, told)
        told = told or "original's gap" in text
        said.append(f"{one.title} ({text})")
    return ", ".join(said)


def _distance(one: Judgement, told: bool) -> str:
    """How far a score is from the oracle: the share of the original's gap, else the gap."""
    if one.found.infinite:
        return f"infinite in {_pairs(one.found.infinite)}"
    if math.isnan(one.left):
        return number(one.found.gap.mean, sign=True)
    left = percent_of_gap(one.left) + ("" if told else " of the original's gap left")
    if one.left < 0 and one.found.measured.better == "oracle":
        return f"{left}, beyond the oracle"
    return f"{left}, farther than doing nothing" if farther(one.found.measured) else left


def farther(one: Measured) -> bool:
    """Whether a row is surely farther from the oracles, on the original's side, than it is."""
    low, high = contrast(one, 1.0).interval()
    side = one.of_original.gap.mean
    return low > 0 if side > 0 else high < 0


def _no_power(judged: Judged) -> str:
    blind = [judged.scores[n] for n in judged.decisive if n in judged.scores]
    blind = [one for one in blind if one.word == NO_POWER]
    wanted = [n for one in blind if (n := pairs_to_tell(one.found.measured))]
    return cannot_tell(judged.pairs, [one.title for one in blind], max(wanted, default=0))


def _open(judged: Judged, panel: Panel, retrained: Judged | None) -> list[str]:
    """What keeps a row from being called like the oracle."""
    said = []
    if judged.missing:
        titles = [panel["scores"].get(name, {}).get("title") or name for name in judged.missing]
        said.append(f"without {', '.join(titles)} it cannot be called like the oracle")
    if judged.pairs < FEWEST:
        return [*said, f"{FEWEST} pairs are the fewest that can show how little is left"]
    decisive = [judged.scores[name] for name in judged.decisive if name in judged.scores]
    if any(not one.found.measured.original for one in decisive):
        return [*said, "power unknown without original"]
    loose = [one for one in decisive if not one.inside]
    wide = [one for one in loose if not one.at_most <= TAU]
    if wide:
        worst = max(wide, key=lambda one: one.at_most)
        most = f"up to {percent_of_gap(worst.at_most)} of the original's gap may be left"
        known = math.isfinite(worst.at_most)
        said.append(f"{most} ({worst.title})" if known else f"{worst.title} is undecided")
    kept = [judged.scores[n] for n in judged.headline if judged.scores[n].kind == "utility"]
    kept = [one for one in kept if one.facts.get("margin") is not None and not one.inside]
    margins = [one for one in [*loose, *kept] if one not in wide]
    if margins:
        names = ", ".join(one.title for one in margins)
        limit = max(float(one.facts.get("margin") or 0) for one in margins)
        said.append(f"{names} not surely within {limit:g}")
    if (pairs := recognised(decisive, retrained)) and pairs > judged.pairs:
        said.append(f"about {pairs} pairs would recognise a retrain")
    return said


def recognised(decisive: Iterable[Judgement], retrained: Judged | None) -> int | None:
    """About how many pairs call a retrained model like the oracle by every decisive score.

    Without a row of such a model the first oracle of each pair stands for it.
    """
    wanted = []
    for one in decisive:
        other = retrained.scores.get(one.score) if retrained else None
        null = other.found.measured if other else stand_in(one.found.measured)
        wanted.append(pairs_to_recognise(null) if null else None)
    known = [n for n in wanted if n is not None]
    return max(known) if known and len(known) == len(wanted) else None


def stand_in(one: Measured) -> Measured | None:
    """The first oracle of each pair as a row, held against the others; None with fewer than 3."""
    if one.k < 3:
        return None
    first = [values[0] for values in one.oracles]
    return replace(one, row=first, oracles=[values[1:] for values in one.oracles])


def _within(judged: Judged) -> list[str]:
    """The scores that differ inside their margins, where the word rests on others."""
    if judged.word == INSIDE:
        return []
    found = [judged.scores[name] for name in judged.headline]
    titles = [one.title for one in found if one.word == INSIDE]
    verb = "differs" if len(titles) == 1 else "differ"
    return [f"{', '.join(titles)} {verb}, within the margin"] if titles else []


def _caveats(judged: Judged) -> list[str]:
    """What limits the verdict: shared sets or oracles, values that are missing, odd spreads."""
    found = [judged.scores[name] for name in judged.headline]
    notes = [one.found.caveat() for one in found]
    for one in found:
        if one.found.missing:
            notes.append(f"{one.title} has no value in {_pairs(one.found.missing)}")
    if found and all(still(one.found.measured) for one in found):
        notes.append("the oracles do not vary")
    wild = [one.title for one in found if unsteady(one.found.measured)]
    if wild and judged.word in (LIKE, OPEN):  # where it is the reason, or makes it less sure
        notes.append(f"varies at least twice as much as retraining ({', '.join(wild)})")
    return list(dict.fromkeys(note for note in notes if note))


def still(one: Measured) -> bool:
    """Whether several oracles of each pair agree to the last bit."""
    return one.k > 1 and all(deviation(values) == 0 for values in one.oracles)


def unsteady(one: Measured) -> bool:
    """Whether the gaps of a row spread at least twice as far as those of a retrained model."""
    if one.n < FEWEST or one.k < 2 or one.shared:
        return False
    gaps = [v - sum(q) / len(q) for v, q in zip(one.row, one.oracles, strict=True)]
    return deviation(gaps) ** 2 > 4 * variance_of_retraining(one) > 0


def _pairs(numbers: Sequence[int]) -> str:
    """Pairs by their numbers.

    >>> _pairs([2]), _pairs([0, 3])
    ('pair 2', 'pairs 0, 3')
    """
    return ("pair " if len(numbers) == 1 else "pairs ") + ", ".join(map(str, numbers))
