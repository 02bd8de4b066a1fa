"""Which classes a file of somebody else may name: known ones of the kind that is due there.

The user's own configuration is free and never comes here. What comes is what a stranger may have
written: a model in an artifact of the store, an experiment that results say they were made by.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import FunctionType
from typing import Any

from mu.errors import UsageError

LIBRARIES = (
    *("mu", "torch.nn", "torch.optim", "torchvision.models", "torchvision.ops"),
    *("timm.models", "timm.layers", "timm.optim", "timm.scheduler", "torch_geometric.nn"),
)
# Networks of torch_geometric that fetch a language model from a hub by the name they are given.
FETCHING = (
    *("torch_geometric.nn.nlp", "torch_geometric.nn.models.glem"),
    *("torch_geometric.nn.models.g_retriever", "torch_geometric.nn.models.molecule_gpt"),
)
FILES = ("checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir")  # of timm
NAME = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+", re.ASCII)  # nothing private on the way
DEPTH = 60  # of nested configurations; a network in a network in a learner has 3
TARGET = "_target_"


@dataclass(frozen=True)
class Due:
    """What a class has to be where it is named.

    Attributes:
        word: What it is called in messages.
        bases: Dotted names of classes; it is a subclass of one of them.
        rooms: Packages of mu; or it stands in one of these.
    """

    word: str
    bases: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()


NETWORK = Due("network", ("torch.nn.Module",))
DATA = Due("data set", ("mu.data.base.Data",))
TRAINING = Due(
    "optimiser or schedule",
    ("torch.optim.Optimizer", "torch.optim.lr_scheduler.LRScheduler"),
)
SCORE = Due("score or detail", rooms=("mu.evaluation",))
METHOD = Due(
    "method, selector, network or optimiser",
    (*NETWORK.bases, *TRAINING.bases),
    ("mu.unlearning", "mu.calibration", "mu.forget_sets"),
)


def check_named(
    config: object, kind: Due, source: str, own: object = None, named: Iterable[str] = ()
) -> None:
    """Refuse a stranger's configuration that names anything but known classes of a kind.

    Allowed are subclasses of the kind in mu, torch, torchvision, timm and torch_geometric, what
    stands below a package of ``MU_TRUST``, and what the user's configuration of this run says
    itself: word for word, or a network in a module that it names. Nothing else is imported.

    Args:
        config: The configuration, as JSON or YAML hold it.
        kind: What every class in it has to be.
        source: Where it comes from, for the message.
        own: Configuration of the user's own.
        named: Names of classes in configurations of the user's own.

    Raises:
        UsageError: It names something else, a file, or a value to be looked up when it is built.
    """
    free = list(_naming(own))
    modules = {module_of(name) for name in (*named, *(str(one[TARGET]) for one in free))}

    def look(node: object, depth: int) -> None:
        if depth > DEPTH:
            raise UsageError(f"{source} nests configurations deeper than {DEPTH}")
        if isinstance(node, Mapping):
            if TARGET in node:
                if node in free:
                    return
                _check_class(node[TARGET], kind, source, modules)
            for key, value in node.items():
                look(key, depth)
                if key in FILES and value:
                    raise UsageError(f"{source} names a file to be read: {key}: {value!r}")
                look(value, depth + 1)
        elif isinstance(node, list | tuple):
            for value in node:
                look(value, depth + 1)
        elif isinstance(node, str) and "${" in node:
            raise UsageError(f"{source} holds {node!r}, which is looked up when it is built")

    look(config, 0)


def check_plain(facts: Mapping[str, Any], source: str) -> None:
    """Refuse facts from a file, to be filled into a configuration, that would name something there.

    Raises:
        UsageError: One holds a mapping, or a value to be looked up, or is no argument.

    Example:
        >>> check_plain({"num_classes": 3, "shape": [1, 8, 8]}, "this")
        >>> check_plain({"n": {"_target_": "os.system"}}, "this")
        Traceback (most recent call last):
        mu.errors.UsageError: this holds n={'_target_': 'os.system'}; a number or a word is due
    """

    def plain(value: object) -> bool:
        if isinstance(value, list | tuple):
            return all(map(plain, value))
        return not isinstance(value, Mapping) and "${" not in str(value)

    for name, value in facts.items():
        if name.startswith("_") or not plain(value):
            raise UsageError(f"{source} holds {name}={value!r}; a number or a word is due")


def check_step(call: object, source: str) -> None:
    """Refuse the function of a recipe, ``module:function``, that is no training of mu's.

    Raises:
        UsageError: It is another one.
    """
    module, _, function = str(call).partition(":")
    if function == "step" and below(module, ("mu.training",)) and NAME.fullmatch(module):
        return
    if not (NAME.fullmatch(f"{module}.{function}") and below(f"{module}.{function}", trusted())):
        raise UsageError(_refusal(call, "training step", source))


def trusted() -> tuple[str, ...]:
    """Packages and modules that the user lets in: ``MU_TRUST``, names with commas between."""
    return tuple(word.strip() for word in os.environ.get("MU_TRUST", "").split(",") if word.strip())


def below(name: str, packages: Iterable[str]) -> bool:
    """Whether a dotted name is one of some packages or stands below it.

    Example:
        >>> below("torch.nn.Linear", ["torch.nn"]), below("torch.nnx.Linear", ["torch.nn"])
        (True, False)
    """
    return any(name == one or name.startswith(f"{one}.") for one in packages)


def module_of(name: str) -> str:
    """The module of a dotted name of a class."""
    return name.rpartition(".")[0]


def _naming(config: object) -> Iterator[Mapping[str, Any]]:
    """Every mapping with a ``_target_`` in a configuration."""
    if isinstance(config, Mapping):
        if TARGET in config:
            yield config
        for value in config.values():
            yield from _naming(value)
    elif isinstance(config, list | tuple):
        for value in config:
            yield from _naming(value)


def _check_class(target: object, kind: Due, source: str, modules: set[str]) -> None:
    """Refuse a ``_target_`` that is none of the classes that `check_named` allows."""
    if not isinstance(target, str) or not NAME.fullmatch(target):
        raise UsageError(_refusal(target, kind.word, source))
    if below(target, trusted()):
        found = _found(target, source)
        if isinstance(found, type | FunctionType) and below(str(found.__module__), trusted()):
            return
    elif below(target, LIBRARIES) and not below(target, FETCHING):
        found = _found(target, source)
        known = isinstance(found, type) and below(found.__module__, LIBRARIES)
        if known and not below(found.__module__, FETCHING) and _is(found, kind):
            return
    elif module_of(target) in modules:
        found = _found(target, source)
        if isinstance(found, type) and found.__module__ in modules and _is(found, NETWORK):
            return
    raise UsageError(_refusal(target, kind.word, source))


def _found(target: str, source: str) -> Any:
    """What a name in a module that may be imported stands for."""
    module, _, name = target.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{source} names {target!r}, which is not there: {error}") from error


def _is(found: type, kind: Due) -> bool:
    """Whether a class is of a kind."""
    bases = tuple(_found(base, "mu") for base in kind.bases)
    return issubclass(found, bases) or below(found.__module__, kind.rooms)


def _refusal(name: object, word: str, source: str) -> str:
    shown = repr(name)[:100]
    return (
        f"{source} names {shown}, which is no {word} of mu, torch, torchvision, timm or "
        "torch_geometric; it was not run. Files of others may name nothing else; if you know the "
        "code behind it, MU_TRUST=PACKAGE lets a package in (see SECURITY.md)"
    )
