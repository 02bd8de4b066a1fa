"""From an experiment file and ``key=value`` words to blocks that say everything they do."""

import copy
import difflib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mu.errors import UsageError

GROUPS = ("data", "model", "recipe", "evaluation", "compute")
FILTERS = ("methods", "requests", "seeds", "oracles")


@dataclass
class Block:
    """One table of an experiment: a data set, a model, a recipe; requests × methods × seeds."""

    names: dict[str, str]
    config: dict[str, Any]
    requests: dict[str, list[dict[str, Any]]]
    methods: dict[str, dict[str, Any]]
    seeds: list[int]
    oracles: int


@dataclass
class Experiment:
    """A list of blocks under one name."""

    name: str
    title: str
    description: str
    blocks: list[Block]
    compute: dict[str, Any]
    words: list[str] = field(default_factory=list)


def config_folders() -> list[Path]:
    """``MU_CONFIGS`` (yours, first) and the folder that ships with mu."""
    packaged = Path(__file__).parent / "configs"
    shipped = packaged if packaged.is_dir() else Path(__file__).parents[1] / "configs"
    own = [Path(p) for p in os.environ.get("MU_CONFIGS", "").split(os.pathsep) if p]
    return [*(p.absolute() for p in own), shipped]


def choices(group: str) -> dict[str, Path]:
    """Name → file of every choice of a group; your own hide shipped ones of the same name."""
    found: dict[str, Path] = {}
    for folder in reversed(config_folders()):
        found |= {path.stem: path for path in sorted((folder / group).glob("*.yaml"))}
    return dict(sorted(found.items()))


def summary(path: Path) -> str:
    """First comment line of a configuration file."""
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""


def unknown(kind: str, word: str, known: Iterable[str]) -> UsageError:
    """The error for a word that is not among the known ones, with the nearest of them."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none'}"
    return UsageError(f"unknown {kind} {word!r}; {hint}")


def parse_words(words: Sequence[str]) -> dict[str, Any]:
    """``key=value`` words in Hydra's grammar as a dictionary.

    Raises:
        UsageError: A word is not of that form, or a key is given twice.

    Example:
        >>> parse_words(["recipe.epochs=3", "methods=[ssd,finetune]"])
        {'recipe.epochs': 3, 'methods': ['ssd', 'finetune']}
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import OverrideParseException

    found: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise UsageError(f"{word!r} is not of the form key=value")
        if key in found:
            raise UsageError(f"{key} is given twice")
        if key in ("out", "experiment") or (key in FILTERS and not text.startswith("[")):
            found[key] = text
            continue
        try:
            found[key] = OverridesParser.create().parse_override(word).value()
        except OverrideParseException as error:
            raise UsageError(f"{word!r} cannot be read; quote it as 'key=\"value\"'") from error
        if found[key].__class__.__module__.startswith("hydra"):
            raise UsageError(f"{word!r} is a sweep; give one value, or a list in [brackets]")
    return found


def load_experiment(name: str, words: Sequence[str] = ()) -> Experiment:
    """Compose every block of an experiment.

    Args:
        name: An experiment of ``configs/experiment``, or a path to a YAML file.
        words: ``methods=``, ``requests=``, ``seeds=``, ``oracles=`` choose; a group's name
            (``model=…``) replaces the choice of every block; any other key overrides every block
            that has it.

    Raises:
        UsageError: A name, key or value is wrong.
    """
    import yaml

    known = choices("experiment")
    path = Path(name) if name.endswith(".yaml") else known.get(name)
    if path is None or not path.is_file():
        raise unknown("experiment", name, known)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("blocks"), list):
        raise UsageError(f"{path} has no list of blocks")
    overrides = parse_words(words)
    used: set[str] = set()
    blocks = [_block(copy.deepcopy(b), overrides, used, raw["blocks"]) for b in raw["blocks"]]
    blocks = [b for b in blocks if b.requests and b.methods is not None]
    unused = [k for k in overrides if k not in used and k not in (*FILTERS, "out")]
    if unused:
        raise unknown("key", unused[0], sorted(_keys(blocks)))
    _check_requests(overrides, raw["blocks"])
    title, text = raw.get("title", path.stem), raw.get("description", "")
    compute = blocks[0].config["compute"]
    for block in blocks:
        block.config["device"] = block.config.pop("compute")["device"]
    return Experiment(path.stem, title, " ".join(text.split()), blocks, compute, list(words))


