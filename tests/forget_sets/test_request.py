"""Requests: what is refused, what a request does to the data, and files of ids."""

import numpy as np
import pytest
import torch
from forget_sets.problems import links, nodes, table
from hypothesis import given
from hypothesis import strategies as st

from mu.errors import UsageError
from mu.forget_sets.budget import budget
from mu.forget_sets.by_class import ClassSet
from mu.forget_sets.files import Request
from mu.forget_sets.ids import IdSet
from mu.forget_sets.random import RandomSet
from mu.forget_sets.request import check, split, takes_whole_classes
from mu.forget_sets.select import select
from mu.forget_sets.select import step as select_step

DATA = {"table": table(), "nodes": nodes(), "links": links()}
KINDS = [(name, kind) for name, data in DATA.items() for kind in sorted(data.kinds)]


@pytest.mark.parametrize(
    ("ids", "kind", "named"),
    [
        ([], "samples", "no samples"),
        ([1, 3, 1], "samples", "id 1 is named twice"),
        ([1, 2], "samples", "id 2 "),
        ([-1], "samples", "id -1 "),
        ([1, 900], "samples", "id 900 "),
        ([1], "edges", "'edges'"),
        ([5, 7], "samples", "id 7 .* earlier"),
        (list(range(1, 60, 2)), "samples", "id 7|all 30"),
    ],
)
def test_a_wrong_request_is_named(ids, kind, named):
    before = {"samples": np.array([7])}
    with pytest.raises(UsageError, match=named):
        check(Request(kind, np.array(ids, dtype=np.int64)), DATA["table"], before)


def test_everything_cannot_be_forgotten():
    data = DATA["table"]
    train = data.parts["train"]
    with pytest.raises(UsageError, match="all 30"):
        check(Request("samples", train), data, {})
    with pytest.raises(UsageError, match="no sample to retain"):
        split(data, Request("samples", train[1:]), {"samples": train[:1]})


def test_only_what_was_trained_on_can_be_forgotten():
    data = DATA["nodes"]
    for kind, number, said in (("features", 25, "it is in the test part"), ("nodes", 30, "")):
        with pytest.raises(UsageError, match=f"id {number} is not one of the 20 trained.*{said}"):
            check(Request(kind, np.array([number])), data, {})


def test_ids_come_back_sorted():
    assert check(Request("samples", np.array([9, 1, 5])), DATA["table"], {}).ids.tolist() == [
        1,
        5,
        9,
    ]


@pytest.mark.parametrize("kind", ["nodes", "edges", "samples"])
def test_a_mask_of_the_elements_names_them(kind):
    data = DATA["table" if kind == "samples" else "nodes"]
    ids = data.elements(kind)[[2, 5]]
    size = len(data.x) if kind == "samples" else data.sizes[kind]
    mask = np.zeros(size, bool)
    mask[ids] = True
    for form in (mask, torch.from_numpy(mask), mask.tolist()):
        assert check(Request(kind, form), data, {}).ids.tolist() == ids.tolist()
    with pytest.raises(UsageError, match=rf"booleans of shape .*shape \({size},\)"):
        check(Request(kind, mask[:-1]), data, {})


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (np.array([1.5, 3.0]), "type float64; ids are whole numbers"),
        (["1"], "ids are whole numbers"),
        (np.array([[1, 3, 5]]), r"shape \(1, 3\), not \(n,\); pairs of nodes have shape \(n, 2\)"),
        (np.array([[1, 3], [3, 4]]), r"shape \(2, 2\), which may be rows or columns"),
        (np.array([[1], [3]]), r"shape \(2, 1\), which may be"),
        (np.array([[1, 99]]), "node 99 is not there"),
        (np.ones((4, 2), bool), r"booleans of shape \(4, 2\)"),
        (3, r"shape \(\), not \(n,\)"),
    ],
)
def test_what_is_no_list_of_ids_is_refused(ids, said):
    with pytest.raises(UsageError, match=said):
        check(Request("edges", ids), DATA["links"], {})


