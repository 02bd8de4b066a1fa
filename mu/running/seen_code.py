"""What earlier runs saw in source files, kept in the store: their trees are not walked again."""

import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path

from mu.running import code
from mu.storing.store import Store
from mu.storing.whole_files import write_text

FILE = "code.json"


@contextmanager
def seen_code(store: Store) -> Iterator[None]:
    """Digests of code inside need no tree of a file whose content an earlier run has seen.

    A store that cannot be written is only read.
    """
    file, way = store.root / FILE, _way()
    with suppress(OSError, ValueError, TypeError, LookupError, AttributeError):
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["way"] == way:
            code.seen |= {key: (one, tuple(names)) for key, (one, names) in kept["seen"].items()}
    before = len(code.seen)
    try:
        yield
    finally:
        if len(code.seen) > before and not store.unwritable:
            with suppress(OSError):  # who has no room for it looks again
                write_text(file, json.dumps({"way": way, "seen": code.seen}))


def _way() -> str:
    """What decides how files are looked at: other versions of Python have other trees."""
    own = Path(code.__file__).read_bytes()
    return blake2b(platform.python_version().encode() + own, digest_size=16).hexdigest()
