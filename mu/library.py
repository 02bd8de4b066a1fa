"""Two calls on the user's own model and loaders: no store, no Hydra, no file written."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from mu.analytic.key import process_key
from mu.artifact import Artifact
from mu.configuration.choices import choices, options_of, read_yaml, unknown
from mu.configuration.compose import composed
from mu.data.base import Data, removed_elements
from mu.errors import UsageError
from mu.evaluation.score import Score
from mu.evaluation.signals import Signals, Split
from mu.forget_sets.files import Request
from mu.forget_sets.request import check, selection, takes_whole_classes
from mu.models.base import Learner, Progress, as_batch
from mu.models.predict import predict
from mu.unlearning.base import Context, LoaderPart, Part, Unlearner, apply
from mu.unlearning.serve import parts_for

Loader = Iterable[Any]


def unlearn(
    net: nn.Module,
    method: str | Unlearner = "ssd",
    *,
    forget: Loader | None = None,
    retain: Loader | None = None,
    validation: Loader | None = None,
    data: Data | None = None,
    request: Request | None = None,
    before: Sequence[Request] = (),
    memory: Mapping[str, Tensor] | None = None,
    seed: int = 0,
    device: str = "cpu",
    precision: str = "32-true",
    progress: Progress | None = None,
    stored: Mapping[str, Mapping[str, Tensor]] | None = None,
    **options: Any,
) -> nn.Module:
    """Forget the samples of a loader; the model handed in is not touched.

    Args:
        net: Returns logits (n, C), or (n, 1) for binary targets. A `mu.models.base.Learner`
            brings its own loss, anything else is trained with cross-entropy.
        method: Name of a method (``mu list methods``), or an `Unlearner` with its options set.
        forget: Yields batches ``(x, y)`` of D_f.
        retain: Yields batches ``(x, y)`` of D_r. Methods that ask for all of D get the retained
            batches, then the forgotten ones.
        validation: Yields batches never trained on, for methods that stop or report by them.
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
        options: Options of the method; what is not given is as in its YAML file.

    Returns:
        A new module of the type of ``net``, in evaluation mode, on the CPU. What the method says of
        itself (selected share, passes, seconds) is in its attribute ``unlearning``, what it
        remembers for the next request in ``unlearning_memory``.

    Raises:
        UsageError: Unknown method or option, a loader that the method needs is missing, or a
            request that names what is not there.

    Example:
        >>> import torch
        >>> net = nn.Linear(3, 2)
        >>> batch = (torch.eye(3), torch.tensor([0, 1, 0]))
        >>> new = unlearn(net, "gradient_ascent", forget=[batch], epochs=1, lr=0.1)
        >>> bool((new.weight == net.weight).all()), new.unlearning["forward"]
        (False, 3)
    """
    unlearner = _method(method, options)
    learner = net if isinstance(net, Learner) else Learner(net)
    where: dict[str, Any] = {"device": device, "precision": precision, "progress": progress}
    context = Context(seed=seed, secret=process_key, **where)
    if data is not None or request is not None or before:
        parts = _parts_of(unlearner, data, [*before, request], [forget, retain, validation])
    else:
        loaders = {"forget": forget, "retain": retain, "validation": validation}
        parts = _loader_parts(unlearner, loaders)
    found = apply(unlearner, learner, parts, context, dict(memory or {}), stored)
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
    """
    given = [request for request in requests if request is not None]
    if data is None or len(given) < len(requests) or any(one is not None for one in loaders):
        raise UsageError("give either loaders forget= and retain=, or data= and request=")
    selections: list[Artifact] = []
    for request in given:
        removed = removed_elements(selections)
        selections.append(selection(data, check(request, data, removed), removed))
    *earlier, last = selections
    return parts_for(data, unlearner, earlier, last)


def _loader_parts(unlearner: Unlearner, loaders: Mapping[str, Loader | None]) -> Mapping[str, Part]:
    """What the method is handed of the user's loaders.

    Raises:
        UsageError: The method needs what loaders do not tell.
    """
    given = {name: _several(loader) for name, loader in loaders.items() if loader is not None}
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
    return parts


