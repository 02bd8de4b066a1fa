"""From an experiment file and ``key=value`` words to blocks that say everything they do."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mu.configuration.choices import choices, read_yaml, unknown
from mu.configuration.compose import BlockChoices, choice, composed
from mu.configuration.oracle_files import check_oracles, oracle_paths, oracles_of
from mu.configuration.requests import files_of, names_of, requests_of, selector_of
from mu.configuration.rows import chosen_rows, configured, listed_rows
from mu.configuration.settings import Settings
from mu.configuration.variants import variants_of, varied
from mu.configuration.words import FILTERS, NULL, count_of, parse_words, placed, seeds_of, words_of
from mu.data.facts import trained_elsewhere
from mu.errors import UsageError

GROUPS = ("data", "model", "recipe", "evaluation", "compute", "track")
DEFAULT = {"compute": "local", "track": "none"}  # groups that decide no number
SEQUENCE = ("oracle_at", "sequence")  # how requests in a row are served
# keys that are no group and no override
WORDS = (*FILTERS, *SEQUENCE, NULL, "out", "original", "scale", "mode", "compare")
ROWS = ("requests", "methods")
Written = Mapping[str, Any]  # the content of an experiment file
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
    settings: Settings = field(default_factory=lambda: Settings({}))  # by file or command line
    oracle_at: list[int] | None = None  # steps of a sequence that are scored, from 1; None: all
    sequence: str = "chain"
    null: bool = True  # whether one more retrained model is judged as a method
    oracle_files: list[str] = field(default_factory=list)  # where oracles are not trained here

    @property
    def other_recipe(self) -> bool:
        """Whether either the original or its oracles were trained elsewhere, and not both."""
        return (self.original is None) != (not self.oracle_files)

    def scored_steps(self, request: str) -> set[int]:
        """Places, from 0, of the requests in a row after which everything is scored."""
        count = len(self.requests[request])
        if self.oracle_at is None:
            return set(range(count))
        return {step - 1 for step in self.oracle_at if step <= count} or {count - 1}

    def checkpoints(self) -> list[str]:
        """Files that rows load in place of unlearning, their placeholders as they are written."""
        rows = [row["config"] for row in self.methods.values() if row.get("base") == "external"]
        return list(dict.fromkeys(str(row["weights"]) for row in rows))


@dataclass
class Experiment:
    """A list of blocks under one name; a variant (``scale=``, ``mode=``) is part of the name.

    ``compare`` names a row that the tables compare with every other.
    """

    name: str
    title: str
    description: str
    blocks: list[Block]
    compute: dict[str, Any]
    track: dict[str, Any]
    compare: str | None = None


def load_experiment(
    name: str | Written, words: Sequence[str] = (), tuning: bool = False
) -> Experiment:
    """Compose every block of an experiment.

    Args:
        name: As of `written_experiment`.
        words: ``methods=``, ``requests=``, ``seeds=``, ``oracles=`` choose; ``scale=`` and
            ``mode=`` take a variant; ``original=`` a file of weights; ``compare=`` names a row to
            compare with every other; a group's name (``model=…``) replaces the choice of every
            block; any other key overrides every block that has it.
        tuning: Take the seeds and requests that each block keeps for ``mu tune``, and the panel
            that looks at no test data.

    Raises:
        UsageError: A name, key or value is wrong.
    """
    raw, path = written_experiment(name)
    overrides = parse_words(words)
    if "requests" in overrides:
        asked = words_of(overrides["requests"])
        for block in raw["blocks"]:
            block["requests"] |= files_of(asked)
        there = [name for block in raw["blocks"] for name in block["requests"]]
        overrides["requests"] = names_of(asked, there)
    variant = {key: overrides.get(key) for key in ("scale", "mode")}
    variants = variants_of(raw, path, **variant)
    lenient = {key: value for one in variants for key, value in one.get("set", {}).items()}
    written = [varied(block, variants) for block in raw["blocks"]]
    if tuning:
        written = [for_tuning(block, path) for block in written]
    every = [_block(block, overrides, lenient, written) for block in written]
    blocks = [b for b in every if b.requests and (b.methods or "methods" not in overrides)]
    used = {key for block in every for key in block.settings.used}
    unused = [key for key in overrides if key not in used and key not in (*WORDS, *GROUPS)]
    if unused:
        raise unknown("key", unused[0], sorted(_keys(blocks)))
    if not blocks:
        wanted = " and ".join(f"{k}={overrides[k]}" for k in ROWS if k in overrides)
        raise UsageError(f"no block of {path.stem} has {wanted}")
    title, text = raw.get("title", path.stem), raw.get("description", "")
    compute, track = blocks[0].config["compute"], blocks[0].config["track"]
    for block in blocks:
        own = block.config.pop("compute")
        block.config["device"] = own["device"]
        block.config["checkpoint_seconds"] = own.get("checkpoint_seconds", 60.0)
        del block.config["track"]
    check_files(blocks)
    check_oracle_files(blocks)
    compare = row_of(overrides.get("compare", raw.get("compare")), blocks)
    chosen = [word for word in variant.values() if word is not None]
    full = "_".join([path.stem, *chosen])
    title = f"{title} ({', '.join(chosen)})" if chosen else title
    return Experiment(full, title, " ".join(text.split()), blocks, compute, track, compare)


def row_of(name: object, blocks: Sequence[Block]) -> str | None:
    """The row that is compared with every other.

    Raises:
        UsageError: No block has it.
    """
    rows = dict.fromkeys(["original", *([NULL] if any(b.null for b in blocks) else [])])
    rows |= dict.fromkeys(row for block in blocks for row in block.methods)
    if name is None or str(name) in rows:
        return None if name is None else str(name)
    raise UsageError(f"compare={name} is no row; there are: {', '.join(rows)}")


def written_experiment(name: str | Written) -> tuple[dict[str, Any], Path]:
    """An experiment as it is written, blocks checked, and its file.

    Args:
        name: An experiment of ``configs/experiment``, a path to a YAML file, or what such a file
            would hold, where ``name`` says what it is called.

    Raises:
        UsageError: There is none, or it has no blocks of the right shape.
    """
    if not isinstance(name, str):
        path = Path(f"{name.get('name', 'study')}.yaml")
        return _checked(copy.deepcopy(dict(name)), path), path
    known = choices("experiment")
    found = Path(name) if name.endswith(".yaml") else known.get(name)
    if found is None or not found.is_file():
        raise unknown("experiment", name, known)
    return _checked(read_yaml(found), found), found


def check_files(blocks: Sequence[Block]) -> None:
    """Refuse checkpoints that are not there, and one checkpoint for several forget sets.

    Raises:
        UsageError: Naming the file, and the placeholders that tell files apart.
    """
    paths = [
        placed(file, pair, request, step + 1)
        for block in blocks
        for file in block.checkpoints()
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


def check_oracle_files(blocks: Sequence[Block]) -> None:
    """Count the files of oracles, where blocks have them.

    Raises:
        UsageError: One is missing, or forget sets have not as many each.
    """
    own = [block for block in blocks if block.oracle_files]
    sets = [
        (
            f"{request}, pair {pair}" + (f", step {step + 1}" if len(parts) > 1 else ""),
            oracle_paths(block.oracle_files, pair, request, step + 1),
        )
        for block in own
        for request, parts in block.requests.items()
        for pair in range(len(block.seeds))
        for step in sorted(block.scored_steps(request))
        if parts
    ]
    for block in own:
        block.oracles = check_oracles(sets)


def _checked(raw: dict[str, Any], path: Path) -> dict[str, Any]:
    """An experiment whose blocks have the keys they need, each of the right shape."""
    for key in ("title", "description"):
        if not isinstance(raw.get(key, ""), str):
            raise UsageError(f"{path}: {key} must be text, not {raw[key]!r}")
    if not isinstance(raw.get("blocks"), list) or not raw["blocks"]:
        raise UsageError(f"{path} has no list of blocks")
    for block in raw["blocks"]:
        if not isinstance(block, dict):
            raise UsageError(f"{path}: a block is a mapping, not {block!r}")
        if None in block:  # so YAML reads the key null where it has no quotes
            block[NULL] = block.pop(None)
        for key in block:
            known = {*GROUPS, *NEEDED, *SEQUENCE, NULL, "oracles", "original", "set", "tuning"}
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
    raw: dict[str, Any],
    overrides: dict[str, Any],
    lenient: dict[str, Any],
    siblings: list[dict[str, Any]],
) -> Block:
    """One block with the words that choose and set; ``lenient`` is what the variants set."""
    raw = DEFAULT | raw | {group: str(overrides[group]) for group in GROUPS if group in overrides}
    if "evaluation" not in raw:
        raw["evaluation"] = _panel_of(raw["data"])
    names = {group: raw[group] for group in GROUPS}
    words = {k: v for k, v in overrides.items() if k not in (*GROUPS, *WORDS)}
    settings = Settings(raw.get("set", {}), lenient, words)
    groups = BlockChoices(names, settings)
    config = groups.config()
    original = overrides.get("original", raw.get("original"))
    if original:
        config["data"] = trained_elsewhere(config["data"])
    if backbone := (config["recipe"].get("fit") or {}).get("backbone"):
        config["recipe"]["fit"]["backbone"] = composed(backbone, lenient)
    count_of("recipe.epochs", config["recipe"].get("epochs", 0))
    requests = requests_of(raw["requests"], overrides.get("requests"), settings)
    kinds = {name: selector_of(raw["requests"][name]) for name in requests}
    rows = chosen_rows(
        listed_rows(raw["methods"]),
        overrides.get("methods"),
        [listed_rows(b["methods"]) for b in siblings],
    )
    if "method.weights" in overrides:
        rows.setdefault("external", ("external", {}))
    methods = {name: configured(row, groups, kinds) for name, row in rows.items()}
    oracles, oracle_files = oracles_of(overrides.get("oracles", raw.get("oracles", 3)))
    if settings.unused() and not set(ROWS) & set(overrides):
        raise UsageError(f"set: {settings.unused()[0]} is a key that the block does not have")
    own_seeds, seeds = seeds_of(raw["seeds"]), seeds_of(overrides.get("seeds", raw["seeds"]))
    return Block(
        names={group: name for group, name in groups.names.items() if group != "track"},
        config=config,
        requests=requests,
        methods=methods,
        seeds=seeds,
        places=[own_seeds.index(s) if s in own_seeds else i for i, s in enumerate(seeds)],
        oracles=oracles,
        settings=settings,
        original=original,
        kinds=kinds,
        oracle_at=steps_of(overrides.get("oracle_at", raw.get("oracle_at"))),
        sequence=sequence_of(overrides.get("sequence", raw.get("sequence", "chain"))),
        null=null_of(overrides.get(NULL, raw.get(NULL, not oracle_files)), oracle_files),
        oracle_files=oracle_files,
    )


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


def null_of(given: object, oracle_files: Sequence[str]) -> bool:
    """Whether the null row is trained and judged; by default where oracles are trained too.

    Raises:
        UsageError: Neither true nor false, or true where oracles come from files.
    """
    if not isinstance(given, bool):
        raise UsageError(f"null={given} must be true or false")
    if given and oracle_files:
        raise UsageError(
            "null=true: the row is one more oracle, and those that come from files were trained "
            "elsewhere; to judge a retrained model of yours, take weights=FILE"
        )
    return given


def _panel_of(data: str | dict[str, Any]) -> str:
    return str(choice("data", data)["data"].get("panel", "classification"))


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
