"""A request that is cut off leaves the old head or the new one, never a mixture."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from analytic_case import LOW_RANK, SOLVED, error, golden_rows, learnt

from mu.analytic import head as head_module
from mu.analytic import inverse as inverse_module
from mu.analytic import statistics as statistics_module
from mu.analytic.head import AnalyticHead

X, Y = golden_rows()
PLACES = [
    (statistics_module, "dsyrk"),
    (statistics_module, "widened"),
    (inverse_module, "dsyrk"),
    (inverse_module, "dsymm"),
    (inverse_module, "dtrsm"),
    (inverse_module, "dpotrf"),
    (inverse_module, "dpotri"),
    (inverse_module, "dpotrs"),
    (head_module, "correction"),
    (head_module, "replace"),
]


class Cut(BaseException):
    """As Ctrl-C is: nothing may catch it."""


def cutting(real: Callable[..., Any], number: int, after: bool) -> Callable[..., Any]:
    """The function, cut off before or after its n-th call has done its work."""
    calls = 0

    def cut(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number and not after:
            raise Cut
        found = real(*args, **kwargs)
        if calls == number:
            raise Cut
        return found

    return cut


def seen(head: AnalyticHead) -> tuple[str, torch.Tensor]:
    """Digest and weights of a copy, so that looking settles nothing."""
    copy = deepcopy(head)
    return copy.digest(), copy.weight


@pytest.mark.parametrize("place", PLACES, ids=lambda p: f"{p[0].__name__.split('.')[-1]}.{p[1]}")
@pytest.mark.parametrize(
    "options",
    [SOLVED, LOW_RANK, LOW_RANK | {"rank": 0}, LOW_RANK | {"rank": 8}],
    ids=["solved", "low_rank", "immediate", "folding"],
)
@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
def test_a_cut_at_any_place(place, options: dict, after: bool, monkeypatch) -> None:
    module, name = place
    real = getattr(module, name)
    new = learnt(grid=14, **options)
    new.unlearn(X[:12], Y[:12])
    for number in range(1, 30):
        monkeypatch.setattr(module, name, real)
        head = learnt(grid=14, **options)
        head.unlearn(X[:6], Y[:6])
        old, counts = seen(head), head.counts
        monkeypatch.setattr(module, name, cutting(real, number, after))
        try:
            head.unlearn(X[6:12], Y[6:12])
        except Cut:
            monkeypatch.setattr(module, name, real)
        else:
            return  # it is not called as often: every call was cut once
        unchanged = torch.equal(head.counts, counts)
        assert error(head.weight, old[1] if unchanged else new.weight) < 1e-11
        assert seen(head)[0] == (old[0] if unchanged else seen(new)[0])
        if unchanged:
            head.unlearn(X[6:12], Y[6:12])
        assert error(head.weight, new.weight) < 1e-11
        assert head.digest() == seen(new)[0]
    pytest.fail(f"{name} is called more than 29 times in a request of six rows")
