"""From the words of the command line to an experiment and its cells."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mu.configuration.choices import choices
from mu.configuration.compose import choice
from mu.configuration.experiment import Block, Experiment, Written, load_experiment
from mu.configuration.words import parse_words
from mu.data.facts import cut_in, without_pretrained
from mu.errors import UsageError
from mu.evaluation.panels import counts_classes, judges_links
from mu.pipeline import Cell
from mu.results.panel import describe_panels
from mu.running.presence import check_present
from mu.running.runner import Runner
from mu.running.signatures import check_annotated
from mu.trust.wrong_shapes import in_one_line
from mu.verbs.foreign import check_words, checked_experiment

LONGEST = 120  # bytes of a name; the file's adds those of the block, and a file system takes 255


def experiment_of(
    words: Sequence[str], written: Written | None = None, source: str = ""
) -> tuple[Experiment, Path]:
    """The experiment that words, all spelled out, describe, and where its results go.

    Args:
        words: As on the command line; of the user, or of somebody else.
        written: The content of an experiment file, in place of one that words name.
        source: Where words come from if they are somebody else's, for messages; see
            `mu.verbs.foreign`.

    Raises:
        UsageError: No experiment named, a word is wrong, or somebody else's words name what no file
            may name.
    """
    if source:
        check_words(words, source)
    given = parse_words(words)
    if written is None and "experiment" not in given:
        names = ", ".join(choices("experiment"))
        raise UsageError(f"name an experiment, as in mu run quickstart; there are: {names}")
    others = [w for w in words if w.partition("=")[0] not in ("experiment", "out")]
    name = "a study" if written is not None else f"experiment {given['experiment']}"
    with in_one_line(f"{name}, or what it chooses, holds what"):
        experiment = load_experiment(written or given["experiment"], others)
        if source:
            experiment = checked_experiment(experiment, source, others)
        check_blocks(experiment)
    return experiment, Path(given.get("out") or Path("results") / experiment.name)


def check_blocks(experiment: Experiment) -> None:
    """Refuse scores, files, classes and options of methods that are wrong, before any step.

    Raises:
        UsageError: Naming the first.
    """
    for block in experiment.blocks:  # a wrong score must not come out after the training
        describe_panels(block.names["evaluation"], block.config["evaluation"])
        check_panel(block)
        check_names(block)
        files = block.config["data"].get("files") or []
        if not isinstance(files, list) or not all(isinstance(one, str) for one in files):
            raise UsageError(f"data {block.names['data']}: files must be words, not {files!r}")
        for group in ("data", "model", "recipe"):
            check_present(block.config[group], f"{group} {block.names[group]}")
        for row, method in block.methods.items():
            check_present([method["config"], method["configs"]], f"method {row}")
    check_method_options(experiment)


def check_names(block: Block) -> None:
    """Refuse names of requests that no file can be named for (`mu.verbs.run.write_forget_sets`).

    Raises:
        UsageError: Naming the request.
    """
    for name in block.requests:
        if len(name.encode()) > LONGEST:
            raise UsageError(
                f"request {name[:40]}… has {len(name)} letters; a file is named for it, so it may "
                f"have {LONGEST}"
            )


def check_panel(block: Block) -> None:
    """Refuse scores of links for classes, and of classes for links.

    Raises:
        UsageError: Naming panel and data.
    """
    fitting = str(block.config["data"].get("panel", "classification"))
    links = judges_links(choice("evaluation", fitting)["evaluation"])
    given, name = block.config["evaluation"], block.names["evaluation"]
    if (judges_links(given) and not links) or (links and counts_classes(given)):
        wanted, there = ("links", "classes") if judges_links(given) else ("classes", "links")
        raise UsageError(
            f"evaluation={name} has scores of {wanted}, and {block.names['data']} has {there}: "
            f"leave it out, or take evaluation={fitting}"
        )


def check_method_options(experiment: Experiment) -> None:
    """Refuse options of methods that are of the wrong type, before any step.

    Raises:
        UsageError: Naming the row, the option and its value.
    """
    for block in experiment.blocks:
        for row, method in block.methods.items():
            for config in (method["config"], *method["configs"].values()):
                check_annotated(config, f"method {row}")


def cells_of(experiment: Experiment, runner: Runner) -> list[Cell]:
    """Every (block, request, pair) of an experiment."""
    return [
        Cell(runner, index, block, request, pair)
        for index, block in enumerate(experiment.blocks)
        for request in block.requests
        for pair in range(len(block.seeds))
    ]


def warnings_of(experiment: Experiment) -> list[str]:
    """What the configuration itself makes doubtful."""
    warnings = []
    if any(block.config["recipe"].get("checkpoint") for block in experiment.blocks):
        warnings.append(
            "recipe.checkpoint starts the oracles too: they are oracles only if what the "
            "checkpoint was trained on holds none of the forgotten data"
        )
    models = [block.config["model"] for block in experiment.blocks]
    known = [(cut_in(model) or {}).get("saw_data") is False for model in models]
    if any(without_pretrained(m) != m and not k for m, k in zip(models, known, strict=True)):
        warnings.append(
            "pretrained weights start the oracles too: they are oracles only if what those weights "
            "were trained on holds none of the forgotten data"
        )
    for block in experiment.blocks:
        files = ", ".join(block.oracle_files)
        if files and block.original is None:
            warnings.append(
                f"the oracles come from {files}: the original is trained with another recipe, "
                f"{block.names['recipe']}, and differs from them for that reason too"
            )
        elif files:
            warnings.append(
                f"the original and its oracles come from {block.original} and {files}: that they "
                "were trained alike, the oracles without what is forgotten, is taken from you"
            )
        if block.original is None:
            continue
        if not files:
            warnings.append(
                f"the original comes from {block.original}: oracles are retrained with another "
                f"recipe, {block.names['recipe']}, and differ from it for that reason too"
            )
        warnings += drawn_parts_warning(block.names["data"], block.config["data"])
        if len(block.seeds) > 1 and "{pair}" not in block.original:
            warnings.append(
                "all pairs share one original: the intervals speak of other forget sets, not of "
                "other training runs"
            )
    return warnings


def drawn_parts_warning(name: str, data: Mapping[str, Any]) -> list[str]:
    """What is doubtful where parts are drawn, and the original was trained elsewhere on its own."""
    validation, split = data.get("validation"), data.get("split")
    if split == "shares":
        return [
            f"the test and validation parts of {name} are drawn here, and the original may have "
            "been trained on them: data.split=FILE (file,part) says who was not"
        ]
    if "n_validation" in data and validation is None:
        return [
            f"the validation part of {name} is drawn from the published training images, and the "
            "original may have been trained on it: data.validation=none, or a file of ids"
        ]
    return []
