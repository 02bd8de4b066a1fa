"""``{trunk: …, cut: …}`` in a model: a network of which everything before the cut is frozen."""

from collections.abc import Callable, Mapping
from typing import Any

from mu.data.facts import TAIL
from mu.errors import UsageError

LEARNER = "mu.models.base.Learner"
KEYS = ("trunk", "cut", "weights", "trained_on", "saw_data")


def with_tails(model: Any, named: Callable[[str], Mapping[str, Any]]) -> Any:
    """A model configuration in which ``{trunk: …, cut: …}`` is the class that it means.

    Args:
        model: As it is written: the model itself may be so, or a network inside of it.
        named: The model configuration of a name, which a trunk may be.

    Raises:
        UsageError: A key that a cut network does not have, or one that is missing.

    Example:
        >>> found = with_tails({"trunk": {"_target_": "my.Net"}, "cut": "layer4"}, dict)
        >>> found["_target_"], found["network"]["_target_"], found["network"]["cut"]
        ('mu.models.base.Learner', 'mu.models.tail.Tail', 'layer4')
    """
    if isinstance(model, Mapping) and _is_cut(model):
        return {"_target_": LEARNER, "network": _tail(model, named)}
    return _inside(model, named)


def _inside(model: Any, named: Callable[[str], Mapping[str, Any]]) -> Any:
    if not isinstance(model, Mapping):
        return model
    if _is_cut(model):
        return _tail(model, named)
    return {key: _inside(value, named) for key, value in model.items()}


def _is_cut(model: Mapping[str, Any]) -> bool:
    return "_target_" not in model and "trunk" in model


def _tail(model: Mapping[str, Any], named: Callable[[str], Mapping[str, Any]]) -> dict[str, Any]:
    unknown = [key for key in model if key not in KEYS]
    if unknown:
        raise UsageError(f"model.{unknown[0]}: a model with a trunk has {', '.join(KEYS)}")
    trunk = model["trunk"]
    if "cut" not in model:
        raise UsageError("model.cut is missing: the first part of the network that is trained")
    if isinstance(trunk, str):
        trunk = named(trunk)
    if not isinstance(trunk, Mapping):
        raise UsageError(f"model.trunk={trunk!r} is neither the name of a model nor written out")
    network = trunk["network"] if trunk.get("_target_") == LEARNER else trunk
    return {"_target_": TAIL, **model, "trunk": dict(network)}
