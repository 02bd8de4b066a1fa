"""The secret of the ledgers on this machine, which lies apart from what it protects."""

import os
import secrets
from functools import cache
from pathlib import Path

from mu.errors import UsageError


def ledger_key() -> bytes:
    """The key in ``MU_LEDGER_KEY`` (hexadecimal), or that of a file beside the store, ``.mu.key``.

    The file is made at first use and can be read by its owner alone. It is in no artifact and in
    no export: without it a stored head can answer, but not unlearn.

    Raises:
        UsageError: ``MU_LEDGER_KEY`` is not hexadecimal of 16 to 64 bytes.
    """
    given = given_key()
    if given is not None:
        return given
    store = Path(os.environ.get("MU_STORE") or ".mu").absolute()
    path = store.with_name(f"{store.name}.key")
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        _create(path)
    return path.read_bytes()


@cache
def _own() -> bytes:
    return secrets.token_bytes(32)


def process_key() -> bytes:
    """The key in ``MU_LEDGER_KEY``, or one that lives as long as the process: nothing is written.

    Raises:
        UsageError: See `given_key`.
    """
    return given_key() or _own()


def given_key() -> bytes | None:
    """The key in ``MU_LEDGER_KEY``; None where it is not set.

    Raises:
        UsageError: It is not hexadecimal of 16 to 64 bytes.
    """
    given = os.environ.get("MU_LEDGER_KEY")
    if given is None:
        return None
    try:
        key = bytes.fromhex(given)
    except ValueError:
        key = b""
    if not 16 <= len(key) <= 64:
        raise UsageError("MU_LEDGER_KEY must be 32 to 128 hexadecimal digits")
    return key


def _create(path: Path) -> None:
    """Write a fresh key, unless somebody else was faster."""
    mine = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(mine, path)  # fails where the file is there, and then theirs counts
    except FileExistsError:
        pass
    finally:
        mine.unlink()
