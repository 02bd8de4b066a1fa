"""Requests from files: what each format names, and damaged files that are refused in one line."""

import json
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from forget_sets.problems import links, nodes, table

from mu.data.base import Data
from mu.errors import UsageError
from mu.forget_sets.files import Request
from mu.forget_sets.ids import IdSet, request_from
from mu.forget_sets.request import check, selections_of, split
from mu.forget_sets.select import select

DATA = {"table": table(), "nodes": nodes(), "links": links()}
IDS = [5, 1, 9]
MASK = np.isin(np.arange(90), IDS)


def write(path: Path, value) -> Path:
    """Write text, bytes, an array or a tensor as the ending says."""
    if isinstance(value, str):
        path.write_text(value, encoding="utf-8")
    elif isinstance(value, bytes):
        path.write_bytes(value)
    elif path.suffix == ".npy":
        np.save(path, value)
    elif path.suffix == ".json":
        path.write_text(json.dumps(value))
    else:
        torch.save(value, path)
    return path


def asked(path: Path, data: Data, kind: str = "samples", before=None) -> Request:
    """The request that a file makes, by a selector; the library reads the same."""
    found = select(IdSet(path=str(path), kind=kind), data, before or {}, seed=0)
    if before is None:
        assert check(request_from(path, data, kind), data, {}).digest() == found.digest()
    return found


GOOD = [
    ("a.txt", "5\n1\n9\n"),
    ("a.txt", "# mine\n5  # cat/5.png\n1\n9\n"),
    ("a.txt", "\ufeff5\r\n1\r\n9\r\n"),
    ("a.csv", "5\n1\n9\n"),
    ("a.csv", "unlearn_idx\n5\n1\n9\n"),
    ("a.csv", ",unlearn_idx\n0,5\n1,1\n2,9\n"),
    ("a.csv", "id,part,class\n5,train,cat\n1,train,dog\n9,train,cat\n"),
    ("a.csv", "class;ID\ncat;5\ndog;1\ncat;9\n"),
    ("a.txt", "\n".join(map(str, MASK.tolist()))),
    ("a.csv", "forget\n" + "\n".join(map(str, MASK.tolist()))),
    ("a.json", IDS),
    ("a.json", {"forget_idx": IDS}),
    ("a.json", {"kind": "samples", "data": DATA["table"].fingerprint(), "ids": IDS}),
    ("a.json", MASK.tolist()),
    ("a.npy", np.array(IDS)),
    ("a.npy", np.array(IDS, np.uint16)),
    ("a.npy", np.array(IDS)[:, None]),
    ("a.npy", MASK),
    ("a.npy", MASK[:60]),  # training and validation samples are those below 60
    ("a.pt", torch.tensor(IDS)),
    ("a.pt", torch.tensor(IDS, dtype=torch.int32)),
    ("a.pth", IDS),
    ("a.pt", {"idx": torch.tensor(IDS)}),
    ("a.pt", torch.from_numpy(MASK)),
]


@pytest.mark.parametrize(("name", "value"), GOOD, ids=lambda x: str(type(x).__name__))
def test_every_format_names_the_same_samples(tmp_path, name, value):
    assert asked(write(tmp_path / name, value), DATA["table"]).ids.tolist() == [1, 5, 9]


BAD = [
    ("a.txt", "1.0\n3.0\n", "line 1: '1.0' .*whole numbers"),
    ("a.txt", "1\ncat.png\n", "line 2: 'cat.png' is not an id"),
    ("a.txt", "true\n0\n", "line 2: '0' is neither true nor false"),
    ("a.txt", "0 5\n3\n", "line 2: '3' is not a pair"),
    ("a.txt", "cat/1.png\n", "names files, and the samples of these data are not kept in files"),
    ("a.txt", "1\n3\n1\n", "id 1 is named twice"),
    ("a.txt", "1\n2\n", r"id 2 is not one of the 30 trained.*it is in the validation part"),
    ("a.txt", "1\n900\n", "id 900 is not one of the 30 trained samples"),
    ("a.txt", "# kind: nodes\n1\n", "has no 'nodes' to forget"),
    ("a.txt", "", "names no samples"),
    ("a.csv", "a,b\n1,2\n", "has the columns 'a', 'b'"),
    ("a.csv", "1,2\n3\n", "line 2 has 1 cells, the first 2"),
    ("a.csv", "1,3\n5,7\n9,1\n", r"has no 'edges' to forget"),
    ("a.json", {"a": [1], "b": [3]}, "holds 'a', 'b': one list of ids"),
    ("a.json", [1, True], "True is not an id"),
    ("a.json", [1.5], "1.5 is not an id"),
    ("a.json", [2**70], "too large for an id"),
    ("a.json", [[1, 3], [5]], "pairs of nodes, of two numbers each"),
    ("a.json", "{", "is not JSON"),
    ("a.json", "[" * 100_000, "is not JSON"),
    ("a.json", 3, "holds int, not a list"),
    ("a.npy", np.array(IDS, float), "type float64; ids are whole numbers"),
    ("a.npy", MASK[:50], r"shape \(50,\): a mask of the samples has shape \(90,\) or \(60,\)"),
    ("a.npy", np.array([[1, 3, 5]] * 3), r"shape \(3, 3\), not \(n,\)"),
    ("a.npy", np.zeros((3, 3, 3), int), "neither a list of ids nor pairs"),
    ("a.npy", np.array([2**63], np.uint64), "too large"),
    ("a.npy", np.array([0, 1, 1, 0]), "a mask holds booleans"),
    ("a.npy", b"no array", "no array of numpy"),
    ("a.npy", pickle.dumps(IDS), "pickle, which runs code.*convert it: python -c"),
    ("a.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<i8'}", "cannot be read as an array"),
    ("a.pt", torch.tensor([1.0, 3.0]), r"save them as ids.long\(\)"),
    ("a.pt", torch.zeros(1, dtype=torch.int64).expand(10**9), "10{9} values in 8 bytes"),
    ("a.pt", torch.eye(3).to_sparse(), "not dense"),
    ("a.pt", {"a": [1], "b": [3]}, "one list of ids"),
    ("a.pt", {"net": Path()}, "pickle, which runs code.*weights_only=False"),
    ("a.pt", b"nothing", "a.pt"),
    ("a.pkl", pickle.dumps(IDS), "pickle, which runs code"),
    ("a.npz", b"", "files of ids end in .txt, .csv"),
]


