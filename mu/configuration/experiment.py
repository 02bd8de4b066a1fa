"""From an experiment file and ``key=value`` words to blocks that say everything they do."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mu.configuration.choices import choices, options_of, read_yaml, unknown
from mu.configuration.compose import complete, composed
from mu.configuration.rows import chosen_rows, configured, rows_of
from mu.configuration.variants import variants_of, varied
from mu.configuration.words import (
    FILTERS,
    check_type,
    count_of,
    parse_words,
    placed,
    seeds_of,
    words_of,
)
from mu.errors import UsageError

GROUPS = ("data", "model", "recipe", "evaluation", "compute", "track")
DEFAULT = {"compute": "local", "track": "none"}  # groups that decide no number
SEQUENCE = ("oracle_at", "sequence")  # how requests in a row are served
TRIED = {"lower", "method"}  # options of a request that name a method which a selector tries
# keys that are no group and no override
WORDS = (*FILTERS, *SEQUENCE, "out", "original", "scale", "mode")
NEEDED = ("data", "model", "recipe", "requests", "methods", "seeds")  # in every block


@dataclass
class Block:
    """One table of an experiment: a data set, a model, a recipe; requests × methods × seeds.

    ``methods`` maps each row to its method and options (see `mu.configuration.rows.configured`).

    ``places`` holds the place of each seed among the block's own: what ``per_pair`` deals out stays
    with its seed when ``seeds=`` chooses some.
    """

    names: dict[str, str]
    config: dict[str, Any]
    requests: dict[str, list[dict[str, Any]]]
    methods: dict[str, dict[str, Any]]
    seeds: list[int]
    oracles: int
    places: list[int]
    original: str | None = None
    kinds: dict[str, str] = field(default_factory=dict)  # request → name of its first selector
    settings: dict[str, Any] = field(default_factory=dict)  # what was set by file or command line
    oracle_at: list[int] | None = None  # steps of a sequence that are scored, from 1; None: all
    sequence: str = "chain"

    def scored_steps(self, request: str) -> set[int]:
        """Places, from 0, of the requests in a row after which everything is scored."""
        count = len(self.requests[request])
        if self.oracle_at is None:
            return set(range(count))
        return {step - 1 for step in self.oracle_at if step <= count} or {count - 1}


@dataclass
class Experiment:
    """A list of blocks under one name; a variant (``scale=``, ``mode=``) is part of the name."""

    name: str
    title: str
    description: str
    blocks: list[Block]
    compute: dict[str, Any]
    track: dict[str, Any]


def load_experiment(name: str, words: Sequence[str] = (), tuning: bool = False) -> Experiment:
    """Compose every block of an experiment.

    Args:
        name: An experiment of ``configs/experiment``, or a path to a YAML file.
        words: ``methods=``, ``requests=``, ``seeds=``, ``oracles=`` choose; ``scale=`` and
            ``mode=`` take a variant; ``original=`` a file of weights; a group's name (``model=…``)
            replaces the choice of every block; any other key overrides every block that has it.
        tuning: Take the seeds and requests that each block keeps for ``mu tune``, and the panel
            that looks at no test data.

    Raises:
        UsageError: A name, key or value is wrong.
    """
    known = choices("experiment")
    path = Path(name) if name.endswith(".yaml") else known.get(name)
    if path is None or not path.is_file():
        raise unknown("experiment", name, known)
    raw = _read(path)
    overrides = parse_words(words)
    for block in raw["blocks"]:
        block["requests"] |= files_of(overrides.get("requests"))
    overrides |= {"requests": _names(overrides["requests"])} if "requests" in overrides else {}
    _check_requests(overrides, raw["blocks"])
    variant = {key: overrides.get(key) for key in ("scale", "mode")}
    variants = variants_of(raw, path, **variant)
    used: set[str] = set()
    all_blocks = [varied(copy.deepcopy(b), variants) for b in raw["blocks"]]
    if tuning:
        all_blocks = [for_tuning(block, path) for block in all_blocks]
    blocks = [_block(b, overrides, used, all_blocks) for b in all_blocks]
    blocks = [b for b in blocks if b.requests and (b.methods or "methods" not in overrides)]
    unused = [k for k in overrides if k not in used and k not in WORDS]
    if unused:
        raise unknown("key", unused[0], sorted(_keys(blocks)))
    if not blocks:
        wanted = " and ".join(f"{k}={overrides[k]}" for k in ("requests", "methods"))
        raise UsageError(f"no block of {path.stem} has {wanted}")
    title, text = raw.get("title", path.stem), raw.get("description", "")
    compute, track = blocks[0].config["compute"], blocks[0].config["track"]
    for block in blocks:
        block.config["device"] = block.config.pop("compute")["device"]
        del block.config["track"]
    check_files(blocks)
    chosen = [word for word in variant.values() if word is not None]
    full = "_".join([path.stem, *chosen])
    title = f"{title} ({', '.join(chosen)})" if chosen else title
    return Experiment(full, title, " ".join(text.split()), blocks, compute, track)


def check_files(blocks: Sequence[Block]) -> None:
    """Refuse checkpoints that are not there, and one checkpoint for several forget sets.

    Raises:
        UsageError: Naming the file, and the placeholders that tell files apart.
    """
    paths = [
        placed(str(block.methods["external"]["config"]["weights"]), pair, request, step + 1)
        for block in blocks
        if "external" in block.methods
        for request, parts in block.requests.items()
        for step in range(len(parts))
        for pair in range(len(block.seeds))
    ]
    for path in paths:
        if not Path(path).is_file():
            raise UsageError(f"there is no weights file {path}")
        if paths.count(path) > 1:
            raise UsageError(
                f"weights={path} is one checkpoint for {paths.count(path)} forget sets; write "
                "{pair}, {request} or {step} where the files differ, or choose one forget set: "
                "requests=NAME seed=0"
            )


def _read(path: Path) -> dict[str, Any]:
    """An experiment file whose blocks have the keys they need, each of the right shape."""
    raw = read_yaml(path)
    if not isinstance(raw.get("blocks"), list) or not raw["blocks"]:
        raise UsageError(f"{path} has no list of blocks")
    for block in raw["blocks"]:
        if not isinstance(block, dict):
            raise UsageError(f"{path}: a block is a mapping, not {block!r}")
        for key in block:
            known = {*GROUPS, *NEEDED, *SEQUENCE, "oracles", "original", "set", "tuning"}
            if key not in known:
                raise unknown(f"key of a block in {path}", str(key), sorted(known))
        for key in NEEDED:
            if key not in block:
                raise UsageError(f"{path}: a block has no {key}")
        for key, kind in {"requests": dict, "methods": list, "set": dict}.items():
            if not isinstance(block.get(key, kind()), kind):
                raise UsageError(f"{path}: {key} must be a {kind.__name__}, not {block[key]!r}")
    return raw


def _block(
    raw: dict[str, Any], overrides: dict[str, Any], used: set[str], siblings: list[dict[str, Any]]
) -> Block:
    raw = DEFAULT | raw
    for group in GROUPS:
        if group in overrides and (group in raw or group == "evaluation"):
            raw[group] = str(overrides[group])
            used.add(group)
    if "evaluation" not in raw:
        raw["evaluation"] = _panel_of(raw["data"])
    names = {group: raw[group] for group in GROUPS}
    own = {k: v for k, v in overrides.items() if k not in (*GROUPS, *WORDS)}
    settings = dict(raw.get("set", {})) | raw["lenient"] | own
    config = composed(names, settings, used)
    if backbone := (config["recipe"].get("fit") or {}).get("backbone"):
        config["recipe"]["fit"]["backbone"] = composed(backbone, {}, set())
    count_of("recipe.epochs", config["recipe"].get("epochs", 0))
    requests = {
        name: [_request(part, settings, used) for part in repeated(name, r)]
        for name, r in raw["requests"].items()
        if _wanted(name, overrides.get("requests"))
    }
    kinds = {name: _kind(raw["requests"][name]) for name in requests}
    rows = chosen_rows(
        rows_of(raw["methods"]), overrides.get("methods"), [rows_of(b["methods"]) for b in siblings]
    )
    if "method.weights" in overrides:
        rows.setdefault("external", ("external", {}))
    methods = {name: configured(row, names, settings, kinds, used) for name, row in rows.items()}
    oracles = count_of("oracles", overrides.get("oracles", raw.get("oracles", 3)))
    if oracles < 1:
        raise UsageError("oracles=0: at least one retrained model is needed")
    unused = [key for key in raw.get("set", {}) if key not in used]
    if unused and not {"methods", "requests"} & set(overrides):
        raise UsageError(f"set: {unused[0]} is a key that the block does not have")
    seeds = seeds_of(overrides.get("seeds", raw["seeds"]))
    original = overrides.get("original", raw.get("original"))
    del names["track"]
    own_seeds = seeds_of(raw["seeds"])
    places = [own_seeds.index(s) if s in own_seeds else i for i, s in enumerate(seeds)]
    oracle_at = steps_of(overrides.get("oracle_at", raw.get("oracle_at")))
    sequence = sequence_of(overrides.get("sequence", raw.get("sequence", "chain")))
    last = (original, kinds, settings, oracle_at, sequence)
    return Block(names, config, requests, methods, seeds, oracles, places, *last)


def steps_of(given: object) -> list[int] | None:
    """Numbers of requests in a row, from 1.

    Raises:
        UsageError: Something else.
    """
    if given is None:
        return None
    found = given if isinstance(given, list) else [given]
    if not found or not all(isinstance(n, int) and n >= 1 for n in found):
        raise UsageError(f"oracle_at={given} must be numbers of requests, from 1, as in [1, 5, 10]")
    return sorted(set(found))


def sequence_of(given: object) -> str:
    """How each request of a sequence starts.

    Raises:
        UsageError: Something else than the two ways there are.
    """
    if given not in ("chain", "cumulative"):
        raise UsageError(
            f"sequence={given} is neither chain (each request starts from the last) nor cumulative "
            "(from the original, with all that was asked so far)"
        )
    return str(given)


def _panel_of(data: str) -> str:
    known = choices("data")
    if data not in known:
        raise unknown("data set", data, known)
    return str(read_yaml(known[data]).get("panel", "classification"))


def repeated(name: str, given: Any) -> list[Any]:
    """The requests of a row: one, or a list in which ``repeat: n`` stands for n of them in a row.

    Raises:
        UsageError: Something else than a number of times.

    Example:
        >>> repeated("some", [{"request": "random", "count": 1, "repeat": 2}, {"request": "class"}])
        [{'request': 'random', 'count': 1}, {'request': 'random', 'count': 1}, {'request': 'class'}]
    """
    found = []
    for part in given if isinstance(given, list) else [given]:
        times = part.get("repeat", 1) if isinstance(part, dict) else 1
        if count_of(f"{name}: repeat", times) < 1:
            raise UsageError(f"{name}: repeat={times} asks for nothing")
        one = {k: v for k, v in part.items() if k != "repeat"} if isinstance(part, dict) else part
        found += [one] * times
    return found


def _kind(request: Any) -> str:
    """Name of the selector of a request, the first where there are several in a row."""
    first = request[0] if isinstance(request, list) else request
    return str(first["request"])


def for_tuning(block: dict[str, Any], path: Path) -> dict[str, Any]:
    """The block with the seeds and requests that it keeps for ``mu tune``.

    Raises:
        UsageError: It keeps none, or names a request that it does not have.
    """
    own = block.get("tuning")
    if not isinstance(own, dict) or "seeds" not in own:
        raise UsageError(
            f"{path}: a block has nothing to tune on; write tuning: {{seeds: [1000, 1001], "
            "requests: {…}} with seeds and forget sets that no table reports"
        )
    requests = dict(block["requests"])
    for name, options in (own.get("requests") or {}).items():
        if name not in requests:
            raise unknown("request under tuning", name, requests)
        requests[name] = requests[name] | options
    common = set(seeds_of(own["seeds"])) & set(seeds_of(block["seeds"]))
    if common:
        raise UsageError(f"{path}: tuning.seeds has {min(common)}, a seed that the table reports")
    panel = _panel_of(block["data"])
    looked_at = "tuning" if panel == "classification" else f"tuning_{panel}"
    return block | {"seeds": own["seeds"], "requests": requests, "evaluation": looked_at}


def _wanted(name: str, wanted: object) -> bool:
    return wanted is None or name in words_of(wanted)


def files_of(wanted: object) -> dict[str, Any]:
    """Requests by files of ids, ``requests=ids.txt``: name → configuration.

    Raises:
        UsageError: There is no such file.
    """
    found = {}
    for word in words_of(wanted):
        if not word.endswith(".txt"):
            continue
        if not Path(word).is_file():
            raise UsageError(f"there is no file of ids {word}")
        found[Path(word).stem] = {"request": "ids", "path": word}
    return found


def _names(wanted: object) -> list[str]:
    return [Path(w).stem if w.endswith(".txt") else w for w in words_of(wanted)]


def _check_requests(overrides: dict[str, Any], blocks: list[dict[str, Any]]) -> None:
    known = [name for block in blocks for name in block["requests"]]
    for word in words_of(overrides.get("requests")):
        if word not in known:
            raise unknown("request", word, known)


def _request(raw: dict[str, Any], settings: dict[str, Any], used: set[str]) -> dict[str, Any]:
    """A request's configuration; ``per_pair`` maps an argument to the values dealt out to pairs."""
    if not isinstance(raw, dict) or "request" not in raw:
        raise UsageError(f"a request must name its kind as 'request: …', not {raw!r}")
    raw = {k: {"method": v} if k in TRIED and isinstance(v, str) else v for k, v in raw.items()}
    names, per_pair = {"request": raw.pop("request")}, raw.pop("per_pair", {})
    base = composed(names, {}, set())["request"]
    for key in (*raw, *per_pair):
        if key not in base:
            raise unknown("request option", key, [k for k in base if k != "_target_"])
    for key, values in per_pair.items():
        if not isinstance(values, list) or not values:
            raise UsageError(f"per_pair: {key} must be a list, one value a pair, not {values!r}")
    chosen = composed(names, {f"request.{k}": v for k, v in raw.items()}, set())
    changed = {k: v for k, v in settings.items() if k.startswith("request.") and k[8:] in base}
    for key, value in changed.items():
        check_type(key, chosen["request"][key[8:]], value)
        chosen["request"][key[8:]] = value
        per_pair.pop(key[8:], None)
        used.add(key)
    found: dict[str, Any] = chosen["request"]
    for name in TRIED & set(found):
        found[name] = tried(name, found[name])
    if isinstance(found.get("surrogate"), dict):
        found["surrogate"] = surrogate(found["surrogate"])
    complete({k: v for k, v in found.items() if k not in per_pair}, "the request", "request")
    return found | ({"per_pair": per_pair} if per_pair else {})


def tried(name: str, given: Any) -> dict[str, Any]:
    """The options of a method that a selector tries, from ``{method: name, option: …}``.

    Raises:
        UsageError: No method, or an option that it does not have.
    """
    if not isinstance(given, dict) or "method" not in given:
        raise UsageError(f"{name} must name a method, as in {name}: {{method: finetune}}")
    own = dict(given)
    base = str(own.pop("method"))
    whole = options_of(composed({"method": base}, {}, set())["method"])
    for key, value in own.items():
        if key not in whole:
            raise unknown(f"option of {base}", key, whole)
        check_type(f"{name}.{key}", whole[key], value)
    complete(whole | own, f"method {base}", "method")
    return whole | own


def surrogate(given: dict[str, Any]) -> dict[str, Any]:
    """Configuration of the models that select, where they are not those that are scored.

    Raises:
        UsageError: It names something else than a model or a recipe.
    """
    for key in given:
        if key not in ("model", "recipe"):
            raise unknown("key of surrogate", key, ["model", "recipe"])
    return composed({k: str(v) for k, v in given.items()}, {}, set())


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
        for part in (part for parts in block.requests.values() for part in parts):
            walk({k: v for k, v in part.items() if k != "per_pair"}, "request")
    return found | set(FILTERS)
