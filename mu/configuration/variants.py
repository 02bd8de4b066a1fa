"""Smaller or larger versions of an experiment: ``scale=`` from its own file, ``mode=`` for any."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mu.configuration.choices import choices, read_yaml, unknown
from mu.configuration.words import NULL
from mu.errors import UsageError

CHOSEN = ("data", "model", "recipe", "evaluation", "methods", "seeds", "oracles")
REPLACED = (*CHOSEN, "oracle_at", NULL)


def variants_of(
    raw: Mapping[str, Any], path: Path, scale: str | None, mode: str | None
) -> list[dict[str, Any]]:
    """What ``scale=`` and ``mode=`` replace in every block, in the order of their application.

    Args:
        raw: The experiment file; its ``scales`` maps a name to what is replaced.
        path: Of the file, for messages.
        scale: A name in ``scales``, or None.
        mode: A file of ``configs/mode``, or None.

    Raises:
        UsageError: No such scale or mode, or it replaces something a block does not have.
    """
    found = []
    if scale is not None:
        scales = raw.get("scales") or {}
        if not isinstance(scales, dict):
            raise UsageError(f"{path}: scales must map names to mappings, not {scales!r}")
        if scale not in scales:
            raise unknown(f"scale of {path.stem}", scale, scales)
        found.append(_checked(scales[scale], f"{path}, scale {scale}"))
    if mode is not None:
        known = choices("mode")
        if mode not in known:
            raise unknown("mode", mode, known)
        found.append(_checked(read_yaml(known[mode]), str(known[mode])))
    return found


def _checked(variant: object, where: str) -> dict[str, Any]:
    if not isinstance(variant, dict):
        raise UsageError(f"{where}: a variant is a mapping, not {variant!r}")
    variant = {NULL if key is None else key: value for key, value in variant.items()}
    for key in variant:
        if key not in (*REPLACED, "set"):
            raise unknown(f"key in {where}", str(key), (*REPLACED, "set"))
    if not isinstance(variant.get("set", {}), dict):
        raise UsageError(f"{where}: set must be a mapping, not {variant['set']!r}")
    return variant


def varied(block: dict[str, Any], variants: list[dict[str, Any]]) -> dict[str, Any]:
    """The block with what the variants replace.

    Example:
        >>> varied({"data": "digits", "seeds": 5}, [{"seeds": 2}, {"seeds": 1, "set": {"a.c": 2}}])
        {'data': 'digits', 'seeds': 1}
    """
    for variant in variants:
        block = block | {k: v for k, v in variant.items() if k in REPLACED}
    return block
