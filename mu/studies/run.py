"""``mu.run`` and ``mu.load``: experiments as on the command line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from mu.configuration.experiment import Experiment, written_experiment
from mu.configuration.rows import TARGET
from mu.errors import UsageError
from mu.results.results import folder_of, read_results, tabulated
from mu.running.code import SCRIPT, forget_files, targets_in
from mu.studies.given import Rows, rows_given, words_given
from mu.studies.study import Study
from mu.verbs.cells import experiment_of
from mu.verbs.run import command_of, run_experiment, sender_of

Written = str | Path | Mapping[str, Any] | Sequence[Mapping[str, Any]]


def run(
    experiment: Written,
    *,
    methods: Any = None,
    requests: Any = None,
    seeds: int | Sequence[int] | None = None,
    oracles: int | None = None,
    out: str | Path | None = None,
    **settings: Any,
) -> Study:
    """Run an experiment, but for what the store has already: ``mu run`` from Python.

    Finished steps are kept in the store (``MU_STORE``, by default ``.mu`` in the working folder);
    no other file is written unless ``out`` names a folder.

    Args:
        experiment: A name of ``mu.experiments()``, a path to a YAML file, or what such a file
            holds: a block, a list of blocks, or a mapping with ``blocks``. In blocks, data, model,
            recipe and panel may be names or mappings.
        methods: Names, objects such as ``SSD(alpha=5.0)``, mappings ``{row: …}``; by default those
            of the experiment. A class that a notebook or script defines is run in this process.
        requests: Names of forget sets, or a mapping of name → request in place of them.
        seeds: Number of pairs, or their seeds.
        oracles: Retrained models of each pair.
        out: Folder for the tables, cards and page that ``mu run`` writes.
        settings: All other words of the command line, with nested mappings in place of dots, such
            as ``recipe={"epochs": 3}``, ``model="resnet20"``, ``compute={"workers": 4}``,
            ``scale="small"``.

    Returns:
        What was found; rows that failed are in it, with their reasons.

    Raises:
        UsageError: A name, key or value is wrong: before anything is trained, where that is known.
    """
    chosen = {"seeds": seeds, "oracles": oracles}
    words = {key: value for key, value in (settings | chosen).items() if value is not None}
    names, own = rows_given(methods) if methods is not None else (None, {})
    replaced = dict(requests) if isinstance(requests, Mapping) else None
    if names is not None:
        words["methods"] = ",".join(names)
    if requests is not None and replaced is None:
        words["requests"] = requests if isinstance(requests, str) else ",".join(requests)
    said = words_given(words)
    source = str(experiment) if isinstance(experiment, Path) else experiment
    if isinstance(source, str) and not own and replaced is None:
        return _run([f"experiment={source}", *said], None, out, "")
    written = _with_rows(_written(source), own, replaced)
    given = {k: v for k, v in words.items() if k not in ("methods", "requests")}
    shown = [repr(source) if isinstance(source, str) else "{…}"]
    shown += [f"methods=[{', '.join(_shown(name, own) for name in names)}]"] if names else []
    shown += ["requests={…}"] if replaced is not None else []
    call = ", ".join([*shown, *(f"{key}={value!r}" for key, value in given.items())])
    return _run(said, written, out, f"mu.run({call})")


def _shown(name: str, own: Rows) -> str:
    """A row of a call as it was written, or nearly so."""
    options = {key: value for key, value in own.get(name, {}).items() if key != TARGET}
    if TARGET not in own.get(name, {}):
        return repr(name if name not in own else {name: options})
    kind = own[name][TARGET].rpartition(".")[2]
    return f"{kind}({', '.join(f'{key}={value!r}' for key, value in options.items())})"


def _written(experiment: str | Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
    """The content of an experiment file, with methods that are objects as configurations."""
    if isinstance(experiment, str):
        raw, path = written_experiment(experiment)
        return {"name": path.stem, **raw}
    if isinstance(experiment, Mapping):
        raw = dict(experiment) if "blocks" in experiment else {"blocks": [experiment]}
    else:
        raw = {"blocks": experiment}
    blocks = []
    for block in raw["blocks"]:
        if not isinstance(block, Mapping):
            raise UsageError(f"a block is a mapping, not {block!r}")
        names, own = rows_given(block.get("methods", []))
        blocks.append({**block, "methods": [{n: own[n]} if n in own else n for n in names]})
    return {"name": "study", "title": "Study", **raw, "blocks": blocks}


def _with_rows(written: dict[str, Any], own: Rows, requests: Any) -> dict[str, Any]:
    """An experiment with rows added to every block, and other requests where there are some."""
    blocks = []
    for block in written["blocks"]:
        entries = [e for e in block["methods"] if not (isinstance(e, dict) and set(e) & set(own))]
        methods = [e for e in entries if isinstance(e, dict) or e not in own]
        methods += [{name: options} for name, options in own.items()]
        more = {} if requests is None else {"requests": requests}
        blocks.append({**block, "methods": methods, **more})
    return {**written, "blocks": blocks}


def _run(
    words: list[str], written: Mapping[str, Any] | None, out: str | Path | None, call: str
) -> Study:
    forget_files()
    experiment, _ = experiment_of(words, written)
    keep_here(experiment)
    sender = sender_of(experiment)
    if sender is not None and out is None:
        raise UsageError("track mirrors a folder of results: name one, out=DIR")
    folder = Path(out) if out is not None else None
    command = call or command_of(words)
    found = run_experiment(experiment, command, folder, Console(stderr=True))
    if sender is not None:
        sender(found.results, experiment.track, folder)
    models = [block.config["model"] for block in experiment.blocks]
    return Study(found.results, found.warnings, (found.ran, found.cached), models)


def keep_here(experiment: Experiment) -> None:
    """Have an experiment run in this process where no other could import a class that it names.

    Raises:
        UsageError: It is to run on a cluster.
    """
    configs = [[b.config, b.methods, b.requests] for b in experiment.blocks]
    here = [name for name in targets_in(configs) if name.startswith(f"{SCRIPT}.")]
    if not here:
        return
    if experiment.compute["launcher"] != "local":
        raise UsageError(
            f"{here[0].removeprefix(f'{SCRIPT}.')} is defined in the notebook or script, where a "
            "cluster does not find it; move it into a module of its own"
        )
    experiment.compute["workers"] = 0


def load(path: str | Path) -> Study:
    """The study that a run left in a folder, as ``mu.load("results/quickstart")``.

    Raises:
        UsageError: There are no results there, or this version cannot read them.
    """
    from mu.reporting.pictures.tuning import with_tuning

    results = tabulated(read_results(Path(path)))
    return Study(with_tuning(results, folder_of(Path(path))))
