"""One step of one request: its records, its size in words, and what is said of each method."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mu.reporting.power import power_note
from mu.reporting.search_notes import search_notes
from mu.results.card import REFUSED, Card, Facts
from mu.results.format import NOTHING, Limits, plural, printable
from mu.results.rows import Row, Verdict
from mu.results.words import NOT_METHODS, ORACLE, REFERENCES

TABLES = {"attack": "attacks", "summary": "distance"}  # families whose table has another name
OTHER = "oracle (other recipe)"
NUMBER = re.compile(r"\d[\d.e+-]*")


@dataclass(frozen=True)
class Outcome:
    """What is said about one method on one request: a verdict in words and its reason."""

    word: str
    reason: str = ""


@dataclass(frozen=True)
class Section:
    """Everything known about one step of one request of one block.

    Attributes:
        block, request, step: What the section is about; ``step`` counts from 0.
        methods: Names of its rows, references first.
        cards, rows, verdicts: The records of ``results`` that belong here.
        scores: The panel's description of each score, by name.
        classes: Names of the classes of its data, empty where they have none.
        compare: The row that is compared with every other, if one is.
    """

    block: int
    request: str
    step: int
    methods: tuple[str, ...]
    cards: tuple[Card, ...]
    rows: Mapping[tuple[str, str], Row]
    verdicts: Mapping[str, Verdict]
    scores: Mapping[str, Facts]
    classes: tuple[str, ...] = ()
    compare: str | None = None

    @cached_property
    def steps(self) -> int:
        """Length of the sequence of requests this step belongs to."""
        return max((card.steps for card in self.cards), default=1)

    @property
    def name(self) -> str:
        """The request, with its step where it is one of a sequence."""
        request = printable(self.request)
        return f"{request}, step {self.step + 1} of {self.steps}" if self.steps > 1 else request

    @property
    def key(self) -> str:
        """An identifier for anchors and labels: letters, digits and hyphens."""
        plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in self.request)
        return f"b{self.block}-{plain}-{self.step + 1}"

    @property
    def subject(self) -> str:
        """Data set by its true name and model."""
        data = self.fact("title_data") or self.fact("data")
        return f"{data}, {self.fact('model')}"

    @property
    def size(self) -> str:
        """Number of pairs and oracles and how much is forgotten; only what is known."""
        oracles = max((card.oracles for card in self.cards), default=0)
        return ", ".join(
            [
                plural(self.pairs, "pair"),
                *([f"{plural(oracles, 'oracle')} each"] if self.pairs else []),
                *([f"|D_f| = {self.fact('n_forget')} of {self.total}"] if self.total else []),
            ]
        )

    @property
    def pairs(self) -> int:
        """Pairs (training seed, forget set) that gave a result."""
        return len({card.pair for card in self.cards if not card.error})

    @property
    def total(self) -> str:
        """Samples, edges or nodes kept before this request."""
        return spread(
            card.n_forget + card.n_retain
            for card in self.cards
            if card.n_forget is not None and card.n_retain is not None
        )

    def fact(self, field: str) -> str:
        """A field of the cards; the range of a number, the names of anything else."""
        return fact(self.cards, field)

    @cached_property
    def other_recipe(self) -> bool:
        """Whether the oracles were not trained as the original was, as far as is known."""
        return any(card.oracle_recipe == "other" for card in self.cards)

    def label(self, method: str) -> str:
        """The name of a row; that of the oracle says when its recipe is not the original's."""
        other = method == ORACLE and self.other_recipe
        return OTHER if other else printable(method)

    def row(self, method: str, metric: str) -> Row | None:
        """The aggregate row of one method and score, None where there is none."""
        return self.rows.get((method, metric))

    def number(self, method: str, metric: str, column: str = "mean") -> float | None:
        """One number of an aggregate row, None where there is none."""
        row = self.row(method, metric)
        return getattr(row, column) if row else None

    def memory(self, method: str) -> str:
        """Peak memory of one row in whole megabytes, for tables that are short of space."""
        held = self.number(method, "cost/memory_request")
        return NOTHING if held is None else f"{held:.0f}"

    @cached_property
    def weighed(self) -> bool:
        """Whether the peak memory of any row is known."""
        return "cost/memory_request" in self.metrics

    def title(self, metric: str) -> str:
        """The column header of a score."""
        known = self.scores.get(metric, {}).get("title")
        return printable(known or metric.removeprefix("cost/").replace("_", " "))

    def limits(self, metric: str) -> Limits:
        """The least and the most a score can be, None where its panel does not say."""
        return self.scores.get(metric, {}).get("range")

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Scores with a value somewhere in this section, in the panel's order."""
        found = {metric for (_, metric), row in self.rows.items() if row.mean is not None}
        known = [name for name in self.scores if name in found]
        return (*known, *sorted(found.difference(known)))

    @property
    def headline(self) -> tuple[str, ...]:
        """The scores shown where space is short."""
        chosen = tuple(m for m in self.metrics if self.scores.get(m, {}).get("headline"))
        return chosen or tuple(m for m in self.metrics if self.family(m) != "cost")[:4]

    @property
    def summary(self) -> tuple[str, ...]:
        """The headline, then the scores that sum up several others."""
        sums = (m for m in self.metrics if self.scores.get(m, {}).get("family") == "summary")
        return (*self.headline, *(m for m in sums if m not in self.headline))

    def kind(self, metric: str) -> str:
        """``forgetting``, ``utility`` or ``cost``."""
        if metric.startswith("cost/"):
            return "cost"
        return str(self.scores.get(metric, {}).get("kind") or "forgetting")

    def family(self, metric: str) -> str:
        """The table of a score: of its kind; distances to the oracle and attacks have their own."""
        kind = self.kind(metric)
        family = kind if kind == "cost" else self.scores.get(metric, {}).get("family", kind)
        return TABLES.get(family, family)

    def error(self, method: str) -> str:
        """Why every cell of a method failed; empty when at least one gave a result."""
        errors = self._failures.get(method, [])
        return errors[0] if errors and all(errors) else ""

    @cached_property
    def _failures(self) -> dict[str, list[str]]:
        """Method → why each of its cells gave no result, empty where one did."""
        found: dict[str, list[str]] = {}
        for card in self.cards:
            found.setdefault(card.method, []).append(card.failure())
        return found

    def outcome(self, method: str) -> Outcome:
        """Verdict and reason of one method; references have none."""
        if reason := self.error(method):
            if reason.startswith(REFUSED):
                return Outcome(REFUSED, reason.partition(":")[2].strip())
            return Outcome("failed", reason)
        if method in REFERENCES or method not in self.verdicts:
            return Outcome("")
        verdict = self.verdicts[method]
        return Outcome(verdict.verdict, printable(verdict.reason))

    @cached_property
    def _tried(self) -> tuple[str, ...]:
        """Methods with a result for any pair."""
        return tuple(m for m in self.methods if m not in NOT_METHODS and not self.error(m))

    @cached_property
    def notes(self) -> list[str]:
        """What a reader must know beside the numbers: part failures, warnings, tuning, sharing."""
        failed = Counter(
            (card.method, card.failure())
            for card in self.cards
            if card.error and not self.error(card.method)
        )
        warned: dict[tuple[str, str], list[str]] = {}
        for card in self.cards:
            for text in map(printable, card.warnings):
                alike = (card.method, NUMBER.sub("#", text))  # pairs may differ in numbers only
                warned.setdefault(alike, []).append(text)
        notes = [
            f"{printable(name)}: failed on {plural(n, 'pair')}: {why}"
            for (name, why), n in failed.items()
        ]
        for (name, _), texts in warned.items():
            other = ", each with its own numbers" if len(set(texts)) > 1 else ""
            more = f" ({plural(len(texts), 'pair')}{other})" if len(texts) > 1 else ""
            notes.append(f"{printable(name)}: {texts[0]}{more}")
        notes += twin_notes(self.cards) + machine_notes(self.cards)
        notes += list(dict.fromkeys(trunk_note(card.trunk) for card in self.cards if card.trunk))
        notes += [self.power] if self.power else []
        notes += self.exactness + search_notes(self.cards)
        tuned = {card.method for card in self.cards if card.tuned}
        if names := [printable(m) for m in self.methods if m in tuned]:
            notes.append(f"options tuned on other forget sets and seeds: {', '.join(names)}")
        defaults = {card.method for card in self.cards if card.defaults}
        if names := [printable(m) for m in self._tried if m in defaults]:
            who = "every method" if len(names) == len(self._tried) else ", ".join(names)
            notes.append(f"{who} ran with default settings, not tuned")
        if self.other_recipe:
            trained = any(card.seeds.oracles for card in self.cards if card.seeds)
            whose = "the original came from a file, the oracles were"
            if not trained and any(card.seeds for card in self.cards):
                whose = "the oracles came from files, the original was"
            notes.append(
                f"{OTHER}: {whose} trained by this experiment's recipe ({self.fact('recipe')}), "
                "so a gap may be the recipe's"
            )
        return notes

    @cached_property
    def power(self) -> str:
        """What so many pairs could not show; empty where nothing is to be said."""
        from mu.results.power import power_of  # NumPy, which few pages need

        return power_note(power_of(self.cards, {"scores": self.scores}))

    @cached_property
    def set_shared(self) -> bool:
        """Whether all pairs forget the very same set."""
        digests = {card.pair: card.forget_digest for card in self.cards if card.forget_digest}
        return len(digests) > 1 and len(set(digests.values())) == 1

    @property
    def exactness(self) -> list[str]:
        """What is known of each method whose head forgets exactly, or should."""
        found: dict[str, Counter[str]] = {}
        for card in self.cards:
            if card.method in self._tried and card.exactness:
                found.setdefault(card.method, Counter())[card.exactness] += 1
        return [f"{printable(name)}: {exactly(counts)}" for name, counts in found.items()]


