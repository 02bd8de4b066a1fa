"""Which rows a head has learnt, known by keyed hashes: linear algebra alone cannot tell."""

import hmac
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mu.analytic.statistics import Labels, Matrix
from mu.errors import UsageError

SIZE = 16  # bytes of a hash


class Ledger:
    """A multiset of (feature row, label), each known by a keyed hash.

    A row that was never learnt changes the head as smoothly as one that was, and a right row with a
    wrong label does not show in the Gram matrix at all; only a record of what was learnt can refuse
    them. Hashes are keyed, since without a key whoever has a candidate row could look it up; keep
    the key apart from the ledger.

    Args:
        key: Secret of up to 64 bytes; a fresh one where None.
        counts: Hash → how often it was learnt.
    """

    def __init__(
        self, key: bytes | None = None, counts: Mapping[bytes, int] = MappingProxyType({})
    ) -> None:
        self.key = secrets.token_bytes(32) if key is None else key
        self.counts: Counter[bytes] = Counter(counts)

    def __len__(self) -> int:
        return self.counts.total()

    def hashes(self, features: Matrix, labels: Labels) -> list[bytes]:
        """One for each row, of all its bits and its label."""
        found = []
        for row, label in zip(features, labels, strict=True):
            one = blake2b(row.tobytes(), digest_size=SIZE, key=self.key)
            one.update(int(label).to_bytes(8, "little"))
            found.append(one.digest())
        return found

    def check(self, hashes: Sequence[bytes], pending: Mapping[bytes, int]) -> None:
        """Refuse rows that are not there to be removed.

        Args:
            hashes: Of the rows of a request.
            pending: Changes that are not in the ledger yet.

        Raises:
            UsageError: Naming the first such row, and what may be the reason.
        """
        asked: Counter[bytes] = Counter()
        for place, one in enumerate(hashes):
            asked[one] += 1
            there = self.counts[one] + pending.get(one, 0)
            if asked[one] > there:
                what = "is given more often than it was learnt" if there else "is not in the ledger"
                raise UsageError(
                    f"row {place} of the request {what}: it was never learnt, was removed before, "
                    "has another label, or its features are not those it was learnt with; nothing "
                    "was changed"
                )

    def changed(self, pending: Mapping[bytes, int]) -> "Ledger":
        """The ledger after changes; entries that reach nought are gone."""
        found = Ledger(self.key)
        found.counts = self.counts.copy()
        found.counts.update(pending)
        for one in pending:
            if not found.counts[one]:
                del found.counts[one]
        return found

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Hashes (n, 16) in their own order, which says nothing of when they came; and counts."""
        ordered = sorted(self.counts)
        hashes = np.frombuffer(b"".join(ordered), dtype=np.uint8).reshape(-1, SIZE)
        counts = np.array([self.counts[one] for one in ordered], dtype=np.int64)
        return {"hashes": hashes.copy(), "counts": counts}

    @classmethod
    def read(cls, key: bytes, hashes: Iterable[NDArray[np.uint8]], counts: Labels) -> "Ledger":
        """From what `arrays` gave."""
        names = [np.ascontiguousarray(one).tobytes() for one in hashes]
        return cls(key, dict(zip(names, counts.tolist(), strict=True)))

    def seal(self) -> bytes:
        """What only the key can make of the ledger: tells a wrong key from the right one."""
        return hmac.digest(self.key, b"ledger", "sha256")
