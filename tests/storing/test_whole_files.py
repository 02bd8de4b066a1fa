"""A file appears whole or not at all."""

import errno
from pathlib import Path

import pytest

from mu.storing import whole_files


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "table.md"
    whole_files.write_text(target, "old")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(whole_files.os, "replace", fail)
    with pytest.raises(OSError, match=r"disk full.*table"):
        whole_files.write_text(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
