"""What a search for a forget set found, beside what it has to beat."""

from collections.abc import Iterable, Sequence

from mu.results.card import Card, Facts
from mu.results.comparisons import search_gain
from mu.results.format import finite, plural

STARTS = ("one_pass", "random")
NAMES = {"one_pass": "one pass", "random": "random set", "value": "search"}
UNITS = {"kl": "nats of KL divergence", "loss": "difference of losses"}


def searches(cards: Iterable[Card]) -> list[Facts]:
    """What the selections of the pairs report, one entry a pair, from the cards of a request."""
    found = {card.pair: card.search for card in cards}
    return [one for _, one in sorted(found.items(), key=lambda item: str(item[0])) if one]


def search_notes(cards: Iterable[Card]) -> list[str]:
    """Sentences on the search, for the report and the terminal."""
    found = searches(cards)
    if not found:
        return []
    if "distance_chosen" in found[0]:
        return [distance_note(found)]
    means = {n: mean(found, f"value_{n}") for n in STARTS} | {"value": mean(found, "value")}
    shown = ", ".join(f"{NAMES[n]} {v:.3g}" for n, v in means.items() if v is not None)
    same, chance = mean(found, "overlap_one_pass") or 0.0, mean(found, "overlap_chance") or 0.0
    steps = sorted(int(one["iterations"]) for one in found)
    spread = f"{steps[0]}" if steps[0] == steps[-1] else f"{steps[0]} to {steps[-1]}"
    back = sum(bool(one.get("returned_start")) for one in found)
    returned = f"; the first set was returned in {back} of {len(found)} pairs" if back else ""
    notes = [
        "mean loss on the set once the lower level has forgotten it, by the models that "
        f"selected: {shown}; {spread} iterations; {same:.0%} of the set are in that of one pass "
        f"(chance {chance:.0%}); {search_verdict(found)}{returned}{cost(found)}"
    ]
    warned = [text for one in found for text in one.get("warnings", ())]
    return notes + [
        f"{text} ({plural(warned.count(text), 'pair')})" for text in dict.fromkeys(warned)
    ]


def cost(found: Sequence[Facts]) -> str:
    """What the search cost, in passes over the data it chose from."""
    spent = [one for one in found if one.get("passes") and one.get("look")]
    if not spent:
        return ""
    forward, backward = (
        sum(one["passes"][k] / one["look"] for one in spent) / len(spent) for k in (0, 1)
    )
    return f"; it took {forward:.0f} forward and {backward:.0f} backward passes over the data"


def distance_note(found: Sequence[Facts]) -> str:
    """How far the method ends from models that never saw the samples, chosen and all."""
    chosen, every = mean(found, "distance_chosen"), mean(found, "distance_all")
    unit = UNITS.get(str(found[0].get("distance")), "")
    return (
        f"distance from models that never saw the samples, {unit}: {chosen:.3g} on the set, "
        f"{every:.3g} on all (estimated by the models that selected)"
    )


def mean(found: Sequence[Facts], name: str) -> float | None:
    """Mean of a number over the pairs that have it."""
    known = [v for one in found if (v := finite(one.get(name))) is not None]
    return sum(known) / len(known) if known else None


def search_verdict(found: Sequence[Facts]) -> str:
    """Whether the search has beaten one pass, in words."""
    paired = search_gain(found)
    if paired.mean == 0 and paired.error == 0:
        return "the search found nothing better than one pass and returned it"
    low, high = paired.interval()
    if paired.n < 2:
        return f"difference from one pass {paired.mean:.2g} (one pair)"
    said = f"difference from one pass {paired.mean:.2g} [{low:.2g}, {high:.2g}]"
    if low <= 0 <= high:
        return f"{said}: not told apart from one pass"
    return f"{said}: {'lower' if high < 0 else 'higher'} than one pass"
