"""The calls to the file system below a folder: one fails, or is the last of the process."""

import builtins
import errno
import fcntl
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

KILL = -1  # in place of an error number: the process ends at the call
NAMED = (
    *("open", "mkdir", "rmdir", "unlink", "remove", "rename", "replace", "link", "symlink"),
    *("stat", "lstat", "fstat", "scandir", "listdir", "truncate", "utime", "fsync"),
)
real_open = open


class Faults:
    """Counts the calls below a folder and lets the one whose turn it is fail."""

    def __init__(self, root: Path, turn: int = 0, error: int = KILL) -> None:
        self.root, self.turn, self.error = f"{root.absolute()}{os.sep}", turn, error
        self.met: list[str] = []  # the calls so far

    @property
    def fired(self) -> bool:
        return 0 < self.turn <= len(self.met)

    def below(self, target: Any, folder: int | None = None) -> bool:
        """Whether a path, a descriptor or an open file is at or below the folder."""
        if hasattr(target, "fileno"):
            target = target.fileno()
        if isinstance(target, int):
            target, folder = "", target
        try:
            start = os.readlink(f"/proc/self/fd/{folder}") if folder is not None else os.getcwd()
            path = os.path.join(start, os.fsdecode(target))
        except (OSError, TypeError):
            return False
        return f"{os.path.abspath(path)}{os.sep}".startswith(self.root)

    def meet(self, name: str, path: Any, before: Callable[[], object] | None = None) -> None:
        """Count a call.

        Args:
            name: Of the call.
            path: What it is about.
            before: What of it is still done before it fails, half a write for instance.

        Raises:
            OSError: It is this call's turn to fail.
        """
        self.met.append(name)
        if len(self.met) == self.turn:
            if before:
                before()
            if self.error == KILL:
                os._exit(137)
            raise OSError(self.error, os.strerror(self.error), str(path))

    def wrapped(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*given: Any, **more: Any) -> Any:
            folder = more.get("dir_fd", more.get("src_dir_fd"))
            if given and self.below(given[0], folder):
                self.meet(name, given[0])
            return call(*given, **more)

        return wrapper

    def open(
        self,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        """As `open`, through a file whose reading and writing are calls of their own."""
        if isinstance(file, int) or not self.below(file):
            return real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        self.meet("open", file)
        raw = Watched(self, file, mode.replace("t", "").replace("b", ""), closefd, opener)
        if buffering == 0:
            return raw
        kind = io.BufferedReader if "r" in mode else io.BufferedWriter
        buffered = (io.BufferedRandom if "+" in mode else kind)(raw)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, encoding, errors, newline)


class Watched(io.FileIO):
    """An open file that tells of what is read and written."""

    def __init__(self, faults: Faults, *given: Any) -> None:
        super().__init__(*given)
        self.faults = faults

    def write(self, data: Any) -> int:
        half = bytes(data)[: len(bytes(data)) // 2]
        # A write that a signal interrupts has written nothing: else it says how much it wrote.
        cut = None if self.faults.error == errno.EINTR else lambda: super(Watched, self).write(half)
        self.faults.meet("write", self.name, cut)
        return super().write(data)

    def readinto(self, buffer: Any) -> int:
        self.faults.meet("read", self.name)
        return super().readinto(buffer)

    def readall(self) -> bytes:
        self.faults.meet("read", self.name)
        return super().readall()

    def truncate(self, size: int | None = None) -> int:
        self.faults.meet("truncate", self.name)
        return super().truncate(size)


@contextmanager
def injected(faults: Faults) -> Iterator[None]:
    """Every call of this process goes through ``faults``."""
    places = [(os, name) for name in NAMED] + [(fcntl, "flock")]
    before = [(place, name, getattr(place, name)) for place, name in places]
    before += [(builtins, "open", builtins.open), (io, "open", io.open)]
    try:
        for place, name, call in before:
            opening = name == "open" and place is not os
            setattr(place, name, faults.open if opening else faults.wrapped(name, call))
        yield
    finally:
        for place, name, call in before:
            setattr(place, name, call)
