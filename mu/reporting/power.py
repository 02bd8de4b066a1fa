"""How many pairs are needed, in words: before a run and below its tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mu.results.format import cannot_tell, plural

if TYPE_CHECKING:
    from mu.results.power import Needed, Power

FEW = 2  # pairs: a single one does not say how far pairs differ


def expected(power: "Power", asked: int) -> str:
    """What finished pairs say of a run that is planned.

    Args:
        power: From the pairs that are done.
        asked: How many pairs the run has.
    """
    done = f"{plural(power.pairs, 'pair')} done"
    if power.pairs < FEW:
        return f"{done}; {FEW} are the fewest that say how many are needed"
    said = [done, *_without(power.missing), _tell(power), _recognise(power)]
    return "; ".join([*said, f"{asked} asked{_enough(power, asked)}"])


def _without(missing: Sequence[str]) -> list[str]:
    if not missing:
        return []
    return [f"without {', '.join(missing)} no row can be called like the oracle"]


def _tell(power: "Power") -> str:
    never = [one.title for one in power.scores if one.tell is None]
    if never:
        return f"no number of pairs tells the original from the oracles by {', '.join(never)}"
    most = power.tell
    return (
        f"about {most.tell} pairs tell the original from the oracles ({most.title})" if most else ""
    )


def _recognise(power: "Power") -> str:
    most = power.recognise
    if most is None:
        return "how many recognise a retrain is not known without the row null"
    return f"about {most.recognise} recognise a retrain ({most.title})"


def _enough(power: "Power", asked: int) -> str:
    tell, recognise = power.tell, power.recognise
    if tell is None or (tell.tell or 0) > asked:
        return ", too few for either" if tell and recognise else ""
    if recognise is None:
        return ""
    few = (recognise.recognise or 0) > asked
    return ", enough to tell, too few to recognise" if few else ", enough for both"


def power_note(power: "Power | None") -> str:
    """What the pairs of a table could not do; empty where they could do all.

    Args:
        power: From the pairs of the table.
    """
    if power is None or power.pairs < FEW:
        return ""
    said = _without(power.missing)
    if power.blind:
        said.append(_blind(power.pairs, power.blind))
    most = power.recognise
    if most and (most.recognise or 0) > power.pairs:
        said.append(f"about {most.recognise} pairs would recognise a retrain ({most.title})")
    return f"power: {'; '.join(said)}" if said else ""


def _blind(pairs: int, blind: "Sequence[Needed]") -> str:
    known = [one.tell for one in blind if one.tell is not None]
    enough = max(known) if len(known) == len(blind) else 0  # where one never does, no number would
    return cannot_tell(pairs, [one.title for one in blind], enough)