def _block(
    raw: dict[str, Any], overrides: dict[str, Any], used: set[str], siblings: list[dict[str, Any]]
) -> Block:
    raw.setdefault("compute", "local")
    for group in GROUPS:
        if group in overrides and (group in raw or group == "evaluation"):
            raw[group] = str(overrides[group])
            used.add(group)
    for group in ("data", "model", "recipe", "requests", "methods", "seeds"):
        if group not in raw:
            raise UsageError(f"a block of the experiment has no {group}")
    if "evaluation" not in raw:
        raw["evaluation"] = _panel_of(raw["data"])
    names = {group: raw[group] for group in GROUPS}
    settings = dict(raw.get("set", {})) | {
        k: v for k, v in overrides.items() if k not in (*GROUPS, *FILTERS, "out")
    }
    config = _compose(names, settings, used)
    methods = {}
    for method in _methods(raw["methods"], overrides.get("methods"), siblings):
        chosen = _compose(names | {"method": method}, settings, used)
        methods[method] = {"config": chosen["method"], "changed": _changed(settings, chosen)}
    requests = {
        name: [_request(part, settings, used) for part in (r if isinstance(r, list) else [r])]
        for name, r in raw["requests"].items()
        if _wanted(name, overrides.get("requests"))
    }
    oracles = _count("oracles", overrides.get("oracles", raw.get("oracles", 3)))
    if oracles < 1:
        raise UsageError("oracles=0: at least one retrained model is needed")
    return Block(
        names, config, requests, methods, _seeds(overrides.get("seeds", raw["seeds"])), oracles
    )


def _panel_of(data: str) -> str:
    import yaml

    known = choices("data")
    if data not in known:
        raise unknown("data set", data, known)
    return str(
        yaml.safe_load(known[data].read_text(encoding="utf-8")).get("panel", "classification")
    )


