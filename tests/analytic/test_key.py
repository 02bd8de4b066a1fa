"""The secret of the ledgers: made once, readable by its owner, never in the store."""

import pytest

from mu.analytic.key import ledger_key, process_key
from mu.errors import UsageError


def test_it_is_made_once_beside_the_store(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("MU_LEDGER_KEY", raising=False)
    monkeypatch.setenv("MU_STORE", str(tmp_path / "deep" / "store"))
    key = ledger_key()
    assert len(key) == 32 and ledger_key() == key
    (file,) = (tmp_path / "deep").iterdir()
    assert file.name == "store.key" and file.stat().st_mode & 0o777 == 0o600


def test_it_can_be_given(monkeypatch) -> None:
    monkeypatch.setenv("MU_LEDGER_KEY", "00ff" * 8)
    assert ledger_key() == bytes.fromhex("00ff" * 8)


@pytest.mark.parametrize("given", ["", "secret", "00ff", "0" * 130])
def test_a_key_that_is_none_is_named(given, monkeypatch) -> None:
    monkeypatch.setenv("MU_LEDGER_KEY", given)
    with pytest.raises(UsageError, match="MU_LEDGER_KEY must be 32 to 128 hexadecimal digits"):
        ledger_key()


def test_a_key_of_the_process_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("MU_LEDGER_KEY", raising=False)
    monkeypatch.setenv("MU_STORE", str(tmp_path / "store"))
    assert process_key() == process_key() and len(process_key()) == 32
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("MU_LEDGER_KEY", "00ff" * 8)
    assert process_key() == bytes.fromhex("00ff" * 8)
