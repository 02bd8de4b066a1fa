"""The command line called in this process, and one small run that many tests read."""

import contextlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from records import comparable

# `make test` draws the same examples in every run, `make fuzz` others. Seconds say nothing on a
# machine that others use, so nothing is judged by them.
settings.register_profile(
    "fixed",
    derandomize=True,
    max_examples=50,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "fuzz", settings.get_profile("fixed"), derandomize=False, max_examples=500
)
settings.load_profile("fixed")
# Hypothesis also draws numbers that stand in the modules imported so far: then what it draws would
# depend on which tests ran before, and change with every line of mu.
providers._get_local_constants = lambda: providers._local_constants

ROOT = Path(__file__).parents[1]
TINY = ("recipe.epochs=1", "seeds=1", "oracles=2")
INLINE = ("compute.workers=0", "compute.progress=false")
OWN = ("MU_CONFIGS", "MU_STORE", "MU_DATA_ROOT", "MU_DEBUG", "MU_TRUST")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """A worker a core, as far as there are 3 GB of memory for each."""
    from mu.running.machine import cores

    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(cores(), memory // (3 << 30)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Every test finds the same random state, whichever ran before it."""
    import torch

    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


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
        return comparable(self.results)

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
def tiny(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Outcome]:
    """A class of digits and edges of their graph forgotten by SSD, one epoch, one pair.

    Made by the first worker that asks. Nobody may add to its store: others would find it there.
    """
    top = tmp_path_factory.getbasetemp()
    folder = (top.parent if hasattr(pytestconfig, "workerinput") else top) / "tiny"
    words = ["experiment=quickstart", "requests=class,edges_5", "methods=ssd,utu", *TINY]
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "said.json").exists():
            made = call(["run", *words, *INLINE], folder / "store", folder / "out")
            assert made.code == 0, made.err
            (folder / "said.json").write_text(json.dumps([made.out, made.err]))
    out, err = json.loads((folder / "said.json").read_text())
    found = Outcome(0, out, err, folder / "out", folder / "store")
    before = sorted(found.store.glob("*/*/manifest.json"))
    yield found
    after = sorted(found.store.glob("*/*/manifest.json"))
    assert after == before, "a test wrote to tiny.store: let it take tiny_store"


@pytest.fixture
def tiny_store(tiny: Outcome, tmp_path: Path) -> Path:
    """A store of the test's own with what `tiny` made: links, as no store changes a file."""
    target = tmp_path / "store of tiny"
    ignored = shutil.ignore_patterns("locks", "tmp")
    return shutil.copytree(tiny.store, target, ignore=ignored, copy_function=os.link)


@pytest.fixture(scope="session")
def tiny_words() -> list[str]:
    """The words of `tiny` but for the block of links."""
    return ["experiment=quickstart", "requests=class", "methods=ssd", *TINY, *INLINE]


@pytest.fixture(scope="session")
def call_mu() -> Callable[..., Outcome]:
    """`call`, for fixtures that outlive a test."""
    return call


@pytest.fixture
def mu(tiny_store: Path, tmp_path: Path) -> Callable[..., Outcome]:
    """Call ``mu`` on `tiny_store`, or on the store given."""

    def run(
        *words: str, store: Path | None = None, out: Path | None = None, **environment: Any
    ) -> Outcome:
        return call(list(words), store or tiny_store, out or tmp_path / "out", **environment)

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
