"""What a file of ids lists: whole numbers, booleans, pairs of nodes, or names of files.

Nothing here runs code of a file: arrays are read without pickles, tensors with ``weights_only``.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from mu.errors import UsageError
from mu.trust.arrays import check_arrays
from mu.trust.cells import cell_text

ENDINGS = (".txt", ".csv", ".json", ".npy", ".pt", ".pth")
PICKLES = (".pkl", ".pickle", ".p")
ID = re.compile(r"-?[0-9]{1,18}")  # fits 64 bits
ID_SAID = re.compile(r"(-?[0-9]{1,18})\s+#.*")  # with the element's name behind it
PAIR = re.compile(r"(-?[0-9]{1,18})(?:\s*[,;]\s*|\s+)(-?[0-9]{1,18})(?:\s+#.*)?")
NUMBER = re.compile(
    r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+|nan|inf)(?:e[-+]?[0-9]+)?", re.IGNORECASE
)
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")  # in no name of a file that people give
BOOLEANS = {"true": True, "false": False}
WHOLE = "ids are whole numbers, without a point (numpy: np.savetxt(FILE, ids, fmt='%d'))"
IDS = ("id", "ids", "index", "idx", "indices")  # names of columns
FILES = ("file", "files", "filename", "file_name", "path", "name", "image")
ENDS = (("source", "target"), ("src", "dst"), ("u", "v"), ("row", "col"), ("from", "to"))
CONVERT = {
    ".npy": "python -c \"import numpy as np; np.save('NEW.npy', np.array(list(np.load('FILE', "
    'allow_pickle=True))))"',
    ".pt": "python -c \"import torch; torch.save(torch.as_tensor(torch.load('FILE', "
    "weights_only=False)), 'NEW.pt')\"",
    ".pkl": "python -c \"import pickle, numpy as np; np.save('NEW.npy', "
    "np.array(list(pickle.load(open('FILE', 'rb')))))\"",
}


@dataclass(frozen=True)
class Listing:
    """What a file lists.

    Attributes:
        values: (n,) int64 ids, (N,) booleans, (n, 2) or (2, n) int64 pairs of nodes, or (n,)
            objects that are text.
        source: The file, for messages.
        kind: Kind of element, where the file says it.
        data: Fingerprint of the data it was written for, where it says it.
        pairs: Whether the file itself says that rows are pairs of nodes: then (n, 2).
    """

    values: NDArray[Any]
    source: str
    kind: str | None = None
    data: str | None = None
    pairs: bool = False

    @property
    def names(self) -> list[str] | None:
        """Names of files, or None where it lists something else."""
        return self.values.tolist() if self.values.dtype == object else None


@dataclass(frozen=True)
class Columns:
    """A file of columns.

    Attributes:
        header: Names of the columns in small letters, or None where the first row has none.
        rows: Cells, as text without spaces around it; all rows have equally many.
        lines: Number of the line of each row.
        heads: What lines such as ``# kind: edges`` say, by word.
        exact: Cells as they were written, for names that may begin or end with a space.
    """

    header: list[str] | None
    rows: list[list[str]]
    lines: list[int]
    heads: Mapping[str, str]
    exact: list[list[str]]


def read_listing(path: Path) -> Listing:
    """Read a file of ids by its ending: .txt, .csv, .json, .npy, .pt or .pth.

    Raises:
        UsageError: No such file, a pickle, another ending, or something in it that is no id.
    """
    if not path.is_file():
        raise UsageError(f"there is no file of ids {path}")
    ending = path.suffix.lower()
    if ending in PICKLES:
        raise UsageError(pickled(path, ".pkl"))
    if ending not in ENDINGS:
        raise UsageError(f"{path}: files of ids end in {', '.join(ENDINGS)}, not in {ending!r}")
    if ending in (".txt", ".csv"):
        return _text(path) if ending == ".txt" else _csv(path)
    found = {".json": _json, ".npy": _npy}.get(ending, _pt)(path)
    return _listing(found, path)


def pickled(path: Path, ending: str) -> str:
    """Why a pickle is refused, and how its owner makes something else of it."""
    return (
        f"{path} holds a pickle, which runs code when it is read, and is not read: if you trust "
        f"who made it, convert it: {CONVERT[ending]}"
    )


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")  # lines end as they do in the file
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as text: {error}") from error


def _head(line: str, heads: dict[str, str]) -> None:
    """Note what a line such as ``# kind: edges`` says."""
    word, colon, rest = line.removeprefix("#").partition(":")
    if colon and word.strip() in ("kind", "data"):
        heads[word.strip()] = rest.strip()