def exactly(counts: Counter[str]) -> str:
    """What the exactness records of the pairs say together.

    >>> exactly(Counter({"head only": 2}))
    'exact in the head only: its backbone was trained with the forgotten data'
    """
    if counts["head only"]:
        return "exact in the head only: its backbone was trained with the forgotten data"
    return (
        "the statistics of the head are, to the last bit, those of one that never saw the "
        f"forgotten data in {counts['equal']} of {plural(counts.total(), 'pair')}"
    )


def fact(cards: Iterable[Card], field: str) -> str:
    """A field of cards; the range of a number, the names of anything else."""
    return spread(value for card in cards if (value := getattr(card, field)) is not None)


def spread(values: Iterable[object]) -> str:
    """One value as it is, several numbers as their range, several names as a list.

    >>> spread([108, 110]), spread(["digits", "digits"])
    ('108 to 110', 'digits')
    """
    distinct = list(dict.fromkeys(values))
    if len(distinct) > 1 and all(isinstance(v, (int, float)) for v in distinct):
        return f"{min(distinct)} to {max(distinct)}"  # type: ignore[type-var]
    return ", ".join(printable(value) for value in distinct)


def trunk_note(trunk: Mapping[str, Any]) -> str:
    """What is claimed of a network with a frozen trunk.

    >>> trunk_note({"cut": "layer4", "trained_on": "ImageNet-1k", "saw_data": False})
    'everything before layer4 is frozen; trained on ImageNet-1k, it never saw the forgotten data'
    """
    source = f"trained on {printable(trunk['trained_on'])}, it" if trunk["trained_on"] else "it"
    claims = {
        False: f"{source} never saw the forgotten data",
        True: f"{source} saw the forgotten data, which it still holds: only the rest forgets",
        None: "whether it saw the forgotten data is not said (model.saw_data): only the rest is "
        "judged",
    }
    return f"everything before {printable(trunk['cut'])} is frozen; {claims[trunk['saw_data']]}"


