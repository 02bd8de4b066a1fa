"""Which scores of a panel a verdict rests on."""

from mu.results.card import Facts

TAU = 0.4  # of the original's gap: what may be left where a row is called like the oracle


def decisive_of(scores: Facts) -> list[str]:
    """The decisive scores of a panel; the forgetting ones of its headline where it names none.

    Args:
        scores: What the panel says of its scores, by name.
    """
    named = [name for name, facts in scores.items() if facts.get("decisive")]
    headline = [name for name, facts in scores.items() if facts.get("headline")]
    return named or [name for name in headline if scores[name].get("kind") == "forgetting"]