@pytest.mark.parametrize(("name", "value", "said"), BAD)
def test_what_is_no_set_of_ids_is_refused_in_one_line(tmp_path, name, value, said):
    path = write(tmp_path / name, value)
    with pytest.raises(UsageError, match=said) as caught:
        asked(path, DATA["table"])
    assert name in str(caught.value), "the file is named"
    assert "\n" not in str(caught.value)


def test_an_array_of_objects_is_a_pickle(tmp_path):
    np.save(tmp_path / "a.npy", np.array([1, None], object), allow_pickle=True)
    with pytest.raises(UsageError, match=r"holds a pickle.*allow_pickle=True"):
        asked(tmp_path / "a.npy", DATA["table"])


def test_nothing_in_a_file_is_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    for name in ("a.npy", "a.pt", "a.pkl"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap()))
        with pytest.raises(UsageError):
            asked(tmp_path / name, DATA["table"])
    torch.save(Trap(), tmp_path / "b.pt")
    with pytest.raises(UsageError, match="holds a pickle"):
        asked(tmp_path / "b.pt", DATA["table"])
    assert not (tmp_path / "ran").exists()


def test_a_sample_that_left_is_named_with_the_file(tmp_path):
    path = write(tmp_path / "a.npy", np.array(IDS))
    with pytest.raises(UsageError, match=r"a\.npy: id 5 of samples was forgotten by an earlier"):
        asked(path, DATA["table"], before={"samples": np.array([5])})


# Pairs of nodes.


def some_pairs(data, count: int = 5) -> np.ndarray:
    """(count, 2) trained edges that are no edge when rows are read as columns."""
    return data.edges[3 : 3 + count].astype(np.int64)


@pytest.mark.parametrize("name", ["nodes", "links"])
def test_pairs_name_edges_whichever_way_they_lie(tmp_path, name):
    data = DATA[name]
    pairs = some_pairs(data)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    text = "\n".join(f"{u} {v}" for u, v in pairs)
    found = [
        check(Request("edges", pairs), data, {}),
        check(Request("edges", pairs.T), data, {}),
        check(Request("edges", torch.from_numpy(both.T.copy())), data, {}),
        asked(write(tmp_path / "a.npy", both.T), data),
        asked(write(tmp_path / "a.pt", torch.from_numpy(pairs)), data),
        asked(write(tmp_path / "a.txt", text), data),
        asked(write(tmp_path / "a.csv", text.replace(" ", ",")), data),
        asked(write(tmp_path / "b.csv", "source,target\n" + text.replace(" ", ",")), data),
        asked(write(tmp_path / "a.json", pairs.tolist()), data),
        asked(write(tmp_path / "b.json", {"edge_index": both.T.tolist()}), data),
    ]
    assert {request.digest() for request in found} == {Request("edges", np.arange(3, 8)).digest()}


def test_two_pairs_are_never_guessed(tmp_path):
    data = DATA["links"]
    pairs = some_pairs(data, 2)
    for request in (Request("edges", pairs), Request("edges", pairs.T)):
        with pytest.raises(UsageError, match=r"shape \(2, 2\), which may be rows or columns"):
            check(request, data, {})
    with pytest.raises(UsageError, match="which may be"):
        asked(write(tmp_path / "a.npy", pairs), data)
    for name, value in (("pairs", pairs), ("edge_index", pairs.T)):
        found = asked(write(tmp_path / "a.json", {name: value.tolist()}), data)
        assert found.ids.tolist() == [3, 4]


