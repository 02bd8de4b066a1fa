"""One W&B run at a time: quiet, bounded, gone when it is done."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mu.configuration.choices import unknown
from mu.errors import UsageError

CHOICES = {"mode": ("offline", "online", "disabled"), "artifacts": ("none", "models")}
# What W&B would add by itself: nothing of it is about the result, all of it costs time.
QUIET = {
    "silent": True,
    "console": "off",
    "disable_code": True,
    "disable_git": True,
    "save_code": False,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
    "init_timeout": 30,
    "login_timeout": 30,
}
RANKS = ("RANK", "SLURM_PROCID")


class TrackError(UsageError):
    """W&B cannot be reached or is not installed; the results themselves are written."""


def checked(options: Mapping[str, Any], experiment: str, folder: Path | None) -> dict[str, Any]:
    """The options of ``configs/track/wandb.yaml`` with every default filled in.

    ``WANDB_MODE``, ``WANDB_PROJECT`` and ``WANDB_ENTITY`` hold where the option says nothing;
    ``WANDB_MODE`` holds in any case, so that a cluster stays offline.

    Raises:
        UsageError: An option does not have such a value.
    """
    found = {
        "mode": os.environ.get("WANDB_MODE") or options.get("mode") or "offline",
        "artifacts": options.get("artifacts") or "none",
        "project": options.get("project") or os.environ.get("WANDB_PROJECT") or experiment,
        "entity": options.get("entity") or os.environ.get("WANDB_ENTITY"),
    }
    for key, known in CHOICES.items():
        if found[key] not in known:
            raise unknown(f"track.{key}", str(found[key]), known)
    directory = options.get("directory") or os.environ.get("WANDB_DIR") or folder or "."
    return found | {"directory": Path(directory)}


def library() -> Any:
    """The ``wandb`` module.

    Raises:
        TrackError: It is not installed.
    """
    try:
        import wandb
    except ImportError as error:
        raise TrackError(
            f"wandb cannot be imported ({error}); pip install wandb, then: mu track DIR --resend"
        ) from error
    return wandb


def is_first() -> bool:
    """Whether this process is the one that speaks to W&B: rank 0, or the only one."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


@contextmanager
def session(wandb: Any, to: Mapping[str, Any], failed: bool, **facts: Any) -> Iterator[Any]:
    """One run, finished in any case; an earlier offline copy of it is replaced.

    Args:
        wandb: The module.
        to: What `checked` returns.
        failed: Whether what it shows has failed.
        facts: ``id``, ``name``, ``group``, ``job_type``, ``tags`` and ``config``.

    Raises:
        TrackError: W&B refuses the run or does not answer in time.
    """
    to["directory"].mkdir(parents=True, exist_ok=True)
    with _superseded(to["directory"] / "wandb", f"offline-run-*-{facts['id']}"):
        try:
            run = wandb.init(
                project=to["project"],
                entity=to["entity"],
                mode=to["mode"],
                dir=str(to["directory"]),
                reinit="create_new",
                settings=wandb.Settings(**QUIET),
                **facts,
            )
        except (wandb.errors.Error, ValueError, OSError) as error:
            reason = " ".join(str(error).split())
            raise TrackError(
                f"W&B: {reason}; the results are written: run wandb login, or use "
                "track.mode=offline, then: mu track DIR --resend"
            ) from error
        done = False
        try:
            yield run
            done = True
        finally:
            run.finish(exit_code=0 if done and not failed else 1)


@contextmanager
def _superseded(folder: Path, pattern: str) -> Iterator[None]:
    """Replace what matches by what the block writes; it comes back when the block fails.

    W&B names folders by the second, so an older one must be out of the way first.
    """
    older = {path: path.with_name(f"older-{path.name}") for path in folder.glob(pattern)}
    for path, aside in older.items():
        path.rename(aside)
    try:
        yield
    except BaseException:
        for path, aside in older.items():
            if not path.exists():
                aside.rename(path)
        raise
    for aside in older.values():
        shutil.rmtree(aside)


@contextmanager
def service(wandb: Any) -> Iterator[None]:
    """End W&B's own process at the end, unless a run of somebody else needs it."""
    try:
        yield
    finally:
        if wandb.run is None:
            wandb.teardown()
