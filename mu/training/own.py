"""Training by a function of the user's: originals, oracles and all else that is trained."""

import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from mu.artifact import Artifact
from mu.data.base import Data, Kept, removed_elements
from mu.data.build import build, build_data
from mu.data.graphs import GraphData
from mu.doors.checked import refuse_diverged
from mu.doors.guest import copied, evaluation_mode, seed_everything
from mu.errors import MuError, StepFailed, UsageError
from mu.models.base import Learner, Progress, as_batch, build_learner
from mu.models.own_loss import learner_of
from mu.models.weights import load_weights
from mu.training.fit import Meter
from mu.training.peak_memory import peak_into

LOOKED_AT = 32  # samples on which a network is held against its copy


class OwnTraining:
    """A function of the user's that trains, and what its networks are made like.

    Args:
        train: ``train(ids, seed)``, as `train_by` calls it.
        data: What it is trained on.
        seed: Of the training that shows the architecture, where no other was done before.
        model: Makes an untrained network; None takes the architecture from a trained one.
    """

    def __init__(
        self,
        train: Callable[..., Any],
        data: Data,
        seed: int,
        model: Callable[[], nn.Module] | None = None,
    ) -> None:
        self.train, self.data, self.seed, self.model = train, data, seed, model
        self.template: Learner | None = None

    def network(self) -> Learner:
        """A network of the same architecture, whose weights say nothing."""
        if self.model is not None:
            return learner_of(self.model())
        if self.template is None:  # all that was trained so far is in the store
            self.template = train_by(self.train, self.data, self.data.without({}), self.seed)[0]
        return copied(self.template)


def architecture(training: OwnTraining) -> Learner:
    """The ``_target_`` of the model of an own training."""
    return training.network()


def step(config: dict[str, Any], inputs: dict[str, Any], progress: Progress | None) -> Artifact:
    """Step ``fit``: what is kept is trained on by a function of the user's.

    ``recipe.fit`` holds ``step``, as ``my.module:train``, or ``training``, an `OwnTraining`. With
    no epochs the network is drawn and not trained.

    Raises:
        UsageError: The function is not there, does not take what it is given, or what it returns
            is no network like that of the model.
    """
    recipe, seed = config["recipe"], config["seed"]
    own = build(recipe["fit"]["training"]) if "training" in recipe["fit"] else None
    train = own.train if own else function_of(recipe["fit"]["step"])
    seed_everything(seed)
    if not recipe["epochs"]:
        return _artifact(drawn_anew(config, own), Meter())
    names = inspect.signature(train).parameters
    if {"config", "inputs"} <= set(names):  # it is a step itself
        found: Artifact = train(config, inputs, progress)
        return found
    data = build_data(config["data"])
    kept = data.without(removed_elements(inputs["removed"]))
    more = {} if own else {"network": lambda: build_learner(config["model"]).network}
    learner, meter = train_by(train, data, kept, seed, more, config["device"])
    if own and own.template is None:
        own.template = copied(learner)
    check_rebuilt(learner, build_learner(config["model"], download=False), data, kept)
    return _artifact(learner, meter)


def function_of(name: str) -> Callable[..., Any]:
    """The function that ``module:function`` names.

    Raises:
        UsageError: There is none.
    """
    module, _, function = name.partition(":")
    try:
        found: Callable[..., Any] = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"recipe.fit.step={name} is no module:function: {reason}") from error
    return found


def drawn_anew(config: dict[str, Any], own: OwnTraining | None) -> Learner:
    """The network with weights drawn anew.

    Raises:
        UsageError: Weights of a network that was only seen trained cannot be drawn.
    """
    learner = build_learner(config["model"], download=False)
    if own is not None and own.model is None:
        try:
            build(config["recipe"]["fit"]["anew"])(learner, learner.modules())
        except UsageError as error:
            raise UsageError(
                f"{error}; or hand mu.study model=, a function that makes an untrained network"
            ) from error
    return learner


