"""Experiments that somebody else's results say they were made by: looked at before they are run."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mu.configuration.choices import config_folders, read_yaml
from mu.configuration.experiment import Block, Experiment
from mu.errors import UsageError
from mu.running.code import targets_in
from mu.trust.classes import DATA, METHOD, NETWORK, SCORE, TRAINING, Due, check_named, check_step

LOOKED_UP = re.compile(r"\$\{[^}]*:")  # a resolver, as in ${oc.env:HOME}; ${recipe.epochs} is none
DUE: dict[str, Due] = {"data": DATA, "model": NETWORK, "recipe": TRAINING, "evaluation": SCORE}


def check_words(words: Sequence[str], source: str) -> None:
    """Refuse words that have something looked up before there is a configuration to look at.

    Raises:
        UsageError: Naming the word or the file.
    """
    for word in words:
        if "${" in word:
            raise UsageError(f"{source} has the word {word!r}, which is looked up when it is read")
        name = word.removeprefix("experiment=")
        is_file = name.endswith(".yaml") and Path(name).is_file()
        text = Path(name).read_text(encoding="utf-8", errors="replace") if is_file else ""
        if found := LOOKED_UP.search(text):
            raise UsageError(f"{name} holds {found[0]!r}, which is looked up when it is read")


def checked_experiment(experiment: Experiment, source: str, words: Sequence[str]) -> Experiment:
    """The experiment if all that it names may be named by a file; nothing of it is sent anywhere.

    What the user's own folders of configurations (``MU_CONFIGS``) name is the user's.

    Args:
        experiment: Composed, and nothing of it built.
        source: The command it comes from, for messages.
        words: Those that compose it.

    Raises:
        UsageError: It names what no file may name, or where it is to be run.
    """
    own = own_choices()
    named = targets_in(own)
    for block in experiment.blocks:
        _check_block(block, source, own, named)
    asked = any(word.startswith("compute") for word in words)
    if experiment.compute["launcher"] != "local" and not asked:
        raise UsageError(
            f"{source} asks for compute={experiment.compute['launcher']}; "
            "say where it runs, as in compute=local"
        )
    return replace(experiment, track={**experiment.track, "service": None})


def own_choices() -> list[dict[str, Any]]:
    """What the YAML files of the user's own folders of configurations hold."""
    return [read_yaml(path) for folder in config_folders()[:-1] for path in folder.glob("*/*.yaml")]


def _check_block(block: Block, source: str, own: Any, named: Sequence[str]) -> None:
    config = dict(block.config)
    trainings = list(_fits(config["recipe"])) + list(_fits(block.requests))
    for fit in trainings:
        if "step" in fit and fit not in own:
            check_step(fit["step"], source)
    for group in DUE:
        part = config.pop(group, None)
        if group == "recipe" and isinstance(part, Mapping):  # a backbone is a whole training
            backbone = (part.get("fit") or {}).get("backbone") or {}
            for inner, due in DUE.items():
                check_named(backbone.get(inner), due, source, own, named)
            part = {k: v for k, v in part.items() if k != "fit"}
        check_named(part, DUE[group], source, own, named)
    check_named([config, block.requests, block.methods], METHOD, source, own, named)


def _fits(config: object) -> Iterator[Mapping[str, Any]]:
    """Every mapping that stands under the key ``fit``: it names a training of its own."""
    if isinstance(config, Mapping):
        if isinstance(config.get("fit"), Mapping):
            yield config["fit"]
        for value in config.values():
            yield from _fits(value)
    elif isinstance(config, list | tuple):
        for value in config:
            yield from _fits(value)