def _text(path: Path) -> Listing:
    """A line each: an id, two node numbers, true or false, or the name of a file."""
    heads: dict[str, str] = {}
    found, exact, lines = [], [], []
    for number, line in enumerate(_text_of(path).splitlines(), 1):
        text = line.strip()
        if text.startswith("#"):
            _head(text, heads)
        elif text:
            said = ID_SAID.fullmatch(text)
            found.append(said[1] if said else text)
            exact.append(line)
            lines.append(number)
    if found and (first := PAIR.fullmatch(found[0])) and not ID.fullmatch(found[0]):
        matches = [PAIR.fullmatch(text) for text in found]
        for number, text, match in zip(lines, found, matches, strict=True):
            if match is None or first is None:
                raise UsageError(f"{path}, line {number}: {text!r} is not a pair of nodes")
        pairs = [[int(m[1]), int(m[2])] for m in matches if m]
        return _listing(np.array(pairs, np.int64), path, heads)
    return _listing(values_of(found, lines, path, exact), path, heads)


def values_of(
    texts: Sequence[str], lines: Sequence[int], path: Path, exact: Sequence[str]
) -> NDArray[Any]:
    """(n,) whole numbers, booleans or names (objects), all of one sort.

    Args:
        texts: What is written, without spaces around it.
        lines: Number of the line of each.
        path: The file, for messages.
        exact: With its spaces: names may begin or end with some.

    Raises:
        UsageError: Naming the first line of another sort than the first.
    """
    if not texts:
        return np.empty(0, np.int64)
    numbers = ID.fullmatch(texts[0]) is not None
    booleans = texts[0].lower() in BOOLEANS
    for number, text in zip(lines, texts, strict=True):
        where = f"{path}, line {number}: {text!r}"
        if booleans and text.lower() not in BOOLEANS:
            raise UsageError(f"{where} is neither true nor false, as the lines before it are")
        if numbers and not ID.fullmatch(text):
            raise UsageError(f"{where} is not an id; {WHOLE}")
        if not numbers and not booleans and (NUMBER.fullmatch(text) or CONTROL.search(text)):
            raise UsageError(f"{where} is neither an id nor the name of a file; {WHOLE}")
    if numbers:
        return np.array([int(text) for text in texts], np.int64)
    if booleans:
        return np.array([BOOLEANS[text.lower()] for text in texts])
    return np.array(exact, object)


