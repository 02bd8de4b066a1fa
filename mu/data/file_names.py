"""Samples by the names of their files, or by patterns of names."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from mu.data.base import Data, Ids
from mu.errors import UsageError


def matches(name: str, pattern: str) -> bool:
    """Whether a name fits a pattern, in which ``*`` stays in a folder and ``**`` does not.

    Example:
        >>> matches("cat/1.png", "cat/*"), matches("a/cat/1.png", "*/1.png")
        (True, False)
        >>> matches("a/cat/1.png", "**/1.png")
        True
    """
    if "**" in pattern:
        return fnmatchcase(name, pattern.replace("**", "*"))
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


class FileNames:
    """Finds samples by the names of their files.

    Args:
        names: Name of each sample's file, by id; None where they are not kept in files.
        root: The folder that the names are below.
        source: Who names them, for messages.

    Raises:
        UsageError: The samples are not kept in files of their own.
    """

    def __init__(self, names: Sequence[str] | None, root: Path | None, source: str) -> None:
        if names is None:
            raise UsageError(
                f"{source} names files, and the samples of these data are not kept in files of "
                "their own: name their ids (mu data ids lists them)"
            )
        self.names, self.root, self.source = names, root or Path(), source
        self.ids = {name: number for number, name in enumerate(self.names)}
        self.short: dict[str, list[int]] = {}
        for name, number in self.ids.items():
            self.short.setdefault(name.rpartition("/")[2], []).append(number)

    def one(self, name: str) -> int | None:
        """Id of a file by its name below the folder, its path, or its bare name where one has it.

        Spaces around it count where a file has such a name.

        Raises:
            UsageError: Several files have the bare name.
        """
        for text in (name, name.strip()):
            inside = self.inside(text)
            if inside in self.ids:
                return self.ids[inside]
            several = self.short.get(inside, [])
            if len(several) > 1:
                two = " and ".join(self.names[number] for number in several[:2])
                raise UsageError(f"{self.source}: {name!r} may be {two}: name its folder, too")
            if several:
                return several[0]
        return None

    def inside(self, name: str) -> str:
        """A name below the folder, of a path that leads there."""
        text = name.removeprefix("./")
        if text in self.ids:
            return text
        root = self.root
        for prefix in (root.absolute().as_posix(), root.as_posix(), root.name):
            if text.startswith(f"{prefix}/"):
                return text[len(prefix) + 1 :]
        return text

    def find(self, names: Sequence[str], data: Data, available: Ids) -> Ids:
        """Ids of the files named, and of those among ``available`` that patterns fit.

        Args:
            names: Names and patterns.
            data: The data.
            available: Samples that are trained on and not yet forgotten.

        Raises:
            UsageError: A name or pattern that fits no file, a file named twice or never trained on.
        """
        found: dict[int, str] = {}
        fitting: list[Ids] = []
        for name in names:
            number = self.one(name)
            if number is None:
                fitting.append(self.fitting(name, available))
                continue
            if number in found:
                raise UsageError(f"{self.source}: {name!r} is named twice")
            found[number] = name
        self.refuse_untrained(found, data)
        return np.unique(np.concatenate([np.array(list(found), np.int64), *fitting]))

    def fitting(self, pattern: str, available: Ids) -> Ids:
        """Ids among ``available`` that a pattern fits."""
        if not any(sign in pattern for sign in "*?["):
            raise UsageError(
                f"{self.source}: there is no file {pattern!r} below {self.root}; names look like "
                f"{self.names[0]!r}"
            )
        wanted = self.inside(pattern.strip())
        there = [n for n, name in enumerate(self.names) if matches(name, wanted)]
        if not there:
            raise UsageError(
                f"{self.source}: no file fits {pattern!r}; names look like {self.names[0]!r}"
            )
        found = np.intersect1d(np.array(there, np.int64), available)
        if not len(found):
            raise UsageError(
                f"{self.source}: {len(there)} files fit {pattern!r}, and none of them is trained "
                "on and still there"
            )
        return found

    def refuse_untrained(self, found: Mapping[int, str], data: Data) -> None:
        """Refuse files that are in another part than training."""
        trained = set(data.parts["train"].tolist())
        outside = [number for number in found if number not in trained]
        if outside:
            part = data.part_of(outside[0])
            raise UsageError(
                f"{self.source}: {found[outside[0]]!r} is {part}, and only what was trained on is "
                f"forgotten ({len(outside)} of {len(found)} files are not): leave them out, or say "
                "who trains with data.split=FILE (mu data ids lists the parts)"
            )
