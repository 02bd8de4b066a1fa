"""A request as a text file of ids that people can read, send and ask for again."""

import os
import re
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from mu.artifact import Artifact
from mu.errors import UsageError
from mu.evaluation.signals import Ids

ID = re.compile(r"-?[0-9]{1,18}")  # fits 64 bits


@dataclass(frozen=True)
class Request:
    """Elements to forget: a kind (``samples``, ``edges``, ``nodes``, ``features``) and ids."""

    kind: str
    ids: Ids

    def digest(self) -> str:
        """Content digest of kind and ids."""
        return blake2b(self.kind.encode() + self.ids.tobytes(), digest_size=16).hexdigest()


def write_ids(path: Path, request: Request, fingerprint: str) -> None:
    """Text file of one id a line under a head with kind and data fingerprint."""
    lines = [f"# kind: {request.kind}", f"# data: {fingerprint}", *map(str, request.ids.tolist())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_selection(selection: Artifact, fingerprint: str, path: Path) -> Path:
    """Write the elements of a stored selection where ``request: ids, path: …`` finds them again.

    The file appears whole or not at all; missing folders are made.

    Args:
        selection: What step ``select`` left: fact ``kind``, array ``elements``.
        fingerprint: Of the data it was selected from.
        path: File to write; an older one is replaced.

    Returns:
        ``path``.
    """
    request = Request(selection.facts["kind"], selection.arrays["elements"])
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    write_ids(unfinished, request, fingerprint)
    unfinished.replace(path)
    return path


def read_ids(path: Path, fingerprint: str | None = None) -> Request:
    """Read what `write_ids` wrote; the head may be missing (kind ``samples``, data unchecked).

    Raises:
        UsageError: No such file, a line that is no id, or another data set's fingerprint.
    """
    if not path.is_file():
        raise UsageError(f"there is no file of ids {path}")
    kind, ids = "samples", []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as text: {error}") from error
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith("# kind:"):
            kind = text.partition(":")[2].strip()
        elif text.startswith("# data:"):
            check_fingerprint(path, text.partition(":")[2].strip(), fingerprint)
        elif text and not text.startswith("#"):
            if not ID.fullmatch(text):
                raise UsageError(f"{path}, line {number}: {text!r} is not an id")
            ids.append(int(text))
    return Request(kind, np.asarray(ids, np.int64))


def check_fingerprint(path: Path, written_for: str, fingerprint: str | None) -> None:
    """Refuse ids that count the samples of other data, or of the same data split differently.

    Raises:
        UsageError: ``fingerprint`` is known and not the one the file was written for.
    """
    if fingerprint is not None and written_for != fingerprint:
        raise UsageError(
            f"{path} was written for other data (fingerprint {written_for}; these data have "
            f"{fingerprint}): choose the data, size and split it was made with, or, if the ids "
            f"mean the same samples, delete its line '# data: …'"
        )