def twin_notes(cards: Iterable[Card]) -> list[str]:
    """What is said of forgotten samples that other parts hold too.

    Args:
        cards: Of one request.
    """
    most: Counter[str] = Counter()
    for card in cards:
        for part, count in card.twins.items():
            most[part] = max(most[part], count)
    return [
        f"up to {count} of the samples to forget {'are' if count > 1 else 'is'} in the {part} part "
        "as well, byte for byte: a model that forgot them still sees them there"
        for part, count in most.items()
        if count
    ]


def machine_notes(cards: Iterable[Card]) -> list[str]:
    """What is said of rows that were made in several precisions or by several processors."""
    done = [card for card in cards if not card.error]
    precisions = {printable(p) for card in done if (p := card.recipe_config.get("precision"))}
    makers = {printable(p) for card in done if (p := card.versions.get("processor"))}
    notes = []
    if len(precisions) > 1:
        notes.append(
            f"rows of several precisions stand side by side: {', '.join(sorted(precisions))}"
        )
    if len(makers) > 1:
        bits = (
            "; what is trained in bf16 has other bits on each" if "bf16-mixed" in precisions else ""
        )
        names = ", ".join(sorted(makers))
        notes.append(f"made by several processors ({names}): seconds do not compare{bits}")
    return notes