def evaluate(
    net: nn.Module,
    *,
    forget: Loader,
    retain: Loader,
    test: Loader,
    original: nn.Module | None = None,
    oracles: Sequence[nn.Module] = (),
    untrained: Sequence[nn.Module] = (),
    twin: nn.Module | None = None,
    panel: str = "classification",
    device: str = "cpu",
) -> dict[str, float]:
    """Scores of an unlearned model; each should equal the oracles' value, not 0 and not 1.

    Where no sample of any class of D_f is among the retained ones, the scores of such requests are
    among them, as far as the model ends in a linear layer.

    Args:
        net: The unlearned model.
        forget: Yields batches ``(x, y)`` of D_f.
        retain: Yields batches ``(x, y)`` of D_r.
        test: Yields batches ``(x, y)`` never trained on.
        original: The model before the request.
        oracles: Models retrained without D_f. Scores that need them are absent without them.
        untrained: Models of the same kind with random weights, for scores such as ZRF.
        twin: The model retrained without D_f from the seed that ``original`` was trained from, for
            scores such as ToW, which are absent without it. The oracles have other seeds.
        panel: Name of the panel (``mu list metrics``).
        device: "cpu" or "cuda".

    Returns:
        Score → value; scores that do not apply are absent. With oracles, ``oracle/<score>`` is the
        mean over the oracles, each scored against the others.

    Raises:
        UsageError: Unknown panel, a label that the model has no class for, or ``oracles`` that are
            no list of models.
    """
    from mu.evaluation.derived import derived_values, oracle_mean, reads_twin
    from mu.evaluation.panels import panel_of
    from mu.evaluation.score import Peers, panel_values
    from mu.evaluation.scoring import build_scores, known_values, reading_features

    oracles = _several_models("oracles", oracles)
    untrained = _several_models("untrained", untrained)
    evaluation = composed({"evaluation": panel})["evaluation"]
    batches = [list(forget), list(retain), list(test)]
    config = panel_of(evaluation, takes_whole_classes(*map(_labels, batches[:2])))
    scores: dict[str, Score] = build_scores(config)
    features = bool(reading_features(config["scores"]))
    own, split = _signals(net, batches, device, features)
    peers = Peers(
        oracles=[_signals(oracle, batches, device, features)[0] for oracle in oracles],
        original=None if original is None else _signals(original, batches, device)[0],
        untrained=[_signals(one, batches, device)[0] for one in untrained],
    )
    floor = [
        known_values(panel_values(scores, one, split, peers.without(i)))
        for i, one in enumerate(peers.oracles)
    ]
    same: dict[str, float | None] | None = None
    if twin is not None and reads_twin(config):
        signals = _signals(twin, batches, device, features)[0]
        same = known_values(panel_values(scores, signals, split, peers))
    values = known_values(panel_values(scores, own, split, peers))
    values |= derived_values(config, values, floor, twin=same)
    floor = [
        one | derived_values(config, one, [*floor[:i], *floor[i + 1 :]], True, same)
        for i, one in enumerate(floor)
    ]
    values |= {f"oracle/{name}": oracle_mean(name, floor) for name in values}
    return {name: value for name, value in values.items() if value is not None}


def _method(method: str | Unlearner, options: dict[str, Any]) -> Unlearner:
    """The method with options from its YAML file, then the caller's."""
    from mu.data.build import build

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
    unlearner: Unlearner = build(config | options)
    return unlearner


def _several(loader: Loader) -> Any:
    """The loader, or a list of its batches where it can be read only once or has no length."""
    try:
        once = iter(loader) is loader
        len(loader)  # type: ignore[arg-type]
    except TypeError:
        once = True
    return list(loader) if once else loader


def check_labels(signals: Signals) -> None:
    """Refuse labels that the model has no class for.

    Raises:
        UsageError: Naming the first.
    """
    classes = max(signals.logits.shape[1], 2)
    if not signals.classifies or not len(signals.targets):
        return
    wrong = signals.targets[(signals.targets < 0) | (signals.targets >= classes)]
    if len(wrong):
        raise UsageError(
            f"label {wrong[0]} is outside the {classes} classes of the model (0 to {classes - 1})"
        )


def _several_models(name: str, models: object) -> list[nn.Module]:
    """Models as a list.

    Raises:
        UsageError: They are one model, or something else.
    """
    found = list(models) if isinstance(models, Iterable) else []
    if isinstance(models, nn.Module) or not all(isinstance(m, nn.Module) for m in found):
        raise UsageError(f"{name} takes a list of models, such as {name}=[net]")
    return found


def _labels(batches: list[Any]) -> NDArray[Any]:
    """(n,) targets of some batches."""
    found = [as_batch(batch).y.cpu().numpy() for batch in batches]
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _signals(
    net: nn.Module, batches: list[list[Any]], device: str, features: bool = False
) -> tuple[Signals, Split]:
    """Signals of a model on forget, retain and test batches, numbered in that order.

    With ``features`` what its head reads is among them, if it has one.
    """
    learner = net if isinstance(net, Learner) else Learner(net)
    every = [batch for part in batches for batch in part]
    try:
        found = predict(learner, every, device, features=features)
    except UsageError:
        if not features:
            raise
        found = predict(learner, every, device)
    # Batches of a `Data` have ids of their own; here a sample is known by its place.
    ids = np.arange(len(found.index))
    signals = Signals(ids, found.logits, found.targets, features=found.features)
    check_labels(signals)
    sizes = [sum(len(as_batch(batch)) for batch in part) for part in batches]
    ends = np.cumsum([0, *sizes])
    forget, retain, test = (np.arange(ends[i], ends[i + 1]) for i in range(3))
    empty = np.empty(0, np.int64)
    return signals, Split(forget=forget, before=empty, retain=retain, validation=empty, test=test)
