"""Golden numbers and small signals shared by the evaluation tests."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mu.evaluation.signals import Signals, Split

GOLDEN = Path(__file__).parents[1] / "golden"


def _load(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / name, allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="session")
def golden() -> dict[str, np.ndarray]:
    """Numbers of published evaluation code."""
    return _load("eval_official_small.npz")


@pytest.fixture(scope="session")
def golden_graph() -> dict[str, np.ndarray]:
    """Numbers of published graph unlearning code."""
    return _load("graph_official_small.npz")


@pytest.fixture
def split() -> Split:
    """Ids 0-9 forgotten, 10-19 before, 20-59 retained, 60-69 validation, 70-99 test."""
    return Split(
        np.arange(10), np.arange(10, 20), np.arange(20, 60), np.arange(60, 70), np.arange(70, 100)
    )


@pytest.fixture
def make() -> Callable[..., Signals]:
    """Build signals of 100 ids with three classes; every one of ids 0-9 is of class 2."""

    def build(seed: int = 0, columns: int = 3, strength: float = 1.0) -> Signals:
        generator = np.random.default_rng(seed)
        labels = np.arange(100) % max(columns, 2)
        labels[:10], labels[10:60] = max(columns, 2) - 1, np.arange(10, 60) % 2
        logits = generator.normal(size=(100, columns))
        if columns == 1:
            logits[:, 0] += strength * (2 * labels - 1)
        else:
            logits[np.arange(100), labels] += strength
        return Signals(np.arange(100), logits, labels)

    return build
