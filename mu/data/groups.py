"""Groups of samples or nodes that a user's file tells apart, such as customers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mu.data.base import Data
from mu.data.file_names import FileNames
from mu.data.listing import FILES, ID, IDS, Columns, read_columns, read_listing
from mu.errors import UsageError

NAMES = ("group", "groups", "customer", "customers", "user", "owner", "client", "subject")
Names = NDArray[np.object_]


def read_groups(path: Path, data: Data) -> Names:
    """(N,) name of the group of each sample by id, or of each node; "" where there is none.

    Args:
        path: A .csv with a column ``id`` or ``file`` and one of groups, or any file of ids that
            lists one group for each id, in their order.
        data: The data.

    Raises:
        UsageError: It cannot be read, or names an id or a file that is not there, or one twice.
    """
    if path.suffix.lower() == ".csv":
        found = read_columns(that_is_there(path))
        if found.header is not None and len(found.header) > 1:
            return _by_id(found, path, data)
        groups = [row[0] for row in found.rows]
        if found.rows and len(found.rows[0]) > 1:
            raise UsageError(f"{path} needs a first row that names its columns: id,group")
    else:
        listed = read_listing(path).values
        if listed.ndim != 1:
            raise UsageError(f"{path} holds shape {listed.shape}, not one group for each id")
        groups = [str(one) for one in listed.tolist()]
    count = data.id_count()
    if len(groups) != count:
        raise UsageError(
            f"{path} lists {len(groups)} groups for {count} ids: one for each in their order is "
            "due, or a .csv with the columns id,group or file,group"
        )
    return np.array(groups, object)


def that_is_there(path: Path) -> Path:
    """The path of a file that is there.

    Raises:
        UsageError: It is not.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    return path


def columns_of(found: Columns, path: Path, names: tuple[str, ...]) -> tuple[int, int]:
    """Places of the column that says which sample, and of the one that says what of it.

    Args:
        found: The file.
        path: Its path.
        names: What the second column may be called.

    Raises:
        UsageError: It is not clear which they are.
    """
    header = found.header or []
    keys = [k for word in (*IDS, *FILES) for k, name in enumerate(header) if name == word]
    if not keys:
        raise UsageError(f"{path} has the columns {', '.join(header)}, and none called id or file")
    others = [k for k, name in enumerate(header) if name in names and k != keys[0]]
    others = others or [k for k in range(len(header)) if k != keys[0] and header[k]]
    if len(others) != 1:
        said = ", ".join(header)
        raise UsageError(f"{path} has the columns {said}: call the one that counts {names[0]}")
    return keys[0], others[0]


def ids_in_column(
    found: Columns,
    place: int,
    path: Path,
    count: int,
    names: Sequence[str] | None,
    root: Path | None,
) -> list[int]:
    """The id that each row is about.

    Args:
        found: The file.
        place: Of the column of ids or file names.
        path: Its path.
        count: Ids are 0 … count − 1.
        names: As of `FileNames`.
        root: As of `FileNames`.

    Raises:
        UsageError: One that is not there, or is named twice.
    """
    by_id = found.header is not None and found.header[place] in IDS
    files = None if by_id else FileNames(names, root, str(path))
    seen: dict[int, int] = {}
    for line, row, exact in zip(found.lines, found.rows, found.exact, strict=True):
        where = f"{path}, line {line}: {row[place]!r}"
        if files is not None:
            number = files.one(exact[place])
            if number is None:
                raise UsageError(
                    f"{where} is no file of the data; names look like {files.names[0]!r}"
                )
        elif not ID.fullmatch(row[place]) or not 0 <= int(row[place]) < count:
            raise UsageError(f"{where} is not one of the ids 0 to {count - 1}")
        else:
            number = int(row[place])
        if number in seen:
            raise UsageError(f"{where} is named in line {seen[number]} already")
        seen[number] = line
    return list(seen)


def _by_id(found: Columns, path: Path, data: Data) -> Names:
    key, group = columns_of(found, path, NAMES)
    count = data.id_count()
    groups = np.full(count, "", object)
    ids = ids_in_column(found, key, path, count, data.file_names, data.file_root)
    for number, row in zip(ids, found.rows, strict=True):
        groups[number] = row[group]
    return groups
