"""Digest of mu as it is installed here: other code may make other numbers, or other pages."""

from functools import cache
from hashlib import blake2b
from pathlib import Path


@cache
def digest_of_mu() -> str:
    """Of all its modules, and of the templates of pages."""
    top, found = Path(__file__).parents[1], blake2b(digest_size=16)
    for path in sorted([*top.rglob("*.py"), *top.rglob("*.j2")]):
        found.update(f"{path.relative_to(top)}\0".encode() + path.read_bytes())
    return found.hexdigest()
