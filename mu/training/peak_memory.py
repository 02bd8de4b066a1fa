"""The most memory that a piece of work holds, over what was held when it began."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import torch

from mu.doors.free_memory import return_free_memory

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """Peak of memory inside a ``with``; what one inside another takes is the inner one's alone.

    On a GPU what torch has allocated there; on the CPU the resident memory of the process, files
    mapped into it among it, which Linux alone tells.

    Args:
        device: "cpu" or "cuda".

    Attributes:
        bytes: The peak over what was held at the start, from 0; None where nobody tells.

    Example:
        >>> with PeakMemory("cpu") as peak:
        ...     found = torch.ones(25_000_000).sum()
        >>> peak.bytes is None or peak.bytes > 60e6
        True
    """

    _around: ClassVar[list["PeakMemory"]] = []

    def __init__(self, device: str) -> None:
        self.cuda = device.startswith("cuda")
        self.bytes: float | None = None
        self.held: int | None = None
        self.most = 0

    def __enter__(self) -> "PeakMemory":
        for one in self._around[-1:]:
            one.look()
        self.held = now(self.cuda) if self.begin() else None
        self._around.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.look()
        self._around.remove(self)
        if self.held is not None:
            self.bytes = float(max(self.most - self.held, 0))
        for one in self._around[-1:]:
            one.begin()

    def begin(self) -> bool:
        """Forget the peak so far; False where that cannot be done.

        Memory that is free but not returned would hide the next peak, so it is returned first.
        """
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
            return True
        if not RESET.exists():
            return False
        return_free_memory()
        try:
            RESET.write_text("5")
        except OSError:
            return False
        return True

    def look(self) -> None:
        """Note the peak since the last `begin`."""
        self.most = max(self.most, peak(self.cuda) or 0)


def now(cuda: bool) -> int | None:
    """Bytes held just now; None where nobody tells."""
    return torch.cuda.memory_allocated() if cuda else _status("VmRSS")


def peak(cuda: bool) -> int | None:
    """Bytes held at most since the last reset; None where nobody tells."""
    return torch.cuda.max_memory_allocated() if cuda else _status("VmHWM")


def _status(name: str) -> int | None:
    """A line of what Linux says of this process, in bytes."""
    if not RESET.exists():
        return None
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return None


@contextmanager
def peak_into(found: dict[str, float], part: str, device: str) -> Iterator[None]:
    """Note the peak of what is done inside under a name; of several the highest."""
    with PeakMemory(device) as inside:
        yield
    if inside.bytes is not None:
        found[part] = max(found.get(part, 0.0), inside.bytes)
