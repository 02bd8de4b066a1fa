"""The audit of one model: what can be said of it without pairs, and what cannot."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from torch import nn

from mu.auditing.bench import LEVEL, RANDOM, Bench
from mu.auditing.exact import epsilon_bound, exact_interval
from mu.auditing.membership import Membership, at_most_left
from mu.auditing.retrains import ENOUGH, against_retrains, farthest
from mu.auditing.rows import SampleRows, weights_digest
from mu.auditing.verdict import Case, answer, asked, how_sure, not_tested, place_of, written_p
from mu.doors.batches import Fields
from mu.doors.guest import undisturbed
from mu.doors.loaders import Loader
from mu.errors import UsageError
from mu.evaluation.attacks.rmia import tpr
from mu.evaluation.score import panel_sizes, panel_values
from mu.evaluation.scoring import build_scores, known_values
from mu.evaluation.signals import Ids
from mu.library import Heard, Models, earlier_parts, heard, list_of_models, scored
from mu.models.own_loss import Criterion
from mu.models.together import EARLIER
from mu.results.files import write_text
from mu.results.format import NOTHING, interval, number, plural
from mu.results.panel import describe_panel

WIDTH = 80
RATES = (0.001, 0.01, 0.1)  # of false alarms at which hits are counted, as far as samples carry


@dataclass(frozen=True)
class ScoreRow:
    """One score of the model beside the oracles.

    Attributes:
        score, title, kind: As a panel says.
        value: Of the model.
        low, high: Exact 95 % interval of a share; None where it is none.
        n: Samples that a share is counted over.
        original: Of the model before the request.
        oracles: Of the retrained models, each held against the others.
        p: Chance that another retrained model lies as far out; None for distances, whose law is
            another one, and with fewer than three oracles. One score alone, not adjusted.
    """

    score: str
    title: str
    kind: str
    value: float
    low: float | None
    high: float | None
    n: int | None
    original: float | None
    oracles: Sequence[float]
    p: float | None


@dataclass(frozen=True)
class Alarm:
    """How many forgotten samples are found while few unseen ones are.

    Attributes:
        false, unseen: False alarms that are allowed, of how many unseen samples.
        hits, forgotten: Forgotten samples above the threshold, of how many.
    """

    false: int
    unseen: int
    hits: int
    forgotten: int

    def said(self) -> str:
        """Both shares with their intervals."""
        found = exact_interval(self.hits, self.forgotten)
        return (
            f"{self.hits} of {self.forgotten} found {interval(*found)} at {self.false} of "
            f"{plural(self.unseen, 'unseen sample')}"
        )


@dataclass(frozen=True)
class Audit:
    """What can be said of one model; shows itself in a terminal, in a notebook and as a page.

    Attributes:
        case: What the verdict rests on.
        scores: Every score beside the oracles'.
        alarms: Hits at few false alarms; none where D_f was not drawn at random.
        epsilon: The least ε that is possible, with 95 % confidence; nan where it cannot be said.
        notes: What was found of the parts and models themselves.
        untested: What was not looked at.
        digests: Of models and data, by name.
        repeat: The call or command that repeats it.
        subject: What was to be forgotten, in the words of who asked.
    """

    case: Case
    scores: Sequence[ScoreRow]
    alarms: Sequence[Alarm]
    epsilon: float
    notes: Sequence[str]
    untested: Sequence[str]
    digests: Mapping[str, str]
    repeat: str
    subject: str = ""

    @property
    def verdict(self) -> str:
        """What was found, and how sure it is, in words."""
        return f"{self.case.word}: {answer(self.case)}. {how_sure(self.case)}"

    @property
    def asked(self) -> str:
        """The question."""
        return asked(self.case)

    def frame(self) -> Any:
        """The scores as a pandas data frame, one row a score.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise UsageError("audit.frame() needs pandas: pip install pandas") from error
        return pandas.DataFrame(self.rows())

    def rows(self) -> list[dict[str, Any]]:
        """The scores as plain data, one dictionary a score."""
        return [
            {name: value for name, value in asdict(one).items() if name != "oracles"}
            | {
                "oracle_low": min(one.oracles, default=None),
                "oracle_mean": float(np.mean(one.oracles)) if one.oracles else None,
                "oracle_high": max(one.oracles, default=None),
                "oracles": list(one.oracles),
            }
            for one in self.scores
        ]

    def plain(self) -> dict[str, Any]:
        """All of it as plain data that JSON can hold."""
        found = {
            "schema": 1,
            "subject": self.subject,
            "asked": self.asked,
            "word": self.case.word,
            "verdict": self.verdict,
            "rank": place_of(self.case),
            "case": asdict(self.case),
            "scores": self.rows(),
            "alarms": [asdict(one) for one in self.alarms],
            "epsilon_at_least": self.epsilon,
            "notes": list(self.notes),
            "untested": list(self.untested),
            "digests": dict(self.digests),
            "repeat": self.repeat,
        }
        cleaned: dict[str, Any] = _writable(found)
        return cleaned

    def json(self) -> str:
        """`plain` as text; numbers that are infinite are words, those that are none are null."""
        return json.dumps(self.plain(), indent=1, ensure_ascii=False) + "\n"

    def page(self, path: str | Path) -> Path:
        """Write one page that needs nothing else, for a person who is no researcher.

        Args:
            path: Of the file; an older one is replaced.

        Returns:
            ``path``.

        Raises:
            UsageError: The folder is not there or cannot be written.
        """
        from mu.auditing.page import audit_page

        path = Path(path)
        try:
            write_text(path, audit_page(self))
        except OSError as error:
            raise UsageError(f"{path} cannot be written ({error.strerror})") from error
        return path

    def _repr_html_(self) -> str:
        from mu.auditing.page import audit_fragment

        return audit_fragment(self)

    def __str__(self) -> str:
        parts = [
            f"Asked: {self.asked}",
            f"Found: {self.case.word}: {answer(self.case)}.",
            f"How sure: {how_sure(self.case)}",
            place_of(self.case),
            *(f"Note: {note}" for note in self.notes),
        ]
        text = "\n".join(fill(part, WIDTH, subsequent_indent="  ") for part in parts if part)
        lines = [f"{'score':<16}{'model':>9}  {'oracles':<19}{'original':>9}"]
        for one in self.scores:
            lines.append(
                f"{one.title[:15]:<16}{number(one.value):>9}  {oracle_range(one):<19}"
                f"{number(one.original):>9}"
            )
        untested = "\n".join(
            fill(f"- {one}", WIDTH, subsequent_indent="  ") for one in self.untested
        )
        return f"{text}\n\n" + "\n".join(lines) + f"\n\nNot tested:\n{untested}"


