"""The command line called in this process, and one small run that many tests read."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
TINY = ("recipe.epochs=1", "seeds=1", "oracles=2")
INLINE = ("compute.workers=0", "compute.progress=false")
OWN = ("MU_CONFIGS", "MU_STORE", "MU_DATA_ROOT", "MU_DEBUG")


@dataclass(frozen=True)
class Outcome:
    """What one call of the command line left."""

    code: int
    out: str
    err: str
    folder: Path
    store: Path

    @property
    def results(self) -> dict[str, Any]:
        return json.loads((self.folder / "results.json").read_text())

    @property
    def cards(self) -> list[dict[str, Any]]:
        return self.results["cards"]

    def card(self, method: str, **facts: Any) -> dict[str, Any]:
        """The only card of a method with these facts."""
        found = [
            card
            for card in self.cards
            if card["method"] == method and all(card[k] == v for k, v in facts.items())
        ]
        assert len(found) == 1, f"{len(found)} cards of {method} with {facts}"
        return found[0]

    @property
    def values(self) -> dict[str, Any]:
        """Everything in results.json that two runs of the same cells must agree on."""
        found = self.results
        loose = ("versions", "device", "command")
        cards = [
            {k: v for k, v in card.items() if k not in loose}
            | {"values": {k: v for k, v in card["values"].items() if not k.startswith("cost/")}}
            for card in found["cards"]
        ]
        rows = [row for row in found["rows"] if not row["metric"].startswith("cost/")]
        return {"cards": cards, "rows": rows, "verdicts": found["verdicts"]}

    @property
    def steps(self) -> tuple[int, int]:
        """Number of steps run and of steps found in the store."""
        found = re.search(r"(\d+) steps run, (\d+) found", self.out)
        assert found, self.out
        return int(found[1]), int(found[2])


def call(words: list[str], store: Path, out: Path, **environment: Any) -> Outcome:
    """``mu`` in this process, in an environment of its own."""
    from mu.__main__ import main

    words = [*words, f"out={out}"] if words and words[0] in ("run", "tune") else words
    said, complained = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name in OWN:
            patch.delenv(name, raising=False)
        for name, value in {"MU_STORE": store, **environment}.items():
            patch.setenv(name, str(value))
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            code = main(words)
    return Outcome(code, said.getvalue(), complained.getvalue(), out, store)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A class of digits and edges of their graph forgotten by SSD, one epoch, one pair."""
    folder = tmp_path_factory.mktemp("tiny")
    words = ["experiment=quickstart", "requests=class,edges_5", "methods=ssd,utu", *TINY]
    found = call(["run", *words, *INLINE], folder / "store", folder / "out")
    assert found.code == 0, found.err
    return found


@pytest.fixture(scope="session")
def tiny_words() -> list[str]:
    """The words of `tiny` but for the block of links."""
    return ["experiment=quickstart", "requests=class", "methods=ssd", *TINY, *INLINE]


@pytest.fixture(scope="session")
def call_mu() -> Callable[..., Outcome]:
    """`call`, for fixtures that outlive a test."""
    return call


@pytest.fixture
def mu(tiny: Outcome, tmp_path: Path) -> Callable[..., Outcome]:
    """Call ``mu`` on the store of `tiny`, or on the one given."""

    def run(
        *words: str, store: Path | None = None, out: Path | None = None, **environment: Any
    ) -> Outcome:
        return call(list(words), store or tiny.store, out or tmp_path / "out", **environment)

    return run


@pytest.fixture
def start(tmp_path: Path) -> Any:
    """Start a Python process that finds mu and the modules in ``tmp_path``; ended afterwards."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **environment: Any) -> subprocess.Popen[str]:
        clean = {k: v for k, v in os.environ.items() if k not in OWN}
        clean |= {k: str(v) for k, v in environment.items()}
        clean["PYTHONPATH"] = os.pathsep.join([str(tmp_path), str(ROOT)])
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=clean,
            cwd=tmp_path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Tests that run in the background have SIGINT ignored, and a child would inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