def test_pairs_that_are_no_set_of_edges_are_refused(tmp_path):
    data = DATA["links"]
    pairs = some_pairs(data)
    with pytest.raises(UsageError, match=r"the pair of nodes .* is named twice"):
        check(Request("edges", np.concatenate([pairs, pairs[:1]])), data, {})
    absent = next(
        (u, v)
        for u in range(30)
        for v in range(u + 1, 30)
        if not (data.edges == [u, v]).all(axis=1).any()
    )
    with pytest.raises(UsageError, match=f"no trained edge between nodes {absent[0]} and"):
        check(Request("edges", np.array([*pairs.tolist(), absent])), data, {})
    with pytest.raises(UsageError, match=r"a\.npy holds pairs .* and not nodes"):
        asked(write(tmp_path / "a.npy", pairs), data, kind="nodes")


@pytest.mark.parametrize("name", ["nodes", "links"])
def test_data_never_read_pairs_or_masks_as_ids(name):
    """They would take other elements away, without a word."""
    data = DATA[name]
    for wrong in (some_pairs(data).T, np.ones(len(data.edges), bool)):
        for call in (lambda x: data.without({"edges": x}), lambda x: data.affected("edges", x)):
            with pytest.raises(UsageError, match="not a list of ids"):
                call(wrong)
    with pytest.raises(UsageError, match="not a list of ids"):
        DATA["table"].without({"samples": MASK})


# Nodes that were never trained on.


def test_a_node_outside_training_leaves_with_its_edges():
    data = DATA["nodes"]
    node = 25
    request = check(Request("nodes", [node]), data, {})
    parts = split(data, request, {})
    neighbours = np.setdiff1d(data.edges[data.incident(np.array([node]))].ravel(), [node])
    assert parts.forget.tolist() == [n for n in neighbours.tolist() if n < 20]
    assert parts.kept.ids.tolist() == data.parts["train"].tolist()
    edges = split(data, Request("edges", data.incident(np.array([node]))), {})
    assert parts.kept.view == edges.kept.view
    assert parts.forget.tolist() == edges.forget.tolist()
    assert data.unasked({"nodes": request.ids}).tolist() == [node]
    assert data.outside("nodes", request.ids).tolist() == [node]
    assert not len(data.outside("nodes", [3])) and not len(data.outside("edges", [node]))
    found = selections_of(data, [Request("nodes", [node])])[0]
    assert found.arrays["own"].tolist() == [node] and found.facts["asks_more"] is False
    trained = selections_of(data, [Request("nodes", [3])])[0]
    assert "own" not in trained.arrays and "asks_more" not in trained.facts


def test_trained_nodes_and_others_are_asked_for_apart():
    with pytest.raises(UsageError, match=r"such as 25, in the test part.*one after the other"):
        check(Request("nodes", [3, 25]), DATA["nodes"], {})


def test_selectors_draw_trained_nodes_alone():
    assert DATA["nodes"].elements("nodes").tolist() == list(range(20))


# Damaged files.

SEEDS = [(name, value) for name, value in GOOD if isinstance(value, str | list | dict)]
SEEDS += [(name, value) for name, value in GOOD if not isinstance(value, str | list | dict)]


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, cut, doubled, put in or taken from elsewhere."""
    found = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(found) + 1)
        to = min(len(found), at + rng.randrange(1, 20))
        what = rng.randrange(6)
        if what == 0 and at < len(found):
            found[at] = rng.randrange(256)
        elif what == 1:
            del found[at:]
        elif what == 2:
            found[at:at] = found[at:to]
        elif what == 3:
            del found[at:to]
        elif what == 4:
            odd = [b"-1", b"\n", b",", b"true", b"1e3", b"nan", b"[", b"9" * 25, b"\x00", b"\xff"]
            found[at:at] = rng.choice(odd)
        elif what == 5 and at < len(found):
            found[at] ^= 1 << rng.randrange(8)
    return bytes(found)


def judged(folder: Path, seed: int) -> str:
    """What one damaged file gives: "request" or "refused"; anything else is an error here."""
    rng = random.Random(seed)
    name, value = rng.choice(SEEDS)
    data = DATA[rng.choice(sorted(DATA))]
    path = write(folder / name, value)
    path.write_bytes(damaged(path.read_bytes(), rng))
    if rng.random() < 0.1:
        path = path.rename(folder / f"b{rng.choice(['.txt', '.csv', '.json', '.npy', '.pt'])}")
    try:
        kind = sorted(data.kinds)[rng.randrange(len(data.kinds))]
        request = select(IdSet(path=str(path), kind=kind), data, {}, seed=0)
    except UsageError as error:
        text = str(error)
        assert path.name in text, text
        assert "\n" not in text, text
        assert len(text) < 900, text
        return "refused"
    assert request.ids.dtype == np.int64
    assert np.isin(request.ids, data.nameable(request.kind)).all()
    assert (np.diff(request.ids) > 0).all()
    return "request"


def test_damaged_files_give_a_request_or_one_line(tmp_path):
    found = [judged(tmp_path, seed) for seed in range(150)]
    assert {"request", "refused"} == set(found)
