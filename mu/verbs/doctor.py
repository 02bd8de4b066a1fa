"""``mu doctor``: versions, devices, data, store, settings; and the way out of what is wrong."""

import json
import os
import platform
import shutil
import textwrap
import warnings
from collections.abc import Callable
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from mu.configuration.choices import choices, config_folders, read_yaml
from mu.data.facts import data_root
from mu.errors import UsageError
from mu.storing.cleaning import leftovers, unfinished
from mu.storing.inventory import entries
from mu.storing.store import default_root
from mu.verbs.parser import Parser
from mu.verbs.store import human

NEEDED = (
    "torch", "torchvision", "torch-geometric", "timm", "pytorch-lightning", "hydra-core", "numpy",
    "scipy", "scikit-learn", "matplotlib", "jinja2", "rich", "safetensors", "filelock", "pyyaml",
)  # fmt: skip
OPTIONAL = {"wandb": "track=wandb", "ray": "compute=ray", "submitit": "compute=slurm"}
FIRST = ("torch", "torch-geometric", "timm", "pytorch-lightning")  # extensions that break on import
GROUPS = ("data", "model", "recipe", "request", "method", "evaluation", "experiment")
LITTLE = 5e9  # bytes of disk below which a run may fail
OLDEST = (3, 11)
WIDTH = 80

Section = dict[str, Any]


class Findings:
    """What is wrong, and the way out: errors stop a run, warnings may."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []


def command(words: list[str]) -> int:
    """``mu doctor``: 0 when a run can work, 1 when something it needs is missing or broken.

    Raises:
        UsageError: A word is wrong.
    """
    parser = Parser(
        prog="mu doctor",
        description="Say which versions, devices, configurations, data and store there are, and "
        "the way out of what is wrong. Exit code 1 when a run cannot work.",
        epilog="example: mu doctor --json",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    as_json = parser.parse_args(words).json
    found = Findings()
    checks: dict[str, Callable[[Findings], Section]] = {
        "versions": installed,
        "devices": devices,
        "configurations": configurations,
        "data": data,
        "store": store,
        "tracking": tracking,
    }
    report = {name: check(found) for name, check in checks.items()}
    if as_json:
        print(json.dumps(report | {"errors": found.errors, "warnings": found.warnings}, indent=1))
    else:
        show_findings(report, found)
    return 1 if found.errors else 0


def installed(found: Findings) -> Section:
    """Versions of what mu stands on; the libraries most easily broken are imported."""
    from mu.version import __version__

    if tuple(map(int, platform.python_version_tuple()[:2])) < OLDEST:
        found.errors.append(f"python {platform.python_version()} is older than 3.11: install one")
    section: Section = {"python": platform.python_version(), "mu": __version__}
    for name in (*NEEDED, *OPTIONAL):
        try:
            section[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            section[name] = None
            if name in NEEDED:
                found.errors.append(f"{name} is missing: pip install {name}")
    for name in FIRST:
        if section[name] is not None and (reason := broken(name.replace("-", "_"))):
            found.errors.append(f"{name} cannot be imported ({reason}): install it anew")
    return section


def broken(module: str) -> str:
    """Why a module cannot be imported; nothing where it can."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a library says of its own parts helps nobody
            import_module(module)
    except Exception as error:  # a broken library raises anything
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return ""


def devices(found: Findings) -> Section:
    """Processor, whether its bfloat16 is real, threads, accelerators."""
    from mu.verbs.hardware import accelerators, bf16_probe, processor
    from mu.verbs.precision import remember

    section: Section = processor() | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS")}
    if section["load"] is not None and section["load"] > section["cores"] + 0.5:
        found.warnings.append(
            f"{section['load']:.1f} processes want {section['cores']} cores: seconds on cards will "
            "be too long; passes are not affected"
        )
    if broken("torch"):
        return section
    probe = bf16_probe()
    if default_root().is_dir():
        remember(default_root(), probe)
    section |= {"accelerators": accelerators(), "bf16": probe}
    if probe["verdict"] == "emulated":
        found.warnings.append(
            f"bfloat16 is emulated on this processor ({probe['ratio']:.1f} times the time of "
            "float32): keep recipe.precision=32-true on the CPU"
        )
    return section


