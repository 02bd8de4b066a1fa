"""What is installed is known by its files, templates among them, in every process alike."""

import subprocess
import sys
from pathlib import Path

import pytest

from mu.running.installed import digest_of_mu


def test_every_process_finds_the_same() -> None:
    code = "from mu.running.installed import digest_of_mu; print(digest_of_mu())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest_of_mu()


def test_templates_and_modules_count(monkeypatch: pytest.MonkeyPatch) -> None:
    read_files: list[str] = []
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda p: read_files.append(p.name) or real(p))
    digest_of_mu.__wrapped__()
    assert {"page.html.j2", "style.css.j2", "canvas.py", "verdicts.py"} <= set(read_files)
