"""``oracles=``: how many models are retrained, or the files of models that were."""

import re
from collections.abc import Sequence
from glob import escape, glob
from pathlib import Path

from mu.configuration.words import count_of, placed, words_of
from mu.errors import UsageError

NUMBER = "{k}"  # in a name: the number of the oracle, from 0 or from 1


def oracles_of(given: object) -> tuple[int, list[str]]:
    """How many oracles a pair has, and the names of their files as they are written.

    Files are counted when they are looked for; without files each oracle is trained.

    Raises:
        UsageError: A negative number, or none.

    Example:
        >>> oracles_of(3), oracles_of("{pair}_{k}.pt"), oracles_of("a.pt,b.pt")
        ((3, []), (0, ['{pair}_{k}.pt']), (0, ['a.pt', 'b.pt']))
    """
    words = words_of(given)
    if not any(set(word) & set("{/") or Path(word).suffix[1:].isalpha() for word in words):
        count = count_of("oracles", given)
        if count < 1:
            raise UsageError("oracles=0: at least one retrained model is needed")
        return count, []
    return 0, words


def oracle_paths(files: Sequence[str], pair: int, request: str, step: int) -> list[str]:
    """The files of the oracles of one forget set.

    Args:
        files: Names, with placeholders.
        pair: Its number, from 0.
        request: Name of the request.
        step: Its number in a row, from 1.

    Raises:
        UsageError: One is not there, or is named twice.
    """
    found: list[str] = []
    for file in files:
        path = placed(file, pair, request, step)
        found += numbered(path) if NUMBER in path else [path]
    for path in found:
        if not Path(path).is_file():
            raise UsageError(f"oracles: there is no weights file {path}")
        if found.count(path) > 1:
            raise UsageError(f"oracles: {path} is named {found.count(path)} times; write {NUMBER}")
    return found


def numbered(path: str) -> list[str]:
    """Files whose names have the numbers 0, 1, 2, … or 1, 2, 3, … where ``{k}`` stands.

    Raises:
        UsageError: There is none, or one is missing in between.
    """
    fits = re.compile(
        re.escape(path).replace(re.escape(NUMBER), r"(\d+)", 1).replace(re.escape(NUMBER), r"\1")
    )
    names = (fits.fullmatch(name) for name in glob("*".join(map(escape, path.split(NUMBER)))))
    numbers = sorted({int(name[1]) for name in names if name and name[1] == str(int(name[1]))})
    start = numbers[0] if numbers and numbers[0] == 1 else 0
    wanted = range(start, start + max(len(numbers), 1))
    return [path.replace(NUMBER, str(number)) for number in wanted]


def check_oracles(sets: Sequence[tuple[str, Sequence[str]]]) -> int:
    """The number of oracles that every forget set has.

    Args:
        sets: What each forget set is called, and the files of its oracles.

    Raises:
        UsageError: Numbers differ, or one file serves several forget sets.
    """
    first, files = sets[0]
    seen: dict[str, str] = {}
    for name, paths in sets:
        if len(paths) != len(files):
            raise UsageError(
                f"oracles: {first} has {len(files)} files and {name} has {len(paths)} "
                f"({', '.join(paths)}); each needs as many"
            )
        for path in paths:
            if seen.setdefault(path, name) != name:
                raise UsageError(
                    f"oracles: {path} would serve {seen[path]} and {name}; write {{pair}}, "
                    "{request} or {step} where the files differ, or choose one forget set: "
                    "requests=NAME seed=0"
                )
    return len(files)
