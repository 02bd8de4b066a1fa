"""What an audit says in words: what was asked, what was found, how sure, what was not tested."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mu.auditing.bench import CHOSEN, CLASS, LEVEL, RANDOM, Test
from mu.auditing.retrains import ENOUGH
from mu.results.format import NOTHING, number, plural

KNOWN = "still known"
BEYOND = "not as never seen"
CLEAR = "no trace found"
ANSWERS = "no trace in its answers"
SILENT = "cannot be said"
TONES = {KNOWN: "bad", BEYOND: "bad", CLEAR: "good", ANSWERS: "open", SILENT: "open"}


@dataclass(frozen=True)
class Earlier:
    """An earlier request, which must not come back.

    Attributes:
        kind: How its samples were chosen.
        forgotten: Number of them.
        left: As for a `Case`.
    """

    kind: str
    forgotten: int
    left: float


@dataclass(frozen=True)
class Case:
    """What the words speak of.

    Attributes:
        kind: How D_f was chosen.
        forgotten, before, retained, unseen: Numbers of samples; unseen are those compared with.
        classes: Whether targets are classes.
        oracles: How many retrained models stand beside the model.
        tests: Of the model.
        original: Tests of the original; None where nobody has it.
        left: Share of the original's advantage that can be left at most; nan where none is known.
        rank: Place of the model by distance from the others, 1 for the farthest; 0 without any.
        drawn: Whether somebody says that D_f was drawn at random.
        unlike: p of the oracles finding D_f as hard as unseen samples.
        same: Whether the model has the weights of the original.
        groups: Number of classes that D_f is of.
        earlier: What each earlier request forgot, in order.
    """

    kind: str
    forgotten: int
    before: int
    retained: int
    unseen: int
    classes: bool
    oracles: int
    tests: Sequence[Test]
    original: Sequence[Test] | None
    left: float
    rank: int
    drawn: bool | None
    unlike: float
    same: bool = False
    groups: int = 1
    earlier: Sequence[Earlier] = ()

    @property
    def word(self) -> str:
        """The verdict in a few words: that on D_f, unless something forgotten earlier is found."""
        words = [self.word_of(request) for request in range(len(self.earlier) + 1)]
        return next((one for one in (KNOWN, BEYOND) if one in words), words[0])

    def word_of(self, request: int) -> str:
        """The verdict on what one request forgot: on D_f for 0, else on an earlier one.

        A test that does not find the original, which forgot nothing, clears nobody.
        """
        about = self.earlier[request - 1] if request else self
        found = [one for one in self.tests if one.found and one.request == request]
        seeing = [one for one in self.seeing if one.request == request]
        if self.same:
            return KNOWN
        if found:
            return KNOWN if any(one.knows for one in found) else BEYOND
        # All that the original gave away may still be left; without it nobody knows.
        unbounded = self.original is not None and not about.left < 1
        if not seeing or (about.kind == RANDOM and unbounded):
            return SILENT
        if about.kind == CLASS and "trunk" not in {one.name for one in seeing}:
            return ANSWERS
        return CLEAR

    def tests_of(self, request: int) -> list[Test]:
        """The tests on what one request forgot."""
        return [one for one in self.tests if one.request == request]

    @property
    def seeing(self) -> list[Test]:
        """The tests that find the original, or may do so where nobody has it."""
        if self.original is None:
            return list(self.tests)
        wanted = LEVEL / max(len(self.original), 1)  # what each needs where the others find nothing
        sees = {(one.name, one.request) for one in self.original if one.p < wanted}
        return [one for one in self.tests if (one.name, one.request) in sees]


def asked(case: Case) -> str:
    """The question."""
    these = plural(case.forgotten, "sample")
    whose = "their class" if case.groups == 1 else f"their {case.groups} classes"
    what = {
        CLASS: f"{these}, all that training held of {whose}",
        RANDOM: f"{these} drawn at random" if case.drawn else these,
        CHOSEN: these,
    }[case.kind]
    earlier = f", and nothing came back of {case.before} forgotten before" if case.before else ""
    return f"Is this model as if it had never seen {what}{earlier}?"


def answer(case: Case) -> str:
    """What was found."""
    found = [one for one in case.tests if one.found]
    if case.same:
        return "; ".join(["it is the original, weight for weight", *_told_all(case, found)])
    if found:
        return "; ".join(_told_all(case, found))
    return "; ".join([*_unfound(case), *_not_back(case)])


def _unfound(case: Case) -> list[str]:
    """What is said of D_f where no test finds anything."""
    tests = case.tests_of(0)
    if not tests:
        return [_why_silent(case)]
    if not any(one.request == 0 for one in case.seeing):
        return [
            "the same tests do not even find the original, which forgot nothing: "
            "with these samples and oracles they cannot tell"
        ]
    told = _told_all(case, tests)
    if case.word == SILENT:
        told.append(
            "yet with so few samples all that the original gave away of them may still be left"
        )
    if case.word == ANSWERS:
        there = any(one.name == "trunk" for one in tests)
        told.append(
            f"{plural(case.oracles, 'oracle')} do not tell the original's trunk from theirs, so "
            "what is left there cannot be said"
            if there
            else "what is left in the trunk cannot be said: it shows no features to look at"
        )
    return told


def _not_back(case: Case) -> list[str]:
    """What is said of earlier requests where no test finds anything."""
    words: dict[str, list[int]] = {}
    for request in range(1, len(case.earlier) + 1):
        words.setdefault(case.word_of(request), []).append(request)
    said = []
    for word, requests in words.items():
        whose = ", ".join(map(str, requests))
        whom = (
            "what was forgotten before"
            if len(case.earlier) == 1
            else (f"what earlier {'request' if len(requests) == 1 else 'requests'} {whose} forgot")
        )
        said.append(
            f"whether {whom} came back cannot be said" if word == SILENT else f"of {whom} {word}"
        )
    return said


def _told_all(case: Case, tests: Sequence[Test]) -> list[str]:
    return [_told(one, len(case.earlier) > 1) for one in tests]


def _told(one: Test, several: bool) -> str:
    """One test in a clause; of several earlier requests each goes by its number."""
    earlier = (
        f"what earlier request {one.request} forgot" if several else ("what was forgotten before")
    )
    whom = earlier if one.request else "the forgotten samples"
    value = number(one.value)
    if one.name == "membership":
        way = "it tells" if one.found else "it does not tell"
        return (
            f"{way} {whom} from samples it never saw (one of them ranks above an unseen one in "
            f"{value} of all pairs; chance is .5)"
        )
    what = {
        "accuracy": f"it is right on {as_count(one.value, one.size)} of {whom}",
        "trunk": f"its trunk keeps the class of {whom} apart (silhouette {number(one.value)})",
        "rmia": f"one of {whom} ranks above an unseen one in {number(one.value)} of the pairs",
    }[one.name]
    side = "outside" if one.found else "within"
    return f"{what}, {side} what retraining gives ({line_of(one)})"


def as_count(value: float, size: int | None) -> str:
    """A share as a count.

    >>> as_count(0.5, 8), as_count(0.5, None)
    ('4 of 8', '0.500')
    """
    return number(value) if size is None else f"{round(value * size)} of {size}"


def line_of(one: Test) -> str:
    """Where 95 of 100 retrained models lie, as far as the score reaches."""
    if math.isnan(one.low):
        return NOTHING
    least = -1.0 if one.name == "trunk" else 0.0
    low, high = max(one.low, least), min(one.high, 1.0)
    if one.size is not None:
        low, high = math.ceil(low * one.size - 1e-9), math.floor(high * one.size + 1e-9)
        return f"{low} to {high}" if low < high else f"{low}"
    return f"{number(low)} to {number(high)}"


def _why_silent(case: Case) -> str:
    if case.kind == RANDOM:
        return "there is no unseen sample of the same classes to compare with"
    few = plural(case.oracles, "oracle")
    if case.oracles < ENOUGH:
        why = "a whole class" if case.kind == CLASS else "samples that were not drawn at random"
        return (
            f"{why} can only be judged by where retrained models lie, and {few} are too few to say "
            f"({ENOUGH} at least)"
        )
    return "targets that are no classes give nothing to compare for samples chosen in this way"


def how_sure(case: Case) -> str:
    """How sure it is, for a reader who knows no statistics."""
    if case.same:
        return "Certain: the weights are the same, so nothing was forgotten."
    if case.word in (KNOWN, BEYOND):
        least = min(one.adjusted for one in case.tests)
        sure = (
            f"A model that was truly retrained without them would be accused in at most about "
            f"{100 * LEVEL:.0f} of 100 such audits; a result as strong as this one comes by chance "
            f"with p {written_p(least)}."
        )
    elif case.word == ANSWERS:
        sure = (
            "What it answers does not give the samples away, where the original's answers do. A "
            "method may hide a class in the last layer and keep it below: more oracles would tell, "
            "and the head relearnt (below) hints at it."
        )
    elif case.word == SILENT:
        sure = (
            "Nothing follows from it, neither that the samples are forgotten nor that they are not."
        )
    else:
        sure = _bound(case)
    return f"{sure} {_condition(case)}".rstrip()


def _bound(case: Case) -> str:
    """What is ruled out where nothing was found."""
    if case.kind == RANDOM and not math.isnan(case.left):
        percent = f"{100 * case.left:.0f} %"
        return (
            f"With 95 % confidence at most {percent} of what the original gave away of them can be "
            "left. That is a limit, no proof of retraining."
        )
    if case.original is None:
        return (
            "Whether these tests would find a model that forgot nothing is not known without the "
            "original. Finding nothing is no proof of retraining."
        )
    return (
        "The same tests do find the original, which forgot nothing. How much less than that may be "
        "left is not bounded, and finding nothing is no proof of retraining."
    )


def _condition(case: Case) -> str:
    """Under which condition it holds."""
    if case.kind == RANDOM and not case.drawn:
        checked = (
            f"the oracles find them as hard as unseen ones (p {written_p(case.unlike)})"
            if not math.isnan(case.unlike)
            else "without oracles that cannot be checked"
        )
        return f"This holds if the samples were drawn at random: {checked}."
    if case.kind == CHOSEN and case.drawn is None:
        return (
            "The samples are not like a random draw: the oracles find them easier or harder than "
            f"unseen ones (p {written_p(case.unlike)}), so only the oracles' own values counted."
        )
    return ""


def written_p(value: float) -> str:
    """A p-value after its letter.

    >>> written_p(0.03), written_p(1e-9)
    ('= .030', '< .001')
    """
    return "< .001" if value < 0.001 else f"= {value:.3f}".replace("0.", ".", 1)


def place_of(case: Case) -> str:
    """The rank among the oracles, in plain words; empty with fewer than two."""
    if not case.rank:
        return ""
    k, every = case.oracles, case.oracles + 1
    far = "the farthest" if case.rank == 1 else f"number {case.rank}, counted from the farthest,"
    return (
        f"Of {every} models, this one and {plural(k, 'oracle')}, it is {far} by how much it "
        f"differs from the others on the forgotten samples. A retrained model would be the "
        f"farthest in 1 of {every} audits, so with {plural(k, 'oracle')} no rank says more than "
        f"p = 1/{every}" + ("." if every >= 20 else "; for p = .05 there must be 19.")
    )


def not_tested(case: Case, hashed: bool, trunk: bool) -> list[str]:
    """What was not looked at, in words.

    Args:
        case: The audit.
        hashed: Whether samples were compared by their bytes.
        trunk: Whether what the head reads was looked at.
    """
    found = [
        "Other models: another run of the same method, with another seed or other samples, may "
        "leave more.",
        "That the model is like the oracles: with one model nobody can show that.",
        "Stronger attacks: with many shadow models, on the weights themselves, by reconstruction, "
        "or by training the model further.",
        "That the oracles were trained as said, without these samples, in the same way, from other "
        "seeds: taken on trust.",
        "Copies elsewhere: backups, caches, other models made of this one, logs.",
    ]
    if hashed:
        found.append("Copies that were changed (cut, scaled, saved anew): only equal bytes count.")
    else:
        found.append("Copies among the other samples: these have no bytes to compare.")
    if case.kind != CLASS or not trunk:
        found.append("What the trunk keeps below the output layer.")
    if not case.before:
        found.append("Whether something forgotten by earlier requests came back: none was named.")
    if not case.oracles:
        found.append("Any comparison with retrained models: there was none.")
    return found
