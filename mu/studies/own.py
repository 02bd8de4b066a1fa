"""``mu.study``: an experiment on models that a function of the user's trains."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mu.artifact import digest
from mu.data.base import Data, TensorData
from mu.data.handed import at_hand
from mu.data.links import LinkData
from mu.data.pyg import refuse_raw_graph
from mu.doors.batches import as_batch
from mu.errors import UsageError
from mu.forget_sets.files import Request
from mu.running.live import live_digest
from mu.studies.run import run
from mu.studies.study import Study
from mu.training.own import OwnTraining

HANDED = "mu.data.handed.handed"
ANEW = {"_target_": "mu.unlearning.heads.fresh.reinitialise", "_partial_": True}


def study(
    train: Callable[..., nn.Module],
    data: Data | Dataset[Any],
    *,
    requests: Any,
    methods: Any,
    seeds: int | Sequence[int] = 3,
    oracles: int = 3,
    test: Dataset[Any] | None = None,
    validation: Dataset[Any] | None = None,
    model: Callable[[], nn.Module] | None = None,
    evaluation: str | None = None,
    out: str | Path | None = None,
    **settings: Any,
) -> Study:
    """An experiment on models that a function of yours trains: original and oracles alike.

    Everything runs in this process. What is trained, unlearned and scored is kept in the store
    (``MU_STORE``, by default ``.mu`` in the working folder) under the code of ``train``, of the
    functions it calls and of the values it reads, and the content of the data: another call with
    the same ones trains nothing.

    Args:
        train: ``train(ids, seed)`` gives a network, trained on the samples ``ids`` (an array of
            numbers of samples of ``data``) and no others, from ``seed``, which torch and numpy are
            seeded with before each call. Where it takes ``data`` or ``view`` by name, it is given
            them; on a graph it must take ``view`` and read ``data.loader(ids, view, train=True)``.
            A network with another loss than cross-entropy is returned as a `Learner`.
        data: A data set of mu (`mu.data.base.TensorData`, `mu.data.image_data`,
            `mu.data.pyg.nodes_of` …), or a data set of torch of pairs (x, y), which is read once
            and held in memory, as the methods see it: without random augmentation.
        requests: Name → what is forgotten: ids, a `Request`, a mapping as in an experiment file
            (``{"request": "random", "share": 0.1}``), or a list of such for requests in a row.
        methods: As of `mu.run`.
        seeds: Number of pairs, or their seeds.
        oracles: Retrained models of each pair.
        test: Where ``data`` is a data set of torch, what was never trained on.
        validation: More of that, for methods that stop by it.
        model: Makes an untrained network. Without it the row ``random_weights`` redraws a trained
            one, and where a store has all models already but not what a new method makes of them,
            one more is trained to know what they are made of.
        evaluation: Name of the panel.
        out: As of `mu.run`.
        settings: As of `mu.run`.

    Returns:
        What was found, as of `mu.run`.

    Raises:
        UsageError: As `mu.run`; ``train`` reads something that no key can hold, or data, network
            and function do not belong together.
    """
    refuse_raw_graph(data)
    known = data if isinstance(data, Data) else _held(data, test, validation)
    if known is data and (test is not None or validation is not None):
        raise UsageError(f"a {type(data).__name__} has its own test and validation parts")
    if not callable(train):
        raise UsageError(f"train={train!r} cannot be called; give a function train(ids, seed)")
    wanted = [seeds] if isinstance(seeds, int) else list(seeds)
    first = 0 if isinstance(seeds, int) or not wanted else wanted[0]
    own = OwnTraining(train, known, first, model)
    content = f"{type(known).__name__} {known.fingerprint()}"
    code = live_digest([_plain(train), _plain(model), type(known)], _called(train))
    names = {"data": digest([content, code]), "training": digest([code, content, "training"])}
    training = {"_target_": HANDED, "digest": names["training"]}
    block: dict[str, Any] = {
        "data": {"_target_": HANDED, "digest": names["data"], **_facts(known)},
        "model": {"_target_": "mu.training.own.architecture", "training": training},
        "recipe": {"fit": {"training": training, "anew": ANEW}},
        "requests": requests_given(requests),
        "methods": methods,
        "seeds": seeds if isinstance(seeds, int) else list(seeds),
        "oracles": oracles,
    }
    if evaluation is not None:
        block["evaluation"] = evaluation
    title = f"Own training: {_called(train)}"
    written = {"name": "study", "title": title, "blocks": [block]}
    compute = {**settings.pop("compute", {}), "workers": 0}
    handed = {names["data"]: known, names["training"]: own}
    with at_hand(handed):
        found = run(written, out=out, compute=compute, **settings)
    found.handed = handed  # its networks are made anew of these
    return found


def requests_given(requests: Any) -> dict[str, Any]:
    """Requests as an experiment file has them.

    Args:
        requests: As of `study`; one that has no name is called ``forget``.

    Raises:
        UsageError: Something else.

    Example:
        >>> requests_given({"two": [3, 4], "some": {"request": "random", "count": 5}})
        {'two': {'request': 'ids', 'ids': [3, 4]}, 'some': {'request': 'random', 'count': 5}}
    """
    if not isinstance(requests, Mapping) or isinstance(requests.get("request"), str):
        requests = {"forget": requests}
    return {str(name): _request(str(name), given) for name, given in requests.items()}


def _request(name: str, given: Any) -> Any:
    if isinstance(given, Request):
        ids = np.asarray(given.ids).tolist()
        return {"request": "ids", "ids": ids, "kind": given.kind}
    if isinstance(given, Mapping):
        return dict(given)
    if isinstance(given, list | tuple) and given and not _is_number(given[0]):
        return [_request(name, one) for one in given]
    ids = np.asarray(given.cpu() if isinstance(given, Tensor) else given)
    if ids.ndim == 1 and ids.dtype == bool:
        return {"request": "ids", "ids": np.flatnonzero(ids).tolist()}
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        raise UsageError(
            f"requests: {name} is {given!r:.80}; give numbers of samples, a Request, or a mapping "
            'such as {"request": "random", "share": 0.1}'
        )
    return {"request": "ids", "ids": ids.tolist()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | np.integer)


def _facts(data: Data) -> dict[str, Any]:
    """What tables and panels have to know of a data set."""
    labels = data.targets(data.parts["train"][:1])
    whole = labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer)
    classes = "classification" if whole else "own_loss"
    panel = "links" if isinstance(data, LinkData) else classes
    return {"title": type(data).__name__, "panel": panel}


def _plain(function: Any) -> Any:
    """A function as something to digest; an object that is called counts with its class."""
    if isinstance(function, functools.partial):
        return [function.func, function.args, function.keywords]
    return function


def _called(train: Any) -> str:
    return str(getattr(train, "__name__", type(train).__name__))


def _held(
    data: Dataset[Any], test: Dataset[Any] | None, validation: Dataset[Any] | None
) -> TensorData:
    """A data set of torch as one of mu; the samples of ``data`` keep their numbers.

    Raises:
        UsageError: There is nothing to test on, or a data set gives no pairs of one shape, or
            other ones each time.
    """
    if test is None:
        raise UsageError("a data set of torch has no test part: hand over test=, another data set")
    given = {"data": data, "validation": validation, "test": test}
    parts = {name: _read(one, name) for name, one in given.items() if one is not None}
    sizes = {name: len(y) for name, (_, y) in parts.items()}
    try:
        x, y = (torch.cat([pair[i] for pair in parts.values()]) for i in (0, 1))
    except RuntimeError as error:
        raise UsageError(f"the samples of {', '.join(parts)} differ in shape: {error}") from error
    ends = np.cumsum([0, *sizes.values()])
    ids = {n: np.arange(ends[i], ends[i + 1]) for i, n in enumerate(sizes)}
    none = np.empty(0, np.int64)
    held_out = ids.get("validation", none)
    return TensorData(x, y, train=ids["data"], validation=held_out, test=ids["test"])


def _read(data: Dataset[Any], name: str) -> tuple[Tensor, Tensor]:
    """All samples of a data set of torch.

    Raises:
        UsageError: They cannot be read by number, are no pairs, or are drawn anew each time.
    """
    if not hasattr(data, "__getitem__") or not hasattr(data, "__len__"):
        raise UsageError(f"{name} is a {type(data).__name__}, whose samples have no numbers")
    size = len(data)
    if not size:
        raise UsageError(f"{name} has no samples")
    collate = torch.utils.data.default_collate
    batch = as_batch(collate([data[i] for i in range(size)]))
    again = as_batch(collate([data[0]]))
    if not isinstance(batch.x, Tensor):
        raise UsageError(f"{name}: an input is a {type(batch.x).__name__}, and one tensor is due")
    if not torch.equal(again.x[0], batch.x[0]):
        raise UsageError(
            f"{name}: its first sample is another one each time it is read; leave augmentation to "
            "train, which may use a data set of its own"
        )
    return batch.x, batch.y