def _compose(names: dict[str, str], settings: dict[str, Any], used: set[str]) -> dict[str, Any]:
    """One configuration of groups, with the settings whose keys it has."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    label = {"data": "data set", "evaluation": "evaluation panel"}
    for group, name in names.items():
        if name not in choices(group):
            raise unknown(label.get(group, group), str(name), choices(group))
    *own, shipped = config_folders()
    search = [f"hydra.searchpath=[{','.join(f'file://{p}' for p in own)}]"] if own else []
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(shipped), version_base="1.3"):
        config = compose(overrides=[*search, *(f"+{g}={n}" for g, n in names.items())])
    OmegaConf.set_struct(config, False)
    for key, value in settings.items():
        if not _has(config, key):
            continue
        used.add(key)
        _check_type(key, OmegaConf.select(config, key), value)
        OmegaConf.update(config, key, value, merge=False)
    try:
        plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    except OmegaConfBaseException as error:
        raise UsageError(" ".join(str(error).split())) from error
    return plain


def _has(config: Any, key: str) -> bool:
    *path, last = key.split(".")
    for part in path:
        if not hasattr(config, "keys") or part not in config:
            return False
        config = config._get_node(part)
    return hasattr(config, "keys") and last in config


def _check_type(key: str, old: object, new: object) -> None:
    """A value must be of the type of the one it replaces; nothing and ``???`` take any."""
    if old is None or old == "???" or new is None:
        return
    kind = "mapping" if hasattr(old, "keys") else "list" if isinstance(old, Sequence) else ""
    fits = (
        isinstance(new, dict)
        if kind == "mapping"
        else isinstance(new, list)
        if kind and not isinstance(old, str)
        else isinstance(new, bool) == isinstance(old, bool)
        and (isinstance(new, type(old)) or (isinstance(old, float) and isinstance(new, int)))
    )
    if not fits:
        wanted = kind if kind and not isinstance(old, str) else type(old).__name__
        raise UsageError(f"{key}={new!r} is a {type(new).__name__}; it must be a {wanted}")


def _changed(settings: dict[str, Any], chosen: dict[str, Any]) -> list[str]:
    method = chosen["method"]
    return sorted(k for k in settings if k.startswith("method.") and k.split(".")[1] in method)


def _methods(own: list[str], wanted: object, siblings: list[dict[str, Any]]) -> list[str]:
    """Methods of a block: its own that are wanted, and wanted ones that no block names."""
    if wanted is None:
        return own
    known, words = choices("method"), _words(wanted)
    for word in words:
        if word not in known:
            raise unknown("method", word, known)
    named = {m for block in siblings for m in block.get("methods", [])}
    return [w for w in words if w in own or w not in named]


def _wanted(name: str, wanted: object) -> bool:
    return wanted is None or name in _words(wanted)


def _check_requests(overrides: dict[str, Any], blocks: list[dict[str, Any]]) -> None:
    known = [name for block in blocks for name in block["requests"]]
    for word in _words(overrides.get("requests")):
        if word not in known:
            raise unknown("request", word, known)


def _request(raw: dict[str, Any], settings: dict[str, Any], used: set[str]) -> dict[str, Any]:
    """A request's configuration; ``per_pair`` maps an argument to the values dealt out to pairs."""
    if not isinstance(raw, dict) or "request" not in raw:
        raise UsageError(f"a request must name its kind as 'request: …', not {raw!r}")
    raw = dict(raw)
    names, per_pair = {"request": raw.pop("request")}, raw.pop("per_pair", {})
    base = _compose(names, {}, set())["request"]
    for key in (*raw, *per_pair):
        if key not in base:
            raise unknown("request option", key, [k for k in base if k != "_target_"])
    chosen = _compose(names, {f"request.{k}": v for k, v in raw.items()}, set())
    changed = {k: v for k, v in settings.items() if k.startswith("request.") and k[8:] in base}
    for key, value in changed.items():
        _check_type(key, chosen["request"][key[8:]], value)
        chosen["request"][key[8:]] = value
        per_pair.pop(key[8:], None)
        used.add(key)
    found: dict[str, Any] = chosen["request"]
    return found | ({"per_pair": per_pair} if per_pair else {})


def _words(value: object) -> list[str]:
    if value is None:
        return []
    return [str(v) for v in value] if isinstance(value, list) else str(value).split(",")


def _count(key: str, value: object) -> int:
    try:
        number = int(str(value))
    except ValueError:
        raise UsageError(f"{key}={value} is not a whole number") from None
    if number < 0:
        raise UsageError(f"{key}={value} is negative")
    return number


def _seeds(value: object) -> list[int]:
    """``3`` means the pairs 0, 1, 2; a list (``0,4`` or ``[0,4]``) means those."""
    words = _words(value)
    if len(words) == 1 and not isinstance(value, list):
        count = _count("seeds", value)
        if count == 0:
            raise UsageError("seeds=0: at least one pair is needed")
        return list(range(count))
    seeds = [_count("seeds", word) for word in words]
    if len(set(seeds)) != len(seeds):
        raise UsageError(f"seeds={value} names a seed twice")
    return seeds


def _keys(blocks: list[Block]) -> set[str]:
    found: set[str] = set()

    def walk(node: object, path: str) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                walk(value, f"{path}.{key}" if path else key)
        if path and "_target_" not in path:
            found.add(path)

    for block in blocks:
        walk({k: v for k, v in block.config.items() if k != "evaluation"}, "")
        for method in block.methods.values():
            walk(method["config"], "method")
    return found | set(FILTERS)
