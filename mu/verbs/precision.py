"""What a recipe in bfloat16 takes on this machine, measured once and said before a run."""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from mu.configuration.experiment import Experiment
from mu.doors.device import processor_name
from mu.storing.store import HOST, default_root
from mu.storing.whole_files import write_text
from mu.verbs.hardware import bf16_probe, bf16_verdict

FILE = "machines.json"  # in the store: what was measured of each machine that uses it
BF16 = "bf16-mixed"


def slow_precision(experiment: Experiment) -> list[str]:
    """A line where recipes ask for bfloat16 and this machine is no faster in it.

    Nothing is said of GPUs, nor of the machines of a cluster.
    """
    compute = experiment.compute
    here = compute["launcher"] == "local" and compute.get("device", "cpu") == "cpu"
    asking = [
        block.names["recipe"]
        for block in experiment.blocks
        if block.config["recipe"].get("precision") == BF16
    ]
    if not here or not asking:
        return []
    ratio = bf16_ratio(default_root())
    verdict = bf16_verdict(ratio)
    if verdict.startswith("faster"):
        return []
    names = ", ".join(dict.fromkeys(asking))
    return [
        f"recipe {names} asks for {BF16}, which is {verdict} here ({ratio:.1f} times its time for "
        "a product): recipe.precision=32-true takes less time, and gives other numbers"
    ]


def bf16_ratio(root: Path) -> float:
    """Time in bfloat16 ÷ time in float32 on this machine, measured unless the store has it."""
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        known = float(json.loads((root / FILE).read_text())[machine()]["bf16"])
        if 0 < known < math.inf:
            return known
    probe = bf16_probe()
    remember(root, probe)
    return float(probe["ratio"])


def remember(root: Path, probe: Mapping[str, Any]) -> None:
    """Note in the store what was measured; a store that cannot be written stays as it is."""
    known: Any = {}
    with suppress(OSError, ValueError):
        known = json.loads((root / FILE).read_text())
    known = known if isinstance(known, dict) else {}
    with suppress(OSError):
        root.mkdir(parents=True, exist_ok=True)
        write_text(root / FILE, json.dumps(known | {machine(): {"bf16": probe["ratio"]}}, indent=1))


def machine() -> str:
    """Host, processor and version of torch: what the measurement holds for."""
    return f"{HOST}, {processor_name()}, torch {metadata.version('torch')}"