def read_columns(path: Path) -> Columns:
    """Read a file of columns separated by commas, semicolons or tabs.

    The first row is a header where it has a known name, or text above a number or boolean. A cell
    may hold a line break, and a quote before what a spreadsheet would compute is taken off.

    Raises:
        UsageError: It cannot be read, or a row has more or fewer cells than the first.
    """
    heads: dict[str, str] = {}
    text = list(_uncommented(_text_of(path), heads))
    first = next((line for line in text if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    rows, lines = [], []
    reader = csv.reader(text, delimiter=delimiter)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append([cell_text(cell) for cell in row])
                lines.append(reader.line_num)
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num}: {error}") from error
    for number, row in zip(lines, rows, strict=True):
        if len(row) != len(rows[0]):
            raise UsageError(
                f"{path}, line {number} has {len(row)} cells, the first {len(rows[0])}"
            )
    stripped = [[cell.strip() for cell in row] for row in rows]
    if not rows or not _is_header(stripped):
        return Columns(None, stripped, lines, heads, rows)
    header = [name.lower() for name in stripped[0]]
    return Columns(header, stripped[1:], lines[1:], heads, rows[1:])


def _uncommented(text: str, heads: dict[str, str]) -> Iterator[str]:
    """Lines with their ends; commented ones empty, so that numbers of lines are right."""
    inside = False  # a quoted cell that goes on in the next line
    for line in io.StringIO(text, newline=""):
        if line.startswith("#") and not inside:
            _head(line.strip(), heads)
            yield "\n"
        else:
            inside ^= line.count('"') % 2 == 1
            yield line


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    def is_value(text: str) -> bool:
        return bool(NUMBER.fullmatch(text)) or text.lower() in BOOLEANS

    if any(map(is_value, rows[0])):
        return False
    names = {*IDS, *FILES, *(end for ends in ENDS for end in ends)}
    known = any(name.lower() in names for name in rows[0])
    return known or (len(rows) > 1 and any(map(is_value, rows[1])))


def _csv(path: Path) -> Listing:
    """One column of ids, booleans or names; or two of node numbers."""
    found = read_columns(path)

    def column(place: int) -> NDArray[Any]:
        texts, exact = ([row[place] for row in rows] for rows in (found.rows, found.exact))
        return values_of(texts, found.lines, path, exact)

    if found.header is None:
        width = len(found.rows[0]) if found.rows else 1
        if width == 1:
            return _listing(column(0), path, found.heads)
        return _listing(np.stack([column(k) for k in range(width)], axis=1), path, found.heads)
    place = id_column(found.header, path)
    if isinstance(place, int):
        return _listing(column(place), path, found.heads)
    return _listing({"pairs": np.stack([column(k) for k in place], axis=1)}, path, found.heads)


def id_column(header: Sequence[str], path: Path) -> int | tuple[int, int]:
    """Place of the column of ids or file names, or of two of node numbers.

    Raises:
        UsageError: It is not clear which; the message names the columns.

    Example:
        >>> id_column(["", "unlearn_idx"], Path("a.csv")), id_column(["u", "v"], Path("a.csv"))
        (1, (0, 1))
    """
    # pandas writes its own row numbers in front, under no name
    named = [k for k, name in enumerate(header) if name and name != "unnamed: 0"]
    if len(named) == 1:
        return named[0]
    for words in (IDS, FILES):
        known = [k for k in named if header[k] in words]
        if len(known) == 1:
            return known[0]
    for ends in ENDS:
        if len(named) == 2 and tuple(header[k] for k in named) == ends:
            return named[0], named[1]
    raise UsageError(
        f"{path} has the columns {', '.join(map(repr, header))}: call the one that counts id or "
        "file, or the two of node numbers source and target"
    )


def _json(path: Path) -> Any:
    try:
        return json.loads(_text_of(path))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}") from error


def _npy(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        start = file.read(6)
    if start[:1] == b"\x80":
        raise UsageError(pickled(path, ".npy"))
    if start != b"\x93NUMPY":
        raise UsageError(f"{path} is no array of numpy: np.save(FILE, ids) writes one")
    try:
        # Mapped: a head that promises more than the file holds costs no memory.
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False))
    except Exception as error:  # a damaged head raises whatever its parser does
        if "object" in str(error).lower():
            raise UsageError(pickled(path, ".npy")) from error
        raise UsageError(f"{path} cannot be read as an array: {_line(error)}") from error


def _pt(path: Path) -> Any:
    import pickle
    import warnings

    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch has to say of foreign files, we say
            if is_zipfile(path):  # torch packs nothing
                check_arrays(path)
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UsageError(pickled(path, ".pt")) from error
    except Exception as error:  # a damaged archive raises whatever its reader does
        raise UsageError(f"{path} cannot be read as a tensor: {_line(error)}") from error


