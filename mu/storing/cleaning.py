"""What of a store can go, and its removal."""

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mu.storing.holding import holding
from mu.storing.inventory import CLUSTER, LOCK, SCRATCH, Entry, lock_of
from mu.storing.store import Store

DAY = 86_400.0
CORRUPT, UNREACHABLE, OLD = "damaged", "no result rests on it", "old"


def superfluous(
    found: Sequence[Entry],
    damaged: Collection[Entry],
    wanted: Collection[str] | None = None,
    before: float | None = None,
) -> dict[Entry, str]:
    """Artifacts that can go, and why.

    Args:
        found: All artifacts.
        damaged: Those that are not whole; they always can.
        wanted: Keys that results rest on, or None where no results are named.
        before: Unix time: of whole artifacts only those written earlier can go. Neither ``wanted``
            nor ``before``: only the damaged.
    """
    going = {}
    for entry in found:
        young = before is not None and entry.written >= before
        if entry in damaged:
            going[entry] = CORRUPT
        elif young or (wanted is None and before is None):
            continue
        elif wanted is None:
            going[entry] = OLD
        elif entry.key not in wanted:
            going[entry] = UNREACHABLE
    return going


def leftovers(root: Path, before: float | None = None) -> list[Path]:
    """Temporary folders in a store that were last written before a time."""
    found = [path for path in _below(root / "tmp") if path.suffix != LOCK]
    return [path for path in found if before is None or written(path) < before]


def unfinished(root: Path, before: float | None = None, done: Collection[str] = ()) -> list[Path]:
    """Scratch folders of steps that were last written before a time, and those of finished steps.

    Args:
        root: The folder of the store.
        before: Unix time; None takes all.
        done: Keys of the finished steps.
    """
    found = _below(root / SCRATCH)
    return [p for p in found if before is None or p.name in done or written(p) < before]


def logs(root: Path, before: float) -> list[Path]:
    """Folders of runs on a cluster, with what their workers said, last written before a time."""
    return [path for path in _below(root / CLUSTER) if written(path) < before]


def written(path: Path) -> float:
    """Unix time at which a file or anything in a folder was last written."""
    times = [0.0]
    for one in (path, *path.rglob("*")):
        with suppress(OSError):  # gone since
            times.append(one.lstat().st_mtime)
    return max(times)


def _below(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def busy(store: Store) -> bool:
    """Whether a process holds the lock of any artifact."""
    from filelock import FileLock, Timeout

    for path in (store.root / "locks").glob("*.lock"):
        try:
            with FileLock(path, timeout=0):
                pass
        except Timeout:
            return True
    return False


def remove_all(
    store: Store, going: Sequence[Entry], stray: Sequence[Path], done: Callable[[float], None]
) -> None:
    """Remove artifacts under their locks, then temporary folders."""
    for entry in going:
        with store.lock(entry.key):
            if store.path(entry.step, entry.key).is_dir():
                store.discard(entry.step, entry.key)
        done(1)
    for path in stray:
        with holding(lock_of(path)) as abandoned:
            if abandoned:
                shutil.rmtree(path, ignore_errors=True)


def by_reason(going: Mapping[Entry, str]) -> dict[tuple[str, str], list[Entry]]:
    """The same artifacts by reason and step."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry, reason in going.items():
        groups.setdefault((reason, entry.step), []).append(entry)
    return dict(sorted(groups.items()))