def configurations(found: Findings) -> Section:
    """Folders of configurations and how many choices each group has."""
    try:
        folders = [str(folder) for folder in config_folders()]
    except UsageError as error:
        found.errors.append(str(error))
        return {"folders": []}
    known = {group: choices(group) for group in GROUPS}
    for path in (path for group in known.values() for path in group.values()):
        try:
            read_yaml(path)
        except UsageError as error:
            found.warnings.append(str(error))
    return {"folders": folders, **{group: len(names) for group, names in known.items()}}


def data(found: Findings) -> Section:
    """Which data sets have their files below the data root."""
    root = data_root().absolute()
    section: Section = {"root": str(root), "ready": [], "missing": [], "yours": []}
    try:
        known = choices("data")
    except UsageError:
        return section
    for name, path in known.items():
        try:
            patterns = list(map(str, read_yaml(path).get("files") or []))
        except UsageError:
            continue
        if any("${" in pattern for pattern in patterns):
            section["yours"].append(name)
        else:
            there = all(next(root.glob(pattern), None) for pattern in patterns)
            section["ready" if there else "missing"].append(name)
    if not root.is_dir():
        found.warnings.append(f"there is no data folder {root}: set MU_DATA_ROOT, or it is made")
    free_space(root, "data folder", found, section)
    return section


def store(found: Findings) -> Section:
    """Size of the store, and what killed runs left in it."""
    root = default_root()
    here = list(entries(root))
    size = sum(entry.size for entry in here)
    section: Section = {"root": str(root), "artifacts": len(here), "bytes": size}
    section["leftovers"], section["unfinished"] = len(leftovers(root)), len(unfinished(root))
    nearest = existing(root)
    if not os.access(nearest, os.W_OK):
        found.errors.append(f"{nearest} cannot be written: set MU_STORE to a folder you may write")
    if section["leftovers"]:
        found.warnings.append(
            f"{section['leftovers']} temporary folders in the store, of runs that go on or were "
            "killed; the next run removes those of killed ones, mu store gc --yes those of others"
        )
    free_space(root, "store", found, section)
    return section


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(p for p in (path, *path.parents) if p.exists())


def free_space(path: Path, name: str, found: Findings, section: Section) -> None:
    """Note the free bytes of a disk; warn where they are few."""
    section["free"] = shutil.disk_usage(existing(path)).free
    if section["free"] < LITTLE:
        found.warnings.append(f"only {human(section['free'])} left where the {name} is: {path}")


def tracking(found: Findings) -> Section:
    """How results would be mirrored; no account is looked for."""
    mode = os.environ.get("WANDB_MODE") or "not set: offline, unless track.mode says otherwise"
    return {"WANDB_MODE": mode, "WANDB_DIR": os.environ.get("WANDB_DIR")}


def show_findings(report: dict[str, Section], found: Findings) -> None:
    """Print it all, at most 80 columns."""
    for name, section in report.items():
        print(name)
        for key, value in section.items():
            text = text_of(key, value)
            lines = textwrap.wrap(text, WIDTH - 22, break_on_hyphens=False) or ["-"]
            print(f"  {key:<18}  {lines[0]}")
            for line in lines[1:]:
                print(" " * 22 + line)
    for kind, messages in (("error", found.errors), ("warning", found.warnings)):
        for message in messages:
            print(textwrap.fill(f"{kind}: {message}", WIDTH, subsequent_indent="  "))
    if not found.errors:
        print("a run can work" + (", with the warnings above" if found.warnings else ""))


def text_of(key: str, value: object) -> str:
    """A value for people."""
    if value is None:
        return f"not installed; only for {OPTIONAL[key]}" if key in OPTIONAL else "not set"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return f"{value['verdict']} ({value['ratio']:.1f} times its time for a product)"
    if key in ("bytes", "free") and isinstance(value, int):
        return human(value)
    return f"{value:.1f}" if isinstance(value, float) else str(value)
