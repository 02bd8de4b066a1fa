"""What the facts of an artifact may be: looked at where they come from somebody else's store."""

from collections.abc import Callable, Mapping
from typing import Any

from mu.errors import UsageError
from mu.trust.classes import NETWORK, check_named, check_plain

MOST = 1 << 53  # what a number may count
Check = Callable[[Any], bool]


def check_facts(facts: object, source: str) -> None:
    """Refuse facts that no step of mu leaves, and models that no file may name.

    Only what the pipeline itself reads is looked at; what a method says of itself is free.

    Args:
        facts: As JSON holds them.
        source: The artifact, for the message.

    Raises:
        UsageError: Naming the fact, or the class.
    """
    if not isinstance(facts, Mapping):
        raise UsageError(f"{source} holds no facts")
    _check_types(facts, FACTS, source)
    if "model" in facts:
        check_named(facts["model"], NETWORK, source)
    check_plain(facts.get("model_facts", {}), source)


def check_record(manifest: Mapping[str, Any], source: str) -> None:
    """Refuse a manifest whose record of how the artifact was made is none.

    Raises:
        UsageError: Naming what is wrong in it.
    """
    _check_types(manifest, RECORD, source)


def _check_types(found: Mapping[str, Any], known: Mapping[str, Check], source: str) -> None:
    for name, fits in known.items():
        if name in found and not fits(found[name]):
            raise UsageError(f"{source} is no artifact of mu: {name} is {found[name]!r:.60}")


def _word(value: object) -> bool:
    return isinstance(value, str)


def _name(value: object) -> bool:
    return isinstance(value, str) and value.isidentifier()


def _count(value: object) -> bool:
    return type(value) is int and 0 <= value < MOST


def _number(value: object) -> bool:
    return isinstance(value, float) or (type(value) is int and abs(value) < MOST)


def _maybe(fits: Check) -> Check:
    return lambda value: value is None or fits(value)


def _each(fits: Check) -> Check:
    return lambda value: isinstance(value, Mapping) and all(map(fits, value.values()))


def _list(fits: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(fits, value))


_mapping = _each(lambda _: True)

FACTS: dict[str, Check] = {
    **dict.fromkeys(("fingerprint", "kept", "view", "forget_digest"), _word),
    **dict.fromkeys(("n_elements", "n_forget", "n_retain", "n_train", "parameters"), _count),
    **dict.fromkeys(
        ("model_facts", "trajectory", "details", "facts", "search", "gallery"), _mapping
    ),
    **dict.fromkeys(("warnings", "kinds", "levels"), _list(_word)),
    "kind": _name,
    "asks_more": lambda value: isinstance(value, bool),
    "whole_classes": lambda value: isinstance(value, bool),
    "class_names": _maybe(_list(_word)),
    "twins": _each(_count),
    "cost": _each(_number),
    "values": _each(_maybe(_number)),
    "sizes": _each(_count),
    "model": _mapping,
}
RECORD: dict[str, Check] = {
    "versions": _each(_word),
    "device": _maybe(_word),
    "label": _word,
    "family": _word,
    "seconds": _number,
    "inputs": _mapping,
    "model": _mapping,
}
