"""What was asked and what was left of it: one line a served request, appended and never changed."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from mu.artifact import digest
from mu.errors import UsageError

NAME = "requests.jsonl"


class RequestLog:
    """A file of JSON lines, each with the digest of the one before it.

    A line holds the request (kind and number of its elements, digest of their ids, fingerprint of
    the data), the method with its options, and the model before and after by store key and digest
    of its weights. A run that is taken up again appends only what is new; a last line that a crash
    cut off is dropped. Ids themselves are in the files of ``forget_sets``.

    Args:
        path: Of the file; made at the first entry.

    Raises:
        UsageError: A line is not the one that was written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / NAME
        >>> log = RequestLog(path)
        >>> log.add({"method": "ssd"}), log.add({"method": "ssd"})
        (True, False)
        >>> len(RequestLog(path).entries)
        1
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[dict[str, Any]] = []
        self._known: set[str] = set()
        self._read()

    def _read(self) -> None:
        text = self.path.read_bytes() if self.path.is_file() else b""
        whole, _, rest = text.rpartition(b"\n")
        if rest:  # a crash cut the last line off
            with self.path.open("r+b") as file:
                file.truncate(len(text) - len(rest))
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                entry = json.loads(line)
                body = {k: v for k, v in entry.items() if k not in ("previous", "digest")}
                sound = entry["previous"] == self._last and entry["digest"] == self._sealed(body)
            except (ValueError, KeyError, TypeError, AttributeError):
                sound = False
            if not sound:
                raise UsageError(
                    f"{self.path}, line {number}, is not what was written there; move the file "
                    "away to begin a new log"
                )
            self._append(body)

    @property
    def _last(self) -> str | None:
        return self.entries[-1]["digest"] if self.entries else None

    def _sealed(self, body: dict[str, Any]) -> str:
        return digest([self._last, body])

    def _append(self, body: dict[str, Any]) -> dict[str, Any]:
        entry = body | {"previous": self._last, "digest": self._sealed(body)}
        self.entries.append(entry)
        self._known.add(digest(body))
        return entry

    def add(self, body: dict[str, Any]) -> bool:
        """Append an entry; False where the same is there already.

        Raises:
            OSError: It cannot be written, and nothing of it is in the file.
        """
        if digest(body) in self._known:
            return False
        entry = self._append(body)
        size = self.path.stat().st_size if self.path.is_file() else 0
        try:
            with self.path.open("ab") as file:
                file.write(json.dumps(entry, sort_keys=True).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError:  # a full disk: the next entry is not to stand behind half a line
            self.entries.pop()
            self._known.discard(digest(body))
            with suppress(OSError):
                os.truncate(self.path, size)
            raise
        return True
