"""What a score is, for people: its name in full, its formula, what to expect of it, its source."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from mu.configuration.choices import choices, read_yaml
from mu.configuration.docstrings import docstrings, facts_in, meanings, prose, said_by
from mu.results.card import Facts

PARTS = {
    "forget": "on the forgotten data D_f",
    "before": "on what earlier requests forgot",
    "retain": "on the retained data D_r",
    "validation": "on validation samples",
    "test": "on test samples D_t",
    "own": "on forgotten nodes outside training",
}
COSTS = {  # of rows, not of scores: they have no class of their own
    "weight_distance": """
Name: Distance that the weights moved.
Formula: ‖θ_after - θ_before‖₂ over all weights.
Original: 0.
Oracle: far, since it starts from other random weights; it says nothing of what is forgotten.
Source: none.
""",
    "cost/passes": """
Name: Passes over samples.
Formula: (samples forward + samples backward), set-up and all, / those of retraining.
Original: 0 %.
Oracle: 100 %.
Source: none; free of the machine, unlike seconds.
""",
    "cost/passes_request": """
Name: Passes over samples of the request alone.
Formula: as passes, without the set-up that serves many requests.
Original: 0 %.
Oracle: 100 %.
Source: none.
""",
    "cost/passes_so_far": """
Name: Passes over samples of all requests so far.
Formula: the sum of passes over the requests of a sequence.
Original: 0 %.
Oracle: 100 % a request.
Source: none.
""",
    "cost/seconds_request": """
Name: Seconds of the request.
Formula: time of the method on the device of the card, without the set-up.
Original: 0.
Oracle: the time of retraining.
Source: none; compare seconds of one device and one load only.
""",
    "cost/seconds_setup": """
Name: Seconds of the set-up.
Formula: time of what a method computes once and many requests use.
Original: 0.
Oracle: 0.
Source: none.
""",
    "cost/memory_request": """
Name: Peak memory of the request, in megabytes.
Formula: the most that is held while the method runs, less what was held when it began, without the
    set-up; on a GPU what torch has allocated there, on the CPU resident memory (Linux alone tells).
Original: 0.
Oracle: the peak of retraining.
Source: none; the first step of a process also holds what libraries load when first used.
""",
    "cost/memory_setup": """
Name: Peak memory of the set-up, in megabytes.
Formula: as the peak of the request, of what a method computes once and many requests use.
Original: 0.
Oracle: 0.
Source: none.
""",
}


@dataclass(frozen=True)
class Definition:
    """What the docstring of a score says, beside what the panel says of it.

    Attributes:
        name: In full, with the part of the data where it has one.
        formula, original, oracle, source: As the docstring has them.
        members: Which side an attack calls member; empty where it is no attack.
        about: The docstring before all that.
        options: The options that the panel sets, with their values and meanings.
    """

    name: str
    formula: str = ""
    original: str = ""
    oracle: str = ""
    members: str = ""
    source: str = ""
    about: str = ""
    options: Mapping[str, tuple[Any, str]] | None = None

    def facts(self, reach: str) -> dict[str, str]:
        """What is said of it, each by its word, as far as there is something.

        Args:
            reach: Its range in words.
        """
        every = {
            "Formula": self.formula,
            "Range": reach,
            "Original": self.original,
            "Oracle": self.oracle,
            "Members": self.members,
            "Source": self.source,
        }
        return {word: text for word, text in every.items() if text}


def definitions(panel: str = "") -> dict[str, Definition]:
    """The definition of each score of every panel, by its name, costs among them.

    Args:
        panel: Whose scores go before those of the same name of other panels.
    """
    found = {name: _defined(facts_in(text), "", {}) for name, text in COSTS.items()}
    every = choices("evaluation")
    own = panel.partition(", ")[0]
    for choice in sorted(every, key=lambda one: one == own):
        found |= _of_panel(choice)
    return found


@cache
def _of_panel(choice: str) -> dict[str, Definition]:
    return {name: definition(made) for name, made in score_entries(choice).items()}


def score_entries(choice: str) -> dict[str, Mapping[str, Any]]:
    """What the file of a panel says of each of its scores: ``_target_`` and options, by name."""
    config = read_yaml(choices("evaluation")[choice])
    groups = [config.get("scores"), config.get("derived")]
    groups.append((config.get("of_class") or {}).get("scores"))
    return {name: made for group in groups if group for name, made in group.items()}


def definition(config: Mapping[str, Any]) -> Definition:
    """What the class of a score says of it.

    Args:
        config: Its entry in a panel: ``_target_`` and options.
    """
    target = str(config["_target_"])
    try:
        found, about = said_by(target), prose(docstrings(target)[0])
        meaning = meanings(target)
    except (ImportError, IndexError, OSError, SyntaxError):  # a class of the user's that is gone
        return Definition(target.rpartition(".")[2])
    own = {k: v for k, v in config.items() if k not in ("_target_", "title", "kind", "part")}
    options = {key: (value, meaning.get(key, "")) for key, value in own.items()}
    part = PARTS.get(str(config.get("part")), "")
    found.setdefault("Name", target.rpartition(".")[2])
    return _defined(found | {"about": about}, part, options)


def _defined(
    found: Mapping[str, str], part: str, options: Mapping[str, tuple[Any, str]]
) -> Definition:
    plain = {word.lower(): text for word, text in found.items()}
    plain["name"] = f"{plain['name']} {part}".strip()
    return Definition(**plain, options=options)


def reach(facts: Facts) -> str:
    """The range of a score and which way is better, in words.

    >>> reach({"range": [0.0, None], "better": "lower"})
    'from 0 up; nearer to the oracles is lower'
    """
    low, high = facts.get("range") or (None, None)
    shown = [None if end is None else f"{end:.3g}" for end in (low, high)]
    if shown[0] is None and shown[1] is None:
        text = "any number"
    elif shown[1] is None:
        text = f"from {shown[0]} up"
    else:
        text = f"up to {shown[1]}" if shown[0] is None else f"from {shown[0]} to {shown[1]}"
    better = facts.get("better")
    if facts.get("kind") == "cost":
        return f"{text}; lower is cheaper"
    if better in ("lower", "higher"):
        return f"{text}; nearer to the oracles is {better}"
    return f"{text}; best is the oracle's value, both sides of it are failures"