def oracle_range(one: ScoreRow) -> str:
    """The least and the largest value of the oracles."""
    if not one.oracles:
        return NOTHING
    ends = [number(end) for end in (min(one.oracles), max(one.oracles))]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _writable(value: Any) -> Any:
    """Plain data without numbers that JSON has not."""
    if isinstance(value, Mapping):
        return {str(key): _writable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def audit(
    net: nn.Module,
    *,
    forget: Loader,
    retain: Loader,
    test: Loader,
    original: nn.Module | None = None,
    oracles: Sequence[nn.Module] = (),
    before: Sequence[Loader] = (),
    drawn: bool | None = None,
    fields: Fields | None = None,
    loss: Criterion | None = None,
    panel: str | None = None,
    device: str = "cpu",
    subject: str = "",
    repeat: str = "",
) -> Audit:
    """What can be said of one model that was to forget some samples.

    With one model there are no pairs, so it is never called like the oracle. For samples drawn at
    random a membership test says whether it still knows them, and how much of what the original
    knew can be left; for a whole class, or samples that were chosen, whether accuracy, trunk and
    RMIA lie where retrained models put them, which takes three of these.

    Args:
        net: The model after the request, as for `mu.evaluate`.
        forget: Yields batches ``(x, y)`` of D_f.
        retain: Yields batches of D_r.
        test: Yields batches never trained on.
        original: The model before the request: only with it an audit says whether it would have
            found a model that forgot nothing.
        oracles: Models retrained without D_f, in the same way, from other seeds.
        before: Loaders of what earlier requests forgot, which must not come back.
        drawn: Whether D_f was drawn at random. None: it counts as such unless the oracles find it
            easier or harder than unseen samples.
        fields: As for `mu.evaluate`; so are the next three.
        loss: A loss of one's own.
        panel: Name of the panel of scores.
        device: "cpu" or "cuda".
        subject: What was to be forgotten, in your words, for the page.
        repeat: What repeats it, for the page; by default this call.

    Returns:
        Its ``verdict`` is in words, ``frame()`` has the scores, ``page("audit.html")`` writes all
        of it for people.

    Raises:
        UsageError: As `mu.evaluate`; or all of D_f is retained as well.

    Example:
        >>> import torch
        >>> x, y = torch.eye(4), torch.tensor([0, 1, 0, 1])
        >>> net = nn.Linear(4, 2)
        >>> found = audit(net, original=net, forget=[(x[:1], y[:1])], retain=[(x[1:3], y[1:3])],
        ...               test=[(x[3:], y[3:])])
        >>> found.verdict[:52]
        'still known: it is the original, weight for weight. '
    """
    loaders = {"forget": forget, "retain": retain, "test": test} | earlier_parts(before)
    kept, notes, weights = _own_oracles(net, original, oracles)
    rows = SampleRows()
    models = Models(net, original, kept)
    with undisturbed():
        said = heard(models, loaders, fields, loss, panel, device, rows)
        twins, more = _overlaps(rows, said)
        bench = Bench(said.split, said.peers.oracles, twins, drawn)
        same = original is not None and weights["model"] == weights["original"]
        seen = bench.membership(said.own) if bench.kind(said.own) == RANDOM else None
        case = _case(said, bench, same, seen)
        scores = _score_rows(said)
    hashed, trunk = rows.known(), said.own.features is not None
    return Audit(
        case=case,
        scores=scores,
        alarms=_alarms(seen),
        epsilon=float("nan") if seen is None else epsilon_bound(seen.forget, seen.unseen),
        notes=[*notes, *more, *_remarks(case, seen, scores)],
        untested=not_tested(case, hashed, trunk),
        digests=weights | _data_digests(rows, said),
        repeat=repeat or _call(models, before, drawn, panel),
        subject=subject,
    )


def _own_oracles(
    net: nn.Module, original: nn.Module | None, oracles: Sequence[nn.Module]
) -> tuple[list[nn.Module], list[str], dict[str, str]]:
    """Oracles that are none of the other models, what is to be said of the rest, all digests."""
    known = {"model": weights_digest(net)}
    if original is not None:
        known["original"] = weights_digest(original)
    kept, notes = [], []
    names = {"original": "the original", "model": "the model that is audited"}
    for place, one in enumerate(list_of_models("oracles", oracles)):
        own = weights_digest(one)
        twin = next((name for name, value in reversed(known.items()) if value == own), None)
        if twin is None:
            kept.append(one)
            known[f"oracle {place}"] = own
        else:
            other = names.get(twin, twin)
            notes.append(f"oracle {place} is {other}, weight for weight, and was left out")
    return kept, notes, known


def _overlaps(rows: SampleRows, said: Heard) -> tuple[Ids, list[str]]:
    """Ids of samples that stand in two parts, and what is to be said of them.

    Raises:
        UsageError: All of D_f is retained.
    """
    earlier = [name for name in rows.parts if name.startswith(EARLIER)]
    kept = rows.shared("forget", "retain")
    if len(kept) == len(said.split.forget):
        raise UsageError(
            "all samples of forget= are in retain= as well, with the same bytes: retain= takes "
            "what is left without them"
        )
    trained = rows.shared("test", "forget", "retain", *earlier)
    tested = rows.shared("forget", "test")
    again = [rows.shared(name, "forget") for name in earlier]
    back = [rows.shared(name, "retain") for name in earlier]
    out = ", and were left out of the membership test"
    counts = {
        "forgotten {are} retained as well, so the oracles saw them too" + out: len(kept),
        "forgotten {are} in the test set as well": len(tested),
        "of the test set {are} not unseen: they are among those trained on" + out: len(trained),
        "of earlier requests {are} to be forgotten once more": sum(map(len, again)),
        "of earlier requests {are} retained as well": sum(map(len, back)),
        "forgotten {are} there twice": rows.repeated("forget"),
    }
    notes = []
    for text, count in counts.items():
        if count:
            head, _, tail = text.format(are="is" if count == 1 else "are").partition(" ")
            noun = "sample" if count == 1 else "samples"
            lead = f"{count} {head} {noun}" if head == "forgotten" else f"{count} {noun} {head}"
            notes.append(f"{lead} {tail}")
    ids = [said.split.forget[kept], said.split.test[trained]]
    starts = np.cumsum([0, *(len(rows.parts[name]) for name in earlier)])
    ids += [said.split.before[s + places] for s, places in zip(starts, back, strict=False)]
    return np.unique(np.concatenate(ids)), notes


def _case(said: Heard, bench: Bench, same: bool, seen: Membership | None) -> Case:
    """What the words are made of; ``seen`` is the membership of a D_f that was drawn at random."""
    own, original = said.own, said.peers.original
    left = float("nan")
    if original is not None and seen is not None:
        known = bench.membership(original)
        left = float("nan") if known is None else at_most_left(seen, known)
    k = len(bench.oracles)
    return Case(
        kind=bench.kind(own),
        forgotten=len(said.split.forget),
        before=len(said.split.before),
        retained=len(said.split.retain),
        unseen=len(bench.unseen(own, "forget")),
        classes=own.classifies,
        oracles=k,
        tests=bench.tests(own),
        original=None if original is None else bench.tests(original),
        left=left,
        rank=farthest([own, *bench.oracles], said.split.forget) if k > 1 else 0,
        drawn=bench.drawn,
        unlike=bench.unlike(own),
        same=same,
        groups=len(np.unique(own.at(said.split.forget)[1])) if own.classifies else 0,
    )


def _score_rows(said: Heard) -> list[ScoreRow]:
    """Every score of the panel that the model has."""
    values, floor = scored(said)
    facts = describe_panel(said.panel)["scores"]
    built = build_scores(said.panel)
    before: Mapping[str, float | None] = {}
    if said.peers.original is not None:
        before = known_values(panel_values(built, said.peers.original, said.split, said.peers))
    plain = {name: values.get(name) for name in built}
    numbers = {name: float("nan") if v is None else v for name, v in plain.items()}
    sizes = panel_sizes(built, numbers, said.own, said.split)
    found = []
    for name, value in values.items():
        if value is None:
            continue
        about, n = facts[name], sizes.get(name)
        others = [one for each in floor if (one := each.get(name)) is not None]
        hits = round(value * n) if n else 0
        averaged = about.get("references")  # over sets of references: no count
        low, high = exact_interval(hits, n) if n and not averaged else (None, None)
        p = None
        if about["better"] == "oracle" and len(others) >= ENOUGH and np.isfinite(others).all():
            p = against_retrains(value, others, n, bool(about.get("references"))).pvalue()
        title = about.get("title") or name
        found.append(
            ScoreRow(name, title, about["kind"], value, low, high, n, before.get(name), others, p)
        )
    return found


def _alarms(seen: Membership | None) -> list[Alarm]:
    """Hits at low rates of false alarms, as far as the unseen samples carry."""
    if seen is None or len(seen.unseen) < 2:
        return []
    u, m = len(seen.unseen), len(seen.forget)
    rates = [rate for rate in RATES if rate * u >= 1] or [1 / u]
    return [
        Alarm(
            max(1, math.floor(rate * u + 1e-9)),
            u,
            round(tpr(seen.forget, seen.unseen, rate) * m),
            m,
        )
        for rate in rates
    ]


def _remarks(case: Case, seen: Membership | None, scores: Sequence[ScoreRow]) -> list[str]:
    """What else strikes: usefulness lost, samples pushed away, too few oracles."""
    found = []
    if seen is not None and (p := seen.pvalue("less")) < LEVEL:
        found.append(
            "the forgotten samples look less familiar than unseen ones "
            f"(p {written_p(p)}, not part of the verdict): over-forgetting gives them away, too"
        )
    for one in scores:
        if one.kind != "utility" or one.p is None or one.p >= LEVEL or not one.oracles:
            continue
        found.append(
            f"{one.title} {number(one.value)} lies outside what retraining gives "
            f"({oracle_range(one)}; p {written_p(one.p)}, one score alone)"
        )
    if 0 < case.oracles < ENOUGH:
        found.append(
            f"{plural(case.oracles, 'oracle')} cannot say where a retrained model may lie: "
            f"{ENOUGH} are the fewest"
        )
    return found


def _data_digests(rows: SampleRows, said: Heard) -> dict[str, str]:
    """Digests of the parts, and of their order the ids."""
    ids = {"forget": said.split.forget, "retain": said.split.retain, "test": said.split.test}
    found = {name: rows.digest(name, said.own.at(places)[1]) for name, places in ids.items()}
    return {f"{name} samples": value for name, value in found.items() if value is not None}


def _call(models: Models, before: Sequence[Loader], drawn: bool | None, panel: str | None) -> str:
    """The call as the user wrote it, as far as it is known."""
    words = ["net", "forget=forget", "retain=retain", "test=test"]
    words += ["original=original"] if models.original is not None else []
    words += [f"oracles=[{', '.join(f'oracle_{i}' for i in range(len(models.oracles)))}]"]
    words += [f"before=[{', '.join(f'before_{i}' for i in range(len(before)))}]"] if before else []
    words += [f"drawn={drawn}"] if drawn is not None else []
    words += [f"panel={panel!r}"] if panel else []
    return f"mu.audit({', '.join(words)})"
