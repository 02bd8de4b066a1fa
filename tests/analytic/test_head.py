"""Learning and unlearning against the golden weights, and what must hold for any history."""

import numpy as np
import pytest
import torch
from analytic_case import GOLDEN, LOW_RANK, SOLVED, TASKS, error, golden_rows, learnt, ridge, rows
from analytic_case import task as golden_task
from hypothesis import given
from hypothesis import strategies as st

from mu.analytic.head import AnalyticHead

WAYS = {
    "measured": {},
    "solved": SOLVED,
    "low_rank": LOW_RANK,
    "immediate": LOW_RANK | {"rank": 0},
    "few_columns": LOW_RANK | {"rank": 3},
}
ways = pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)


def requests() -> list[tuple[str, torch.Tensor]]:
    return [
        (str(GOLDEN[f"forget{f}/kind"]), torch.tensor(GOLDEN[f"forget{f}/rows"])) for f in range(4)
    ]


@ways
def test_golden_weights_after_every_batch_and_every_request(options: dict) -> None:
    head = AnalyticHead(24, float(GOLDEN["gamma"]), **options)
    for number in TASKS:
        head.learn(*golden_task(number))
        assert error(head.weight, torch.tensor(GOLDEN[f"task{number}/weight_after"])) < 1e-11
    x, y = golden_rows()
    for number, (kind, ids) in enumerate(requests()):
        if kind == "class":
            head.unlearn_class(3, x[ids], y[ids])
        else:
            head.unlearn(x[ids], y[ids])
        assert error(head.weight, torch.tensor(GOLDEN[f"forget{number}/weight_after"])) < 1e-11
    assert not head.weight[:, 3].any()


@ways
def test_requests_may_be_merged_or_split(options: dict) -> None:
    x, y = golden_rows()
    merged, split = learnt(**options), learnt(**options)
    ids = torch.cat([rows for _, rows in requests()])
    merged.unlearn(x[ids], y[ids])
    for i in ids.flip(0):
        split.unlearn(x[i : i + 1], y[i : i + 1])
    wanted = torch.tensor(GOLDEN["forget3/weight_after"])
    assert error(merged.weight, wanted) < 1e-11 and error(split.weight, wanted) < 1e-11


def test_learning_again_restores_the_head() -> None:
    x, y = golden_rows()
    head = learnt(grid=14)
    before, weight = head.digest(), head.weight
    for _, ids in requests():
        head.unlearn(x[ids], y[ids])
    assert head.digest() != before
    for _, ids in requests():
        head.learn(x[ids], y[ids])
    assert head.digest() == before and torch.equal(head.weight, weight)


@ways
def test_unlearning_everything_leaves_what_learning_nothing_does(options: dict) -> None:
    x, y = golden_rows()
    head = learnt(grid=14, **options)
    for part in torch.randperm(len(x)).split(11):
        head.unlearn(x[part], y[part])
    assert head.digest() == AnalyticHead(24, 1.0).digest()
    assert not head.weight.any() and not head.counts.any()


@given(
    seed=st.integers(0, 2**16),
    gamma=st.sampled_from([1e-2, 1.0, 100.0]),
    rank=st.sampled_from([0, 2, 64]),
    crossover=st.sampled_from([0, 4, 10**9]),
    grid=st.sampled_from([None, 12, 16]),
)
def test_any_history_gives_the_head_of_what_remains(
    seed: int, gamma: float, rank: int, crossover: int, grid: int | None
) -> None:
    x, y = rows(60, 12, 4, seed)
    rng = np.random.default_rng(seed)
    options = {"limit": 8.0, "grid": grid}
    head = AnalyticHead(12, gamma, rank=rank, crossover=crossover, **options)
    there = np.zeros(60, dtype=int)
    for _ in range(12):
        size = int(rng.integers(1, 9))
        if rng.random() < 0.6:
            ids = rng.choice(60, size, replace=False)
            head.learn(x[ids], y[ids])
            there[ids] += 1
        else:
            ids = rng.permutation(np.flatnonzero(there))[:size]
            head.unlearn(x[ids], y[ids])
            there[ids] -= 1
    left = torch.from_numpy(np.repeat(np.arange(60), there))
    if not len(left):
        return
    anew = AnalyticHead(12, gamma, **options)
    anew.learn(x[left], y[left])
    # A corrected inverse loses digits where few rows and a small ridge make it large.
    tolerance = 1e-10 if crossover == 0 else 1e-7
    assert error(head.weight, anew.weight) < tolerance
    if grid is None:
        assert error(anew.weight, ridge(x[left], y[left], gamma, 4)) < 1e-9
    else:
        assert head.digest() == anew.digest()
        assert torch.equal(head.weight[:, : anew.weight.shape[1]], anew.weight)


def test_dropping_the_column_alone_is_not_unlearning() -> None:
    dropped = torch.tensor(GOLDEN["forget1/weight_after"]).clone()
    dropped[:, 3] = 0
    assert error(dropped, torch.tensor(GOLDEN["forget2/weight_after"])) > 0.2


def test_predictions_are_of_classes_that_have_rows() -> None:
    x, y = golden_rows()
    head = learnt()
    assert torch.equal(head.predict(x), (x @ head.weight).argmax(1))
    head.unlearn_class(3, x[y == 3], y[y == 3])
    assert 3 not in head.predict(x) and 3 not in head.predict(-x)


def test_the_grid_keeps_weights_near_and_sums_exact_or_refuses() -> None:
    x, y = golden_rows()
    for bits, bound in ((10, 1e-2), (14, 1e-3), (16, 3e-4)):
        assert error(learnt(grid=bits).weight, learnt().weight) < bound
    from mu.errors import UsageError

    head = AnalyticHead(24, 1.0, grid=24, limit=1e-3)
    with pytest.raises(UsageError, match="grid=24 is too fine"):
        head.learn(x, y)
    assert not head.counts.numel()


def test_one_class_all_zeros_and_repeated_rows() -> None:
    head = AnalyticHead(3, gamma=1.0, grid=14)
    head.learn(torch.zeros(2, 3), torch.tensor([0, 0]))
    assert not head.weight.any()
    x = torch.tensor([[1.0, 2.0, 0.5]]).repeat(3, 1)
    head.learn(x, torch.tensor([1, 1, 1]))
    assert head.counts.tolist() == [2, 3]
    for _ in range(3):
        head.unlearn(x[:1], torch.tensor([1]))
    assert not head.weight.any() and head.counts.tolist() == [2, 0]
