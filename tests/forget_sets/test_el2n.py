"""Sets by the length of the error."""

import numpy as np
from forget_sets.problems import links, model, table

from mu.forget_sets.el2n import EL2NSet
from mu.forget_sets.select import select

DATA = table()


def test_the_error_of_two_classes_is_root_two_times_the_missing_probability():
    seen = model(DATA, {3: 0.2, 5: 2.0})
    found = EL2NSet().values(seen, np.array([3, 5]))
    np.testing.assert_allclose(found, np.sqrt(2) * (1 - np.exp([-0.2, -2.0])), atol=1e-9)


def test_the_longest_and_the_shortest_error():
    seen = model(DATA, {3: 0.2, 5: 2.0})
    assert select(EL2NSet("highest", count=1), DATA, {}, 0, [seen]).ids.tolist() == [5]
    assert select(EL2NSet("lowest", count=1), DATA, {}, 0, [seen]).ids.tolist() == [3]


def test_edges_are_two_classes():
    data = links()
    seen = model(data, {4: 6.0})
    chosen = EL2NSet("highest", count=1, kind="edges")
    assert select(chosen, data, {}, 0, [seen]).ids.tolist() == [4]
