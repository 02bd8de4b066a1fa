"""The ledger: a multiset that knows rows only with its key."""

import numpy as np
import pytest
import torch
from analytic_case import golden_rows, learnt

from mu.analytic.head import AnalyticHead
from mu.analytic.ledger import Ledger
from mu.errors import UsageError

X = np.arange(6.0).reshape(3, 2)
Y = np.array([0, 1, 1])


def test_rows_labels_and_keys_tell_hashes_apart() -> None:
    ledger = Ledger(b"a")
    found = {*ledger.hashes(X, Y), *ledger.hashes(X, 1 - Y), *Ledger(b"b").hashes(X, Y)}
    assert len(found) == 9
    assert ledger.hashes(X, Y) == Ledger(b"a").hashes(X.copy(), Y)


def test_entries_are_counted_and_gone_when_none_is_left() -> None:
    ledger = Ledger(b"a")
    one, two, _ = ledger.hashes(X, Y)
    ledger = ledger.changed({one: 2, two: 1})
    assert len(ledger) == 3
    ledger.check([one, one, two], {})
    with pytest.raises(UsageError, match="row 1 of the request is given more often"):
        ledger.check([two, two], {})
    with pytest.raises(UsageError, match="row 0"):
        ledger.check([two], {two: -1})
    assert set(ledger.changed({two: -1}).counts) == {one}
    assert set(ledger.counts) == {one, two}


def test_a_head_is_kept_without_its_key_and_read_with_it() -> None:
    x, y = golden_rows()
    head = learnt(grid=14, key=b"secret")
    head.unlearn(x[:3], y[:3])
    about, tensors = head.state()
    assert b"secret" not in repr((about, tensors)).encode()
    again = AnalyticHead.of_state(about, tensors, b"secret")
    assert again.digest() == head.digest() and torch.equal(again.weight, head.weight)
    with pytest.raises(UsageError, match="not in the ledger"):
        again.unlearn(x[:1], y[:1])
    again.unlearn(x[3:5], y[3:5])
    head.unlearn(x[3:5], y[3:5])
    assert again.digest() == head.digest()
    with pytest.raises(UsageError, match="the key is not the one"):
        AnalyticHead.of_state(about, tensors, b"another")


def test_hashes_are_kept_in_an_order_that_tells_nothing() -> None:
    x, y = golden_rows()
    order = torch.randperm(len(x))
    one = AnalyticHead(24, 1.0, 14, limit=8.0, key=b"k")
    two = AnalyticHead(24, 1.0, 14, limit=8.0, key=b"k")
    one.learn(x, y)
    two.learn(x[order], y[order])
    for name, tensor in one.state()[1].items():
        assert torch.equal(tensor, two.state()[1][name]), name