def test_ids_may_be_a_list_or_a_tensor_of_any_width():
    for ids in ([5, 3], torch.tensor([5, 3], dtype=torch.int32), np.array([5, 3], np.uint8)):
        assert check(Request("edges", ids), DATA["links"], {}).ids.tolist() == [3, 5]


@given(choice=st.sampled_from(KINDS), draw=st.data())
def test_the_parts_of_a_sequence_are_a_partition(choice, draw):
    """After every request: forget, before and retain are disjoint and make up the training ids."""
    name, _ = choice
    data = DATA[name]
    train = set(data.parts["train"].tolist())
    before: dict[str, np.ndarray] = {}
    forgotten: set[int] = set()
    for _ in range(draw.draw(st.integers(1, 3))):
        kind = draw.draw(st.sampled_from(sorted(data.kinds)))
        known = before.get(kind, np.empty(0, np.int64))
        pool = np.setdiff1d(data.elements(kind), known).tolist()
        ids = draw.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=4, unique=True))
        request = check(Request(kind, np.array(ids)), data, before)
        try:
            parts = split(data, request, before)
        except UsageError as error:
            # Elements that no trained sample stands for: nothing could be measured.
            assert "no trained sample" in str(error)  # noqa: PT017
            return
        forget, earlier, retain = (
            set(part.tolist()) for part in (parts.forget, parts.before, parts.retain)
        )
        assert forget
        assert not (forget & earlier or forget & retain or earlier & retain)
        assert forget | earlier | retain == train
        assert earlier == forgotten - forget
        assert retain <= set(parts.kept.ids.tolist())
        forgotten |= forget
        before = before | {kind: np.union1d(known, request.ids)}


@given(ids=st.sets(st.sampled_from(list(range(1, 60, 2))), min_size=1, max_size=29))
def test_samples_are_taken_out_and_nothing_else(ids):
    data = DATA["table"]
    parts = split(data, check(Request("samples", np.array(sorted(ids))), data, {}), {})
    assert set(parts.forget.tolist()) == ids
    assert parts.kept.ids.tolist() == parts.retain.tolist()
    assert parts.kept.view.removed == {}


def test_features_keep_every_id_and_change_the_view():
    data = DATA["nodes"]
    parts = split(data, Request("features", np.array([2, 5])), {})
    assert parts.kept.ids.tolist() == data.parts["train"].tolist()
    assert parts.kept.view.removed == {"features": (2, 5)}
    assert parts.forget.tolist() == [2, 5]
    assert not set(parts.retain.tolist()) & {2, 5}


def test_a_node_takes_its_edges_along():
    data = DATA["links"]
    node = int(data.edges[0, 0])
    parts = split(data, Request("nodes", np.array([node])), {})
    incident = np.flatnonzero((data.edges == node).any(axis=1))
    assert parts.forget.tolist() == incident.tolist()
    assert parts.kept.view.removed == {"edges": tuple(incident.tolist())}
    assert not np.isin(data.pairs[parts.retain], node).any()


def test_elements_that_no_trained_sample_stands_for_are_refused():
    data = DATA["nodes"]
    outside = np.flatnonzero((data.edges >= 20).all(axis=1))[:1]
    assert len(outside)
    with pytest.raises(UsageError, match="no trained sample"):
        split(data, Request("edges", outside), {})


def test_equal_sets_have_equal_digests_however_chosen():
    data = DATA["table"]
    chosen = select(ClassSet(3), data, {}, seed=4)
    named = select(IdSet(chosen.ids[::-1].tolist()), data, {}, seed=9)
    assert chosen.digest() == named.digest()
    assert split(data, chosen, {}).kept.digest() == split(data, named, {}).kept.digest()
    other = select(IdSet(chosen.ids[1:].tolist()), data, {}, seed=9)
    assert chosen.digest() != other.digest()
    assert Request("edges", chosen.ids).digest() != Request("nodes", chosen.ids).digest()


# Selectors.


def test_a_random_draw_is_of_what_is_left_and_follows_the_seed():
    data, gone = DATA["table"], {"samples": np.arange(1, 40, 2)}
    first = select(RandomSet(count=5), data, gone, seed=1)
    assert select(RandomSet(count=5), data, gone, seed=1).ids.tolist() == first.ids.tolist()
    assert select(RandomSet(count=5), data, gone, seed=2).ids.tolist() != first.ids.tolist()
    assert set(first.ids.tolist()) <= set(range(41, 60, 2))


