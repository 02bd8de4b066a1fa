"""Calls on the user's own model and loaders: no store, no Hydra, no file written."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from mu.analytic.key import process_key
from mu.configuration.choices import choices, options_of, read_yaml, unknown
from mu.configuration.compose import composed
from mu.data.base import Data
from mu.data.pyg import refuse_raw_graph
from mu.doors.batches import Fields
from mu.doors.checked import Task, refuse_diverged, task_at_home
from mu.doors.device import checked_device
from mu.doors.guest import copied, undisturbed
from mu.doors.loaders import Loader, Read, Unlabelled, rereadable
from mu.doors.twins import Twins
from mu.errors import NotApplicable, UsageError
from mu.evaluation.derived import derived_values, oracle_mean, reads_twin
from mu.evaluation.panels import OF_CLASS, counts_classes, judges_links, panel_of
from mu.evaluation.score import Peers, Score, panel_values
from mu.evaluation.scoring import build_scores, known_values, reading_features
from mu.evaluation.signals import Signals, Split
from mu.forget_sets.files import Request
from mu.forget_sets.request import selections_of, takes_whole_classes
from mu.gradients.processes import sharing
from mu.models.base import Learner, Progress
from mu.models.own_loss import Criterion, learner_of
from mu.models.predict import predict as listened
from mu.models.tail import trunk_and_tail, whole
from mu.models.together import EARLIER, listen
from mu.parts.overlapping import check_apart
from mu.running.signatures import check_annotated, plain_number
from mu.unlearning.apply import apply, check_kind
from mu.unlearning.base import LoaderPart, Part, Unlearner
from mu.unlearning.context import Context
from mu.unlearning.options import at_least, one_of
from mu.unlearning.serve import parts_for

PRECISIONS = ("32-true", "bf16-mixed")


def unlearn(
    net: nn.Module,
    method: str | Unlearner = "ssd",
    *,
    forget: Loader | None = None,
    retain: Loader | None = None,
    validation: Loader | None = None,
    fields: Fields | None = None,
    loss: Criterion | None = None,
    data: Data | None = None,
    request: Request | None = None,
    before: Sequence[Request] = (),
    memory: Mapping[str, Tensor] | None = None,
    seed: int = 0,
    device: str = "cpu",
    precision: str = "32-true",
    progress: Progress | None = None,
    stored: Mapping[str, Mapping[str, Tensor]] | None = None,
    parallel: bool = False,
    **options: Any,
) -> nn.Module:
    """Forget the samples of a loader; the model handed in is not touched.

    Nothing else is left behind either: random states, the environment and torch's flags are as they
    were.

    Args:
        net: Returns logits (n, C), or (n, 1) or (n,) for binary targets, or an object that has them
            as ``logits``. A `mu.models.base.Learner` brings its own loss, anything else is trained
            with cross-entropy or ``loss``.
        method: Name of a method (``mu list methods``), or an `Unlearner` with its options set.
        forget: Yields batches ``(x, y)`` of D_f: tensors or arrays, ``x`` also a tuple or a
            dictionary of them, as the network takes it; ``y`` class numbers, or with ``loss`` what
            that takes.
        retain: Yields batches ``(x, y)`` of D_r. Methods that ask for all of D get both in
            batches of their own size: in the order of the data set where both are parts of one,
            else the retained samples first.
        validation: Yields batches never trained on, for methods that stop or report by them.
        fields: Which fields of a batch are input and target, where it is a dictionary or has more
            than two: ``("image", "label")``, ``(0, 2)``; several inputs go to the network by name:
            ``(("input_ids", "attention_mask"), "labels")``.
        loss: The loss the network was trained on, where it is not cross-entropy: a criterion of
            torch such as ``torch.nn.BCEWithLogitsLoss()``, or a function of outputs and targets
            that takes ``reduction=`` or returns one value a sample.
        data: In place of loaders, a data set such as a graph, where forgetting changes what is
            left (`mu.data.pyg` makes one of a `torch_geometric.data.Data`).
        request: Which of its elements to forget, as in ``Request("edges", ids)``.
        before: Earlier requests to the same data, which ``net`` has forgotten already.
        memory: Where requests come one after the other, what the method remembers of the last one:
            the attribute ``unlearning_memory`` of what it returned. GS-LoRA keeps prototypes of the
            original there, ACU its statistics, which the same process can read, or any that has the
            same ``MU_LEDGER_KEY``.
        seed: Seed of everything the method draws.
        device: "cpu" or "cuda".
        precision: "32-true" or "bf16-mixed".
        progress: Called with (batches done, batches in all).
        stored: What `mu.unlearning.stored.prepare` made of this model, by name, for methods that
            read such things; a request then costs D_f only.
        parallel: Whether the processes of `torch.distributed` share the gradients and features
            that SSD, IAU and ACU sum. All make this call, each with the whole loaders, and all get
            the result of a single process up to the order of addition.
        options: Options of the method; what is not given is as in its YAML file.

    Returns:
        A new module of the type of ``net``, in evaluation mode, on the CPU; parameters that were
        frozen still are. What the method says of itself (selected share, passes, seconds) is in its
        attribute ``unlearning``, what it remembers for the next request in ``unlearning_memory``.

    Raises:
        UsageError: Unknown method or option, a loader that the method needs is missing or empty, a
            request that names what is not there, network, batches and targets that do not belong
            together, or what the method does not serve; with ``parallel`` another method, or no
            process group.
        StepFailed: The method left weights that are not finite.

    Example:
        >>> import torch
        >>> net = nn.Linear(3, 2)
        >>> batch = (torch.eye(3), torch.tensor([0, 1, 0]))
        >>> new = unlearn(net, "gradient_ascent", forget=[batch], epochs=1, lr=0.1)
        >>> bool((new.weight == net.weight).all()), new.unlearning["forward"]
        (False, 3)
    """
    device = checked_device(device)
    one_of(precision=(precision, PRECISIONS))
    at_least(0, seed=seed)
    unlearner, learner = _method(method, options), learner_of(net, loss)
    if any(isinstance(module, torch.jit.ScriptModule) for module in learner.modules()):
        raise UsageError(
            f"{type(net).__name__} is compiled by torch.jit, so its weights cannot be drawn or "
            "frozen; hand over the module it was made of, and script the result"
        )
    where: dict[str, Any] = {"device": device, "precision": precision, "progress": progress}
    context = Context(seed=seed, secret=process_key, **where)
    if parallel and not unlearner.shares:
        raise UsageError(
            f"{type(unlearner).__name__} does not share its batches between processes; leave "
            "parallel= out, and each process computes the same"
        )
    with undisturbed(), sharing() if parallel else nullcontext():
        try:
            if data is not None or request is not None or before:
                given = [forget, retain, validation]
                parts = _parts_of(unlearner, data, [*before, request], given)
            else:
                loaders = {"forget": forget, "retain": retain, "validation": validation}
                parts = _loader_parts(unlearner, learner, loaders, fields)
            found = apply(unlearner, learner, parts, context, dict(memory or {}), stored)
        except NotApplicable as error:  # in a grid a row fails and the others go on; here it ends
            raise UsageError(str(error)) from error
    result: Any = found.learner if isinstance(net, Learner) else found.learner.network
    result.unlearning = found.facts | found.cost()
    result.unlearning_memory = found.memory
    return result  # type: ignore[no-any-return]


def _parts_of(
    unlearner: Unlearner,
    data: Data | None,
    requests: Sequence[Request | None],
    loaders: Sequence[Loader | None],
) -> Mapping[str, Part]:
    """What the method is handed of a data set for the last of some requests.

    Raises:
        UsageError: Loaders as well, half of what is needed, or an element that left before.
        NotApplicable: Elements of a kind that the method does not forget.
    """
    refuse_raw_graph(data)
    given = [request for request in requests if request is not None]
    if data is None or len(given) < len(requests) or any(one is not None for one in loaders):
        raise UsageError("give either loaders forget= and retain=, or data= and request=")
    *earlier, last = selections_of(data, given)
    check_kind(unlearner, last.facts["kind"])
    return parts_for(data, unlearner, earlier, last)


def _loader_parts(
    unlearner: Unlearner,
    learner: Learner,
    loaders: Mapping[str, Loader | None],
    fields: Fields | None,
) -> Mapping[str, Part]:
    """What the method is handed of the user's loaders; all of them are looked at, needed or not.

    Raises:
        UsageError: The method needs what loaders do not tell, one of them is none or does not
            belong to the network, or what is retained holds what is to be forgotten.
    """
    if unlearner.requests and "samples" not in unlearner.requests:
        known = ", ".join(sorted(unlearner.requests))
        raise UsageError(
            f"{type(unlearner).__name__} forgets {known}, which loaders do not tell; give "
            "data= and request="
        )
    given = {
        name: Read(rereadable(loader, f"{name}="), fields, name=f"{name}=")
        for name, loader in loaders.items()
        if loader is not None
    }
    parts: dict[str, Part] = {name: LoaderPart((loader,)) for name, loader in given.items()}
    if {"forget", "retain"} <= set(given):
        parts["full"] = LoaderPart((given["retain"], given["forget"]))
    if "full" in unlearner.needs and "full" not in parts:
        raise UsageError(f"{type(unlearner).__name__} needs both forget= and retain= loaders")
    if untold := sorted(unlearner.needs - {*loaders, "full"}):
        raise UsageError(
            f"{type(unlearner).__name__} needs {', '.join(untold)}, which loaders do not tell; "
            "give data= and request="
        )
    refuse_diverged(learner.network)
    for reading in given.values():
        reading.task = task_at_home(learner, reading.first(), reading.name)
    if {"forget", "retain"} <= set(given):
        check_apart(given["forget"], given["retain"])
    return parts


def cut(net: nn.Module, at: str) -> tuple[nn.Module, nn.Module]:
    """A network in two: what runs before a part of it, frozen, and the rest, which is to forget.

    What the trunk makes of the samples is computed once; then the tail is a network like any other,
    whose loaders yield that in place of images. `merge` makes a whole network of it again.

    Args:
        net: Whose input is one tensor; not touched.
        at: Dotted name of the first part of the tail, as in ``"layer4"``.

    Returns:
        Copies: the trunk, in evaluation mode and frozen, and the tail.

    Raises:
        UsageError: It cannot be cut there; the message says why.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> trunk, tail = cut(net, "2")
        >>> [name for name, _ in trunk.named_parameters()], list(tail.state_dict())
        (['0.weight', '0.bias'], ['2.weight', '2.bias'])
    """
    trunk, tail = trunk_and_tail(copied(net), at)
    return trunk, tail.train(net.training)


def merge(net: nn.Module, at: str, tail: nn.Module) -> nn.Module:
    """A whole network again: the trunk of one, and a tail that was cut off and has changed since.

    Args:
        net: Which was cut; not touched.
        at: Where.
        tail: What `unlearn` or training made of the tail.

    Returns:
        A new network of the type of ``net``, in evaluation mode.

    Raises:
        UsageError: The tail has other tensors than that of the network has: a method that changes
            the architecture cannot be merged.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> trunk, tail = cut(net, "2")
        >>> bool(torch.nn.init.zeros_(tail.get_parameter("2.bias")).sum() == 0)
        True
        >>> merge(net, "2", tail)[2].bias.tolist()
        [0.0, 0.0]
    """
    found = copied(net)
    whole(found.network if isinstance(found, Learner) else found, at, tail)
    return found.eval()


def evaluate(
    net: nn.Module,
    *,
    forget: Loader,
    retain: Loader,
    test: Loader,
    fields: Fields | None = None,
    loss: Criterion | None = None,
    original: nn.Module | None = None,
    oracles: Sequence[nn.Module] = (),
    untrained: Sequence[nn.Module] = (),
    twin: nn.Module | None = None,
    before: Sequence[Loader] = (),
    own: Loader | None = None,
    panel: str | None = None,
    device: str = "cpu",
) -> dict[str, float]:
    """Scores of an unlearned model; each should equal the oracles' value, not 0 and not 1.

    Every loader is read once, by all models together, and only what they say is held. Where no
    sample of any class of D_f is among the retained ones, the scores of such requests are among
    them, as far as the model ends in a linear layer.

    Args:
        net: The unlearned model.
        forget: Yields batches ``(x, y)`` of D_f, as for `unlearn`.
        retain: Yields batches ``(x, y)`` of D_r.
        test: Yields batches ``(x, y)`` never trained on.
        fields: Which fields of a batch are input and target, as for `unlearn`.
        loss: A loss of one's own, as for `unlearn`.
        original: The model before the request.
        oracles: Models retrained without D_f. Scores that need them are absent without them.
        untrained: Models of the same kind with random weights, for scores such as ZRF.
        twin: The model retrained without D_f from the seed that ``original`` was trained from, for
            scores such as ToW, which are absent without it. The oracles have other seeds.
        before: A list of loaders, each of what an earlier request forgot; it must not come back
            (score ``before``), and neither the oracles may have seen it.
        own: Yields batches of what was forgotten and never trained on, such as a test node of a
            graph, whose trained neighbours are D_f; its labels are not read, and may be negative.
            All models are asked on the graph of the loader: the one that remains, in which the node
            has no edges (``data.loader(ids, view)``), so that they differ in their weights alone.
            Scores ``kl_own`` and ``agreement_own``.
        panel: Name of the panel (``mu list metrics``); by default ``classification``, or
            ``own_loss`` (losses, outputs, attacks on the loss) where targets are no class numbers.
        device: "cpu" or "cuda".

    Returns:
        Score → value; scores that do not apply are absent. With oracles, ``oracle/<score>`` is the
        mean over the oracles, each scored against the others.

    Raises:
        UsageError: Unknown panel, ``oracles`` that are no list of models, or network, batches and
            targets that do not belong together.
    """
    loaders = {"forget": forget, "retain": retain, "test": test} | earlier_parts(before)
    loaders |= {} if own is None else {"own": own}
    models = Models(net, original, oracles, untrained, twin)
    with undisturbed():
        values, floor = scored(heard(models, loaders, fields, loss, panel, device))
    means = {f"oracle/{name}": oracle_mean(name, floor) for name in values}
    return {name: value for name, value in (values | means).items() if value is not None}


@dataclass(frozen=True)
class Models:
    """The model that is judged, and those it is held against; see `evaluate`."""

    net: nn.Module
    original: nn.Module | None = None
    oracles: Sequence[nn.Module] = ()
    untrained: Sequence[nn.Module] = ()
    twin: nn.Module | None = None


@dataclass(frozen=True)
class Heard:
    """What models say of the parts, and the panel that fits the request.

    Attributes:
        own: Signals of the model that is judged.
        split: Who plays which part.
        peers: Signals of the others.
        twin: Signals of the model retrained from the original's seed.
        panel: The configuration of the panel.
        whole: Whether no sample of any class of D_f is retained.
    """

    own: Signals
    split: Split
    peers: Peers
    twin: Signals | None
    panel: Mapping[str, Any]
    whole: bool


def heard(
    models: Models,
    loaders: Mapping[str, Loader],
    fields: Fields | None = None,
    loss: Criterion | None = None,
    panel: str | None = None,
    device: str = "cpu",
    twins: Twins | None = None,
) -> Heard:
    """All models on one reading of the parts.

    Args:
        models: Left as they were.
        loaders: By part, as for `mu.models.together.listen`, which also takes ``twins``.
        fields: As for `evaluate`; so are the next three.
        loss: A loss of one's own.
        panel: Name of the panel.
        device: "cpu" or "cuda".
        twins: What is to see the digests of all samples.

    Raises:
        UsageError: As `evaluate`.
    """
    oracles = list_of_models("oracles", models.oracles)
    untrained = list_of_models("untrained", models.untrained)
    learners = [learner_of(one, loss) for one in (models.net, *oracles, *untrained)]
    last = [models.original, models.twin]
    learners += [learner_of(one, loss) for one in last if one is not None]
    device = checked_device(device)
    known = composed({"evaluation": panel}) if panel else {}  # a wrong name is said first
    with undisturbed():
        parts, task = _asked(learners, loaders, fields)
        _check_panel(panel, known, task)
        fitting = "classification" if task.classes else "own_loss"
        evaluation = (known or composed({"evaluation": fitting}))["evaluation"]
        features = bool(reading_features(panel_of(evaluation, OF_CLASS in evaluation)["scores"]))
        said, split = listen(learners, parts, device, features, twins)
    own, others = said[0], iter(said[1:])
    peers = Peers(
        oracles=list(islice(others, len(oracles))),
        untrained=list(islice(others, len(untrained))),
        original=next(others) if models.original is not None else None,
    )
    whole = takes_whole_classes(own.at(split.forget)[1], own.at(split.retain)[1])
    return Heard(own, split, peers, next(others, None), panel_of(evaluation, whole), whole)


def earlier_parts(before: Sequence[Loader]) -> dict[str, Loader]:
    """Loaders of what earlier requests forgot, by the name of their part.

    Raises:
        UsageError: It is one loader, or something else.
    """
    if not isinstance(before, list | tuple) or any(isinstance(one, tuple) for one in before):
        raise UsageError("before takes a list of loaders, one an earlier request: before=[loader]")
    return {f"{EARLIER}{place}]": loader for place, loader in enumerate(before)}


def predict(
    net: nn.Module,
    loader: Loader,
    *,
    fields: Fields | None = None,
    loss: Criterion | None = None,
    device: str = "cpu",
) -> Signals:
    """What a network says of the samples of a loader, in evaluation mode and float32.

    Args:
        net: As for `unlearn`; it is left as it was.
        loader: Yields batches ``(x, y)``; of a data set of mu, ``data.loader(ids)``.
        fields: Which fields of a batch are input and target, as for `unlearn`.
        loss: A loss of one's own, as for `unlearn`.
        device: "cpu" or "cuda".

    Returns:
        ``logits`` (n, C), ``targets`` (n,) and ``index`` (n,): the ids of a data set of mu, else
        the places in the loader.

    Raises:
        UsageError: Network, batches and targets do not belong together.

    Example:
        >>> import torch
        >>> net = nn.Linear(3, 2)
        >>> found = predict(net, [(torch.eye(3), torch.tensor([0, 1, 0]))])
        >>> found.logits.shape, found.targets.tolist(), found.index.tolist()
        ((3, 2), [0, 1, 0], [0, 1, 2])
    """
    learner = learner_of(net, loss)
    with undisturbed():
        part = Read(rereadable(loader, "loader"), fields, name="loader")
        refuse_diverged(learner.network)
        part.task = task_at_home(learner, part.first(), "loader")
        return listened(learner, part, device)


def _asked(
    learners: Sequence[Learner], loaders: Mapping[str, Loader], fields: Fields | None
) -> tuple[dict[str, Read], Task]:
    """Loaders whose batches are checked as they are read, and what the first model is asked for.

    Raises:
        UsageError: A loader is none or empty, or a model and a first batch do not belong together.
    """
    parts = {
        name: (Unlabelled if name == "own" else Read)(
            rereadable(loader, f"{name}="), fields, name=f"{name}="
        )
        for name, loader in loaders.items()
    }
    first = {name: part.first() for name, part in parts.items()}
    for learner in learners:
        refuse_diverged(learner.network)
    own, *others = learners
    tasks = []
    for name, part in parts.items():
        part.task = task_at_home(own, first[name], part.name)
        tasks.append(part.task)
    for learner in others:
        other = task_at_home(learner, first["forget"], "forget=")
        if other.columns != tasks[0].columns:
            raise UsageError(
                f"the models have {tasks[0].columns} and {other.columns} outputs; scores compare "
                "models of the same classes"
            )
    return parts, tasks[0]


def _check_panel(panel: str | None, known: Mapping[str, Any], task: Task) -> None:
    """Refuse a panel whose headline is of other outputs than these.

    Raises:
        UsageError: Scores of links for several classes, or of classes for other targets.
    """
    evaluation = known.get("evaluation") or {}
    if task.columns > 1 and judges_links(evaluation):
        raise UsageError(
            f"panel={panel!r} is for link predictors, with one logit a pair, and the network has "
            f"{task.columns} outputs; leave panel= out, or take classification"
        )
    if not task.classes and counts_classes(evaluation):
        raise UsageError(
            f"panel={panel!r} counts classes, and the targets are none; leave panel= out, or take "
            "own_loss"
        )


Values = dict[str, float | None]


def scored(said: Heard) -> tuple[Values, list[Values]]:
    """The values of a panel: of the model, and of each oracle held against the others."""
    config, split, peers = said.panel, said.split, said.peers
    scores: dict[str, Score] = build_scores(config)
    floor = [
        known_values(panel_values(scores, one, split, peers.without(i)))
        for i, one in enumerate(peers.oracles)
    ]
    twin = None
    if said.twin is not None and reads_twin(config):
        twin = known_values(panel_values(scores, said.twin, split, peers))
    values = known_values(panel_values(scores, said.own, split, peers))
    values |= derived_values(config, values, floor, twin=twin)
    floor = [
        one | derived_values(config, one, [*floor[:i], *floor[i + 1 :]], True, twin)
        for i, one in enumerate(floor)
    ]
    return values, floor


def _method(method: str | Unlearner, options: dict[str, Any]) -> Unlearner:
    """The method with options from its YAML file, then the caller's."""
    from mu.data.build import build

    if not isinstance(method, str | Unlearner):
        name = getattr(method, "__name__", repr(method))
        raise UsageError(f"method={name} is neither the name of a method nor an Unlearner() itself")
    if isinstance(method, Unlearner):
        if options:
            raise UsageError("options go to the Unlearner itself, not beside it")
        return method
    known = choices("method")
    if method not in known:
        raise unknown("method", method, known)
    config = options_of(read_yaml(known[method]))
    for name in options:
        if name not in config:
            raise unknown(f"option of {method}", name, [k for k in config if k != "_target_"])
    options = {name: plain_number(value) for name, value in options.items()}
    check_annotated(config | options, f"method {method}")
    unlearner: Unlearner = build(config | options)
    return unlearner


def list_of_models(name: str, models: object) -> list[nn.Module]:
    """Models as a list.

    Raises:
        UsageError: They are one model, or something else.
    """
    found = list(models) if isinstance(models, Iterable) else []
    if isinstance(models, nn.Module) or not all(isinstance(m, nn.Module) for m in found):
        raise UsageError(f"{name} takes a list of models, such as {name}=[net]")
    return found