def train_by(
    train: Callable[..., Any],
    data: Data,
    kept: Kept,
    seed: int,
    makers: dict[str, Callable[[], Any]] | None = None,
    device: str = "cpu",
) -> tuple[Learner, Meter]:
    """Call a training; the learner, on the CPU and in evaluation mode, and what it took.

    It is called as ``train(ids, seed)``. What it takes by name beside these is given: ``data``,
    ``view`` (what `mu.data.base.Data.loader` has to be told of a graph), and what ``makers`` make.
    Memory is measured on ``device``.

    Raises:
        UsageError: It does not take the view of a graph, takes other
            arguments, or returns no network.
    """
    names = list(inspect.signature(train).parameters)
    known: dict[str, Callable[[], Any]] = {"data": lambda: data, "view": lambda: kept.view}
    known |= makers or {}
    if isinstance(data, GraphData) and "view" not in names:
        raise UsageError(
            "the training does not take view, so it would see the graph with what is forgotten: "
            "write train(ids, seed, data, view), and read data.loader(ids, view, train=True)"
        )
    seed_everything(seed)
    given = {name: known[name]() for name in names[2:] if name in known}
    meter, start = Meter(), time.perf_counter()
    with peak_into(meter.memory, "request", device), counting() as counts, torch.enable_grad():
        network = train(kept.ids.copy(), seed, **given)
    meter.seconds["request"] = time.perf_counter() - start
    learner = learner_of(network).cpu().eval()
    meter.forward, meter.backward = counts.get(network, (0, 0))
    refuse_diverged(learner.network)
    return learner, meter


@contextmanager
def counting() -> Iterator[WeakKeyDictionary[nn.Module, tuple[int, int]]]:
    """Counts, for each module, the samples that it was called with: in all, and with gradients.

    A graph counts as one, as everywhere. What is not called as a module is not seen.
    """
    found: WeakKeyDictionary[nn.Module, tuple[int, int]] = WeakKeyDictionary()

    def note(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not inputs or not isinstance(output, Tensor) or not output.dim():
            return
        size = 1 if hasattr(inputs[0], "adjacency") else len(output)
        forward, backward = found.get(module, (0, 0))
        found[module] = forward + size, backward + size * torch.is_grad_enabled()

    hook = register_module_forward_hook(note)
    try:
        yield found
    finally:
        hook.remove()


def check_rebuilt(learner: Learner, other: Learner, data: Data, kept: Kept) -> None:
    """Refuse a network that its tensors do not make again: nothing else of it is stored.

    Args:
        learner: As it was trained.
        other: A network of the same model, which gets its weights.
        data: For a few samples.
        kept: Which of them it was trained on.

    Raises:
        UsageError: They do not fit the model, or leave out something that its outputs rest on.
    """
    load_weights(other, learner.state_dict(), "of the network that the training returned")
    batch = as_batch(next(iter(data.loader(kept.ids[:LOOKED_AT], kept.view))))
    try:
        with torch.no_grad(), evaluation_mode(learner), evaluation_mode(other):
            one, two = learner.outputs(batch)[0], other.outputs(batch)[0]
    except MuError:
        raise
    except Exception as error:  # whatever the user's network raises
        raise StepFailed(
            f"{type(learner.network).__name__} fails on samples of the data: "
            f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        ) from error
    if not torch.allclose(one, two, rtol=1e-4, atol=1e-5, equal_nan=True):
        raise UsageError(
            f"{type(learner.network).__name__} says something else once its tensors are loaded "
            "into a network of the same kind: it keeps numbers that training sets outside its "
            "parameters and buffers (register_buffer), or draws in evaluation mode"
        )


def _artifact(learner: Learner, meter: Meter) -> Artifact:
    parameters = sum(p.numel() for p in learner.parameters())
    return Artifact({"cost": meter.facts(), "parameters": parameters}, tensors=learner.state_dict())
