"""The independent pieces of work, each for a process of its own."""

import os
import signal
import tempfile
from pathlib import Path
from typing import Any

from faults.tally import Tally


def parts() -> list[tuple[str, ...]]:
    """Independent pieces of work, the slow ones first."""
    from faults.fuzz import COUNTS
    from faults.store_faults import OPERATIONS

    chains = [("runs", name) for name in ("killed", "failing")]
    kinds = dict.fromkeys("results" if kind.startswith("results") else kind for kind in COUNTS)
    stores = [("store", one.name) for one in OPERATIONS]
    return [*chains, *(("fuzz", kind) for kind in kinds), *stores, ("archives",)]


def work(part: tuple[str, ...], folder: str, seed: int, share: float) -> list[Tally]:
    """One part, in a process of its own."""
    os.environ["OMP_NUM_THREADS"] = "1"
    signal.signal(signal.SIGALRM, late)
    place = Path(tempfile.mkdtemp(dir=folder))
    os.chdir(place)
    if part[0] == "store":
        from faults.store_faults import ERRORS, OPERATIONS, tally

        [operation] = [one for one in OPERATIONS if one.name == part[1]]
        return [tally(operation, list(ERRORS), place, max(1, round(1 / share)))]
    if part[0] == "archives":
        from faults.archives import tally as archives

        return [archives(place)]
    if part[0] == "fuzz":
        from faults.fuzz import COUNTS
        from faults.fuzz import tally as fuzzed

        results = calm(place)[0] if part[1] == "results" else {}
        return [fuzzed(k, results, seed, share) for k in COUNTS if k.startswith(part[1])]
    return runs(part[1], place, seed, share)


def calm(place: Path) -> tuple[dict[str, Any], float, int]:
    from faults.chains import due, prepared

    return due(prepared(place))


def runs(name: str, place: Path, seed: int, share: float) -> list[Tally]:
    from faults import chains

    found, seconds, calls = calm(place)
    if name == "killed":
        kills = chains.killed(place, found, seconds, seed, max(1, int(share * 33)))
        together = chains.at_once(place, found, max(2, int(share * 8)))
        return [kills, together, chains.one_folder(place, found)]
    names = ["killed", "ENOSPC", "EIO", "killed", "EACCES"] * 8
    return [chains.failing(place, found, calls, names[: max(1, int(share * 40))])]


def late(number: int, frame: Any) -> None:
    raise TimeoutError("a case hangs")
