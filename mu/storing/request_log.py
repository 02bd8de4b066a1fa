"""What was asked and what was left of it: one line a served request, appended and never changed."""

import errno
import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

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
        self._end = 0  # bytes of the file that are read
        if path.is_file():
            with path.open("rb") as file:
                self._read(file)

    def _read(self, file: BinaryIO) -> None:
        """Take in what the file has beyond what is known of it."""
        file.seek(self._end)
        whole, newline, rest = file.read().rpartition(b"\n")
        for line in whole.splitlines():
            try:
                entry = json.loads(line)
                body = {k: v for k, v in entry.items() if k not in ("previous", "digest")}
                sound = entry["previous"] == self._last and entry["digest"] == self._sealed(body)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                sound = False
            if not sound:
                raise self._changed()
            self._append(body)
        if not b'{"'.startswith(rest[:2]):  # no line of this kind that a crash cut off
            raise self._changed()
        self._end += len(whole + newline)

    def _changed(self) -> UsageError:
        return UsageError(
            f"{self.path}, line {len(self.entries) + 1}, is not what was written there; move the "
            "file away to begin a new log"
        )

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

        The file is locked meanwhile: what others appended since it was read is taken in first.

        Raises:
            OSError: It cannot be written, and nothing of it is in the file.
            UsageError: What others did to the file is no appending.
        """
        if digest(body) in self._known:
            return False
        with self.path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if file.seek(0, os.SEEK_END) < self._end:
                raise UsageError(f"{self.path} was cut or moved away while it was in use")
            self._read(file)
            if digest(body) in self._known:
                return False
            file.truncate(self._end)  # a crash cut the last line off
            line = json.dumps(self._append(body), sort_keys=True).encode() + b"\n"
            try:
                if file.write(line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError:  # a full disk: the next entry is not to stand behind half a line
                self.entries.pop()
                self._known.discard(digest(body))
                with suppress(OSError):
                    os.truncate(self.path, self._end)
                raise
            self._end += len(line)
        return True