def _line(error: BaseException) -> str:
    """An error in one short line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else f"{text[:160]}…"


def _listing(found: Any, path: Path, heads: Mapping[str, str] | None = None) -> Listing:
    """What was read, checked; a mapping has one entry that is a list, and may say kind and data."""
    heads, pairs = dict(heads or {}), False
    if isinstance(found, Mapping):
        said = {key: found[key] for key in ("kind", "data") if isinstance(found.get(key), str)}
        lists = {key: value for key, value in found.items() if key not in said}
        if len(lists) != 1:
            names = ", ".join(map(repr, list(lists)[:9])) or "nothing"
            raise UsageError(f"{path} holds {names}: one list of ids is due, such as {{'ids': …}}")
        heads |= said
        ((name, found),) = lists.items()
        pairs = name in ("pairs", "edge_index")
        found = _array(found, path)
        found = found.T if name == "edge_index" else found
        if pairs and (found.ndim != 2 or found.shape[1] != 2):
            raise UsageError(f"{path}: {name} has shape {found.shape}, not that of pairs of nodes")
    values = _array(found, path)
    return Listing(values, str(path), heads.get("kind"), heads.get("data"), pairs)


def _array(found: Any, path: Path) -> NDArray[Any]:
    """Whole numbers, booleans or names as an array of one or two dimensions.

    Raises:
        UsageError: They are something else.
    """
    if type(found).__module__.partition(".")[0] == "torch" and hasattr(found, "detach"):
        found = _of_tensor(found, path)
    if isinstance(found, list | tuple):
        found = _of_list(found, path)
    if not isinstance(found, np.ndarray):
        raise UsageError(f"{path} holds {type(found).__name__}, not a list of ids")
    if found.dtype.kind == "U":
        found = found.astype(object)
    if found.dtype.kind not in "biuO":
        raise UsageError(f"{path}: the ids are of type {found.dtype}; {WHOLE}")
    if found.ndim not in (1, 2) or (found.dtype.kind == "O" and found.ndim == 2):
        raise UsageError(f"{path}: shape {found.shape} is neither a list of ids nor pairs of nodes")
    if found.dtype.kind == "u" and found.size and found.max() > np.iinfo(np.int64).max:
        raise UsageError(f"{path}: {found.max()} is too large for an id")
    array: NDArray[Any] = found.astype(np.int64) if found.dtype.kind in "iu" else found
    return array


def _of_tensor(found: Any, path: Path) -> NDArray[Any]:
    if str(found.layout) != "torch.strided" or found.is_quantized or found.is_meta:
        raise UsageError(f"{path} holds a tensor that is not dense: torch.save(ids.to_dense(), …)")
    held = found.untyped_storage().nbytes()
    if found.numel() * found.element_size() > held:  # an expanded one may claim any size
        raise UsageError(f"{path} holds a tensor of {found.numel()} values in {held} bytes")
    if "float" in str(found.dtype) or "complex" in str(found.dtype):
        raise UsageError(f"{path}: the ids are of type {found.dtype}; save them as ids.long()")
    array: NDArray[Any] = found.detach().cpu().numpy()
    return array


def _of_list(found: Sequence[Any], path: Path) -> NDArray[Any]:
    """A list of whole numbers, booleans or text, or of lists of whole numbers."""
    if not found:
        return np.empty(0, np.int64)
    if all(isinstance(one, list | tuple) for one in found):
        rows = [_of_list(one, path) for one in found]
        shapes = {row.shape for row in rows}
        if len(shapes) > 1 or rows[0].ndim > 1:
            raise UsageError(f"{path}: lists in the list are pairs of nodes, of two numbers each")
        return np.stack(rows)
    for kind, dtype in ((bool, bool), (int, np.int64), (str, object)):
        if all(type(one) is kind for one in found):
            try:
                return np.array(found, dtype)
            except OverflowError:
                raise UsageError(f"{path}: {max(found, key=abs)} is too large for an id") from None
    first = found[0]
    odd = next((x for x in found if type(x) is not type(first)), first)
    shown = repr(odd if type(first) in (bool, int, str) else first)
    raise UsageError(f"{path}: {shown[:80]} is not an id; {WHOLE}")
