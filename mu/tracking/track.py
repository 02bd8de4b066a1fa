"""Mirrors result cards to W&B; the cards stay the truth and can be sent again at any time."""

import json
import os
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mu.errors import UsageError
from mu.results.card import Card
from mu.results.judged import objective, over_forgetting
from mu.results.results import Results, json_text
from mu.results.words import ORACLE, ORIGINAL
from mu.tracking import rows
from mu.tracking.session import TrackError, checked, is_first, library, service, session


def require(options: Mapping[str, Any]) -> None:
    """Refuse, before anything is computed, what could only fail at the end.

    Args:
        options: As those of `send`.

    Raises:
        UsageError: Wandb is not installed, or an option does not have such a value.
    """
    if find_spec("wandb") is None:
        raise TrackError("track=wandb needs wandb: pip install wandb, or leave track=none")
    checked(options, "", None)


def send(
    results: Results, options: Mapping[str, Any], folder: Path | None = None, again: bool = False
) -> list[str]:
    """Mirror the results of an experiment: a run per card and a report run.

    Only what W&B does not have yet is sent; the report run, always sent, lists the rest as cached.
    Within a W&B sweep there is the report run alone, as the sweep's trial.

    Args:
        results: What ``results.json`` holds; numbers may be nan.
        options: ``project``, ``entity``, ``mode``, ``artifacts`` and ``directory`` of
            ``configs/track/wandb.yaml``.
        folder: Where the results were written; its page and id files become artifacts.
        again: Send every card, also the ones sent before.

    Returns:
        The ids of the runs sent, the report's last; none in a process that is not rank 0.

    Raises:
        UsageError: An option does not have such a value.
        TrackError: Wandb is not installed, or W&B refuses or does not answer.
    """
    from mu.tracking.sent import SentRuns

    results = Results.read(json.loads(json_text(results)))  # as it is written: null for nan
    to = checked(options, results.experiment, folder)
    if not is_first():
        return []
    wandb, ledger = library(), SentRuns(to)
    cards = {rows.run_id(card): card for card in results.cards}
    cached = {run: not again and ledger.has(run, card) for run, card in cards.items()}
    models = weights(results.cards) if to["artifacts"] == "models" else {}
    sent, over = list[str](), over_forgetting(results)
    try:
        with service(wandb):
            for run, card in {} if trial() else cards.items():
                if not cached[run]:
                    judged = (card.place, card.method) in over
                    _send_card(wandb, to, results, card, judged, models)
                    ledger.note(run, card)
                    sent.append(run)
            sent.append(_send_study(wandb, to, results, cached, folder))
    finally:
        if to["mode"] != "disabled":
            ledger.save()
    return sent


def trial() -> str | None:
    """The run id that a W&B sweep agent gave to this process, None outside of a sweep."""
    return os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None


def _send_card(
    wandb: Any,
    to: Mapping[str, Any],
    results: Results,
    card: Card,
    over: bool,
    models: dict[str, Path],
) -> None:
    """One run: configuration, curves, the flat row, and why there is none."""
    scores = results.scores(card)
    reason = card.failure(scores)
    facts = rows.facts(card, scores, results.experiment, over)
    with session(wandb, to, failed=bool(reason), **facts) as run:
        if points := rows.points_of(card):
            run.define_metric(rows.AXIS)
            run.define_metric(f"{rows.AXIS.split('/')[0]}/*", step_metric=rows.AXIS)
            for point in points:
                run.log(point)
        run.summary.update(rows.summary(card, scores) | ({"failure": reason} if reason else {}))
        for key in model_keys(card):
            if key in models:
                artifact = wandb.Artifact(f"{card.method}-{key[:12]}", type="model")
                for path in sorted(models.pop(key).iterdir()):  # add_dir talks to the terminal
                    artifact.add_file(str(path))
                run.log_artifact(artifact, aliases=[key])


def model_keys(card: Card) -> list[str]:
    """Store keys of the models an original's or oracle's card stands for."""
    if card.error or card.method not in (ORIGINAL, ORACLE):
        return []
    oracles = card.keys.oracles if card.method == ORACLE else ()
    return list(oracles) or ([card.learner] if card.learner else [])


def weights(cards: Sequence[Card]) -> dict[str, Path]:
    """Folders of all originals and oracles in the store, by key.

    Raises:
        UsageError: One is not there.
    """
    from mu.storing.store import default_root

    keys = dict.fromkeys(key for card in cards for key in model_keys(card))
    found = {key: default_root() / "fit" / key for key in keys}
    for key, folder in found.items():
        if not folder.is_dir():
            raise UsageError(
                f"artifacts=models: fit/{key[:12]} is not in the store {default_root()}; "
                "name the store by MU_STORE, or use artifacts=none"
            )
    return found


def _send_study(
    wandb: Any,
    to: Mapping[str, Any],
    results: Results,
    cached: Mapping[str, bool],
    folder: Path | None,
) -> str:
    """The report run; within a sweep it is the trial, which fails without an objective."""
    from mu.tracking.study import log_study

    study = [results.experiment, results.command]
    own = f"report-{blake2b(repr(study).encode(), digest_size=8).hexdigest()}"
    facts = {
        "id": trial() or own,
        "name": f"report/{results.experiment}",
        "group": results.experiment,
        "job_type": "report",
        "tags": ["report"],
        "config": {
            "experiment": results.experiment,
            "title": results.title,
            "command": results.command,
            "runs": list(cached),
            "cached": [run for run, known in cached.items() if known],
        },
    }
    with session(wandb, to, failed=bool(trial()) and objective(results) is None, **facts) as run:
        log_study(wandb, run, results, cached, folder)
    return str(facts["id"])
