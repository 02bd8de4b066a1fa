"""A request as a text file of ids that people can read, send and ask for again."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from mu.artifact import Artifact
from mu.errors import UsageError
from mu.evaluation.signals import Ids


@dataclass(frozen=True)
class Request:
    """Elements to forget: a kind (``samples``, ``edges``, ``nodes``, ``features``) and ids."""

    kind: str
    ids: Ids

    def digest(self) -> str:
        """Content digest of kind and ids."""
        return blake2b(self.kind.encode() + self.ids.tobytes(), digest_size=16).hexdigest()


def write_ids(
    path: Path, request: Request, fingerprint: str, names: Sequence[str] | None = None
) -> None:
    """Text file of one id a line, with its name behind it, under kind and data fingerprint."""
    ids = list(map(str, request.ids.tolist()))
    if names is not None:
        # a name may hold anything, a line break too
        said = (" ".join(name.split()) for name in names)
        ids = [f"{one}  # {name}" for one, name in zip(ids, said, strict=True)]
    lines = [f"# kind: {request.kind}", f"# data: {fingerprint}", *ids]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="replace")


def write_selection(selection: Artifact, fingerprint: str, path: Path) -> Path:
    """Write the elements of a stored selection where ``request: ids, path: …`` finds them again.

    Missing folders are made.

    Args:
        selection: What step ``select`` left: facts ``kind`` and perhaps ``names``, array
            ``elements``.
        fingerprint: Of the data it was selected from.
        path: File to write; an older one is replaced.

    Returns:
        ``path``.
    """
    request = Request(selection.facts["kind"], selection.arrays["elements"])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_ids(path, request, fingerprint, selection.facts.get("names"))
    return path


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
