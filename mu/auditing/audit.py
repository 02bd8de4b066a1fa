"""How one model is audited: heard beside its peers, tested, and put into words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from torch import nn

from mu.auditing.bench import LEVEL, RANDOM, Bench
from mu.auditing.exact import epsilon_bound, exact_interval
from mu.auditing.membership import Membership, at_most_left
from mu.auditing.record import Alarm, Audit, ScoreRow, oracle_range
from mu.auditing.retrains import ENOUGH, against_retrains, farthest
from mu.auditing.rows import SampleRows, weights_digest
from mu.auditing.verdict import Case, Earlier, not_tested, written_p
from mu.doors.batches import Fields
from mu.doors.guest import undisturbed
from mu.doors.loaders import Loader
from mu.errors import UsageError
from mu.evaluation.attacks.rmia import tpr
from mu.evaluation.score import panel_sizes, panel_values
from mu.evaluation.scoring import build_scores, known_values
from mu.evaluation.signals import Ids, Signals
from mu.library import Heard, Models, earlier_parts, heard, list_of_models, scored
from mu.models.own_loss import Criterion
from mu.models.together import EARLIER
from mu.results.format import number, plural
from mu.results.panel import describe_panel

RATES = (0.001, 0.01, 0.1)  # of false alarms at which hits are counted, as far as samples carry


def audit(
    net: nn.Module,
    *,
    forget: Loader,
    retain: Loader,
    test: Loader,
    original: nn.Module | None = None,
    oracles: Sequence[nn.Module] = (),
    before: Sequence[Loader] = (),
    own: Loader | None = None,
    drawn: bool | None = None,
    drawn_before: Sequence[bool | None] = (),
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
        before: Loaders of what earlier requests forgot, one each, which must not come back. Each is
            judged by itself.
        own: What was forgotten and never trained on, as for `mu.evaluate`.
        drawn: Whether D_f was drawn at random. None: it counts as such unless the oracles find it
            easier or harder than unseen samples.
        drawn_before: The same of each earlier request.
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
    loaders |= {} if own is None else {"own": own}
    kept, notes, weights = _own_oracles(net, original, oracles)
    rows = SampleRows()
    models = Models(net, original, kept)
    with undisturbed():
        said = heard(models, loaders, fields, loss, panel, device, rows)
        twins, more = _overlaps(rows, said)
        bench = Bench(said.split, said.peers.oracles, twins, drawn, drawn_before)
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
    k = len(bench.oracles)
    return Case(
        kind=bench.kind(own),
        forgotten=len(said.split.forget),
        before=sum(map(len, said.split.earlier)),
        retained=len(said.split.retain),
        unseen=len(bench.unseen(own)),
        classes=own.classifies,
        oracles=k,
        tests=bench.tests(own),
        original=None if original is None else bench.tests(original),
        left=_left(bench, original, seen),
        rank=farthest([own, *bench.oracles], said.split.forget) if k > 1 else 0,
        drawn=bench.drawn,
        unlike=bench.unlike(own),
        same=same,
        groups=len(np.unique(own.at(said.split.forget)[1])) if own.classifies else 0,
        earlier=[_earlier(one, said) for one in bench.earlier()],
    )


def _earlier(bench: Bench, said: Heard) -> Earlier:
    """What is to be said of an earlier request, on its own bench."""
    kind = bench.kind(said.own)
    seen = bench.membership(said.own) if kind == RANDOM else None
    return Earlier(kind, len(bench.split.forget), _left(bench, said.peers.original, seen))


def _left(bench: Bench, original: Signals | None, seen: Membership | None) -> float:
    """The share of what the original gives away that can be left; nan where none is known."""
    known = None if original is None or seen is None else bench.membership(original)
    return float("nan") if known is None or seen is None else at_most_left(seen, known)


def _score_rows(said: Heard) -> list[ScoreRow]:
    """Every score of the panel that the model has; of what went before, for each request."""
    facts = describe_panel(said.panel)["scores"]
    of_before = {
        name: config
        for name, config in said.panel["scores"].items()
        if "before" in facts[name]["reads"] and set(facts[name]["reads"]) <= {"before", "retain"}
    }
    found = [one for one in _rows_of(said) if one.score not in of_before]
    for place, ids in enumerate(said.split.earlier, start=1):
        split = replace(said.split, before=ids)
        alone = replace(said, split=split, panel={"scores": of_before})
        found += [replace(one, request=place) for one in _rows_of(alone)]
    return found


def _rows_of(said: Heard) -> list[ScoreRow]:
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