def test_a_share_is_a_share_of_what_is_kept():
    data, gone = DATA["table"], {"samples": np.arange(1, 40, 2)}
    assert len(select(RandomSet(share=0.5), data, {}, seed=0).ids) == 15
    assert len(select(RandomSet(share=0.5), data, gone, seed=0).ids) == 5


def test_a_class_is_all_of_it_that_is_left():
    found = select(ClassSet(1), DATA["table"], {"samples": np.array([11])}, seed=0)
    assert found.ids.tolist() == [1, 21, 31, 41, 51]


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: ClassSet(9), "class 9; classes are 0 to 4"),
        (lambda: ClassSet("cat"), "class cat"),
        (lambda: ClassSet(1, kind="edges"), "edges"),
        (lambda: RandomSet(), "share or a count"),
        (lambda: RandomSet(share=0.1, count=2), "share or a count"),
        (lambda: RandomSet(share=1.5), "share=1.5"),
        (lambda: RandomSet(share=0.0), "share=0.0"),
        (lambda: RandomSet(share=-0.1), "share=-0.1"),
        (lambda: RandomSet(share="abc"), "share='abc'"),
        (lambda: RandomSet(share=True), "share=True"),
        (lambda: RandomSet(count=0), "count=0"),
        (lambda: RandomSet(count=30), "count=30"),
        (lambda: RandomSet(count=2.5), "count=2.5"),
        (lambda: RandomSet(count="two"), "count='two'"),
        (lambda: IdSet(), "ids, a path or pairs"),
        (lambda: IdSet([1], "file"), "ids, a path or pairs"),
        (lambda: IdSet([]), "no samples"),
        (lambda: IdSet([1.5]), "1.5"),
        (lambda: IdSet([True]), "True"),
        (lambda: IdSet(["x"]), "'x'"),
        (lambda: IdSet(5), "5"),
        (lambda: IdSet(path="/no/such/file"), "/no/such/file"),
    ],
)
def test_a_selector_that_cannot_select_says_why(make, named):
    with pytest.raises(UsageError, match=named):
        select(make(), DATA["table"], {}, seed=0)


@given(share=st.floats(0.001, 0.999), available=st.integers(2, 1000))
def test_a_budget_leaves_something(share, available):
    try:
        wanted = budget(share, None, available)
    except UsageError:
        assert round(share * available) >= available
    else:
        assert 1 <= wanted < available
        assert wanted == max(1, round(share * available))


def test_a_request_says_whether_it_takes_whole_classes():
    data = {"_target_": "mu.data.images.Digits"}
    nothing = {"removed": [], "signals": [], "holdouts": []}

    def taken(request, earlier=None, data=data):
        inputs = nothing | ({"removed": [earlier]} if earlier else {})
        return select_step({"data": data, "request": request, "seed": 0}, inputs, None)

    three = {"_target_": "mu.forget_sets.by_class.ClassSet", "label": 3}
    part = {"_target_": "mu.forget_sets.random.RandomSet", "share": 0.1}
    whole, some = taken(three), taken(part)
    assert (whole.facts["whole_classes"], some.facts["whole_classes"]) == (True, False)
    assert taken(three, some).facts["whole_classes"], "what is left of the class"
    ids = np.append(whole.arrays["elements"], whole.arrays["retain"][0]).tolist()
    both = {"_target_": "mu.forget_sets.ids.IdSet", "ids": ids}
    assert not taken(both).facts["whole_classes"], "another class stays in part"
    edges = {"_target_": "mu.forget_sets.random.RandomSet", "kind": "edges", "share": 0.1}
    links = {"_target_": "mu.data.digits_graph.DigitsLinks"}
    assert not taken(edges, data=links).facts["whole_classes"]


def test_no_class_is_taken_from_a_regression():
    assert not takes_whole_classes(np.array([0.5]), np.array([0.2]))
    assert not takes_whole_classes(np.array([[1, 0]]), np.array([[0, 1]]))
