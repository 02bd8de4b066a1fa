"""The methods of a block: rows of its tables, each a method with its options for each request."""

from collections.abc import Mapping, Sequence
from typing import Any

from mu.configuration.choices import choices, options_of, unknown
from mu.configuration.compose import BlockChoices, complete
from mu.configuration.words import NULL, words_of
from mu.errors import UsageError

TAKEN = ("original", "random_weights", "oracle", NULL)  # rows of every table, as results name them
TARGET = "_target_"
Listed = tuple[str, dict[str, Any]]  # method, and the options that the row itself names


def listed_rows(entries: Sequence[Any]) -> dict[str, Listed]:
    """Rows that a block lists: names of methods, or ``{row: {method: name, option: value}}``.

    With ``_target_`` in place of ``method`` a row names its class itself, with all its options.

    Raises:
        UsageError: An entry of another form, a row named twice, or as a reference row is.

    Example:
        >>> listed_rows(["ssd", {"ssd_5": {"method": "ssd", "alpha": 5.0}}])
        {'ssd': ('ssd', {}), 'ssd_5': ('ssd', {'alpha': 5.0})}
    """
    found: dict[str, Listed] = {}
    for entry in entries:
        if not isinstance(entry, dict | str | None):
            raise UsageError(f"methods: {entry!r} is neither a name nor 'row: {{method: …}}'")
        for word, options in (entry if isinstance(entry, dict) else {entry: {}}).items():
            name = row_name(word)
            whose = ("method", TARGET)
            if not isinstance(options, dict) or (options and not set(whose) & set(options)):
                raise UsageError(
                    f"methods: {name} must be a name or 'row: {{method: …}}', not {options!r}"
                )
            if name in found:
                raise UsageError(f"methods: the row {name} is there twice")
            options = dict(options)
            found[name] = (str(options.pop("method", name)), options)
    return found


def row_name(word: object) -> str:
    """The name of a row as it is written; what YAML reads as nothing is the word ``null``.

    Raises:
        UsageError: Every table has a row of that name already.
    """
    name = NULL if word is None else str(word)
    if name in TAKEN:
        raise UsageError(f"methods: {name} is a row of every table; give yours another name")
    return name


def chosen_rows(
    own: Mapping[str, Listed], wanted: object, siblings: Sequence[Mapping[str, Listed]]
) -> dict[str, Listed]:
    """Rows of a block that are wanted, and wanted methods that no block names.

    Raises:
        UsageError: Neither a row nor a method.
    """
    if wanted is None:
        return dict(own)
    named = {name for rows in siblings for name in rows}
    known, words = choices("method"), words_of(wanted)
    for word in words:
        row_name(word)
        if word not in known and word not in named:
            raise unknown("method", word, sorted({*known, *named}))
    return {w: own.get(w, (w, {})) for w in words if w in own or w not in named}


def configured(row: Listed, groups: BlockChoices, kinds: Mapping[str, str]) -> dict[str, Any]:
    """The options of one row.

    What a row itself names wins over ``set`` and the command line, which win over what tuning
    found, which wins over the defaults.

    Args:
        row: Method and own options.
        groups: The block's choices and settings.
        kinds: Name of each request → kind it was tuned for.

    Returns:
        ``base``: name of the method, None where a row names its class; ``config``: its options;
        ``configs``: the options for each request; ``changed``: keys set by hand; ``tuned``: request
        → whether tuning chose options.
    """
    base, own = row
    if TARGET in own:
        changed = sorted(f"method.{key}" for key in own if key != TARGET)
        configs = dict.fromkeys(kinds, own)
        return {"base": None, "config": own, "configs": configs, "changed": changed, "tuned": {}}
    fixed = {f"method.{key}": value for key, value in own.items()}
    whole = groups.method(base, over=fixed)
    for key in own:
        if key not in whole:
            raise unknown(f"option of {base}", key, options_of(whole))
    complete(options_of(whole), f"method {base}", "method")
    best = {kind: tuned_options(whole, groups.names, kind) for kind in kinds.values()}
    configs = {
        kind: _needed(groups.method(base, under=found, over=fixed) if found else whole)
        for kind, found in best.items()
    }
    set_by_hand = {*groups.settings.values, *fixed}
    return {
        "base": base,
        "config": _needed(whole),
        "configs": {name: configs[kind] for name, kind in kinds.items()},
        "changed": sorted(k for k in set_by_hand if k.startswith("method.") and k[7:] in whole),
        "tuned": {name: bool(best[kind]) for name, kind in kinds.items()},
    }


def tuned_options(method: Mapping[str, Any], names: Mapping[str, str], kind: str) -> dict[str, Any]:
    """What tuning found for a data set, a model and a kind of request, as dotted keys.

    Empty where it was not tuned.
    """
    for entry in method.get("tuned") or []:
        place = [entry.get(key) for key in ("data", "model", "request")]
        if place == [names["data"], names["model"], kind]:
            return {f"method.{key}": value for key, value in entry["options"].items()}
    return {}


def _needed(method: Mapping[str, Any]) -> dict[str, Any]:
    """Options of the method, and what it stores with the original."""
    stored = {"stored": method["stored"]} if method.get("stored") else {}
    return options_of(method) | stored
