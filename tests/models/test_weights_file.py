"""State dicts found in files of others, and files that were tampered with."""

import io
import pickle
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.weights import load_weights, read_weights
from mu.models.weights_file import DEEPEST, state_dict_of

W, V = {"a.w": torch.ones(2), "b.w": torch.zeros(1)}, {"a.w": torch.zeros(2), "b.w": torch.ones(1)}


@pytest.mark.parametrize(
    "found",
    [
        W,
        W | {"epoch": 3, "name": "net", "best": 0.5, "none": None},
        {"anything": W, "epoch": 3},
        {"checkpoint": {"inner": {"sd": W}}},
        [W, 3],
        (3, {"net": W}),
        {"model": W, "ema": W},
        {"model": W, "ema": dict(W)},
        {"model": W, "criterion": {"weight": torch.ones(3)}},
        {"model": W, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}}},
        {"net": W, "optimizer": {"state": {"a.w": {"exp_avg": torch.ones(2)}}}},
    ],
)
def test_the_state_dict_is_found(found):
    assert state_dict_of(found, "f") == W


@pytest.mark.parametrize(
    ("found", "named"),
    [
        ({"model": W, "ema": V}, r"\(model, ema\).*torch.load\('f'\)\['model'\]"),
        ({"model": {"x": W}, "best": {"x": V}}, r"\(model.x, best.x\).*\['model'\]\['x'\]"),
        ({"state_dict": W, "state_dict_ema": {f"module.{n}": t for n, t in V.items()}}, "several"),
        ({"model": W, "net": V}, r"\(model, net\)"),
        ([W, V], r"\(0, 1\).*torch.load\('f'\)\[0\]"),
        ({"first": W, "second": V}, "first, second"),
        ({"epoch": 3, "loss": [1.0]}, "no state dict; its keys are epoch, loss"),
        ({}, "its keys are nothing"),
        ([], "it is a list"),
        (torch.ones(2), "it is a Tensor"),
        (3, "it is a int"),
        ({"a.w": np.ones(2)}, "no state dict"),
        ({"a.w": torch.ones(2), "b.w": [1.0]}, "its entry b.w is a list; save a mapping of names"),
        ({1: torch.ones(2)}, "its entry 1 is a Tensor"),
    ],
)
def test_what_is_not_clear_is_named_with_the_way_out(found, named):
    with pytest.raises(UsageError, match=named):
        state_dict_of(found, "f")


def test_containers_are_looked_into_so_deep_and_no_deeper():
    found = W
    for _ in range(DEEPEST):
        found = {"inner": found}
    assert state_dict_of(found, "f") == W
    with pytest.raises(UsageError, match="no state dict"):
        state_dict_of({"inner": found}, "f")


def test_a_container_that_holds_itself_ends():
    found: dict = {"epoch": 3}
    found |= {f"me{n}": found for n in range(100)}
    with pytest.raises(UsageError, match="no state dict"):
        state_dict_of(found, "f")


def written(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize(
    ("tensor", "named"),
    [
        (lambda: torch.eye(2).to_sparse(), "no dense tensor"),
        (lambda: torch.empty(2, device="meta"), "no dense tensor"),
        (lambda: torch.ones(1).expand(1000, 1000), "more numbers than the file has room for"),
        (lambda: torch.tensor([1.0, torch.nan]).to(torch.float8_e5m2), "not finite"),
        (lambda: torch.tensor([1.0, complex(0, torch.inf)]), "not finite"),
    ],
)
def test_tensors_that_are_not_plain_are_named(tmp_path, tensor, named):
    with pytest.raises(UsageError, match=rf"w\.pt: w {named}|w\.pt: w holds.*{named}|{named}"):
        read_weights(written(tmp_path / "w.pt", {"w": tensor(), "b": torch.ones(1)}))


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2Jx", "w" * 201])
def test_names_that_no_line_can_show_are_refused(tmp_path, name):
    with pytest.raises(UsageError, match="is no name of a tensor") as caught:
        read_weights(written(tmp_path / "w.pt", {name: torch.ones(1)}))
    assert str(caught.value).isprintable()


def test_a_file_may_have_any_name(tmp_path):
    (tmp_path / "w.bin").write_bytes(save(W))
    assert read_weights(tmp_path / "w.bin").keys() == W.keys()
    assert read_weights(written(tmp_path / "w.safetensors", W)).keys() == W.keys()


def test_a_packed_archive_is_refused(tmp_path):
    torch.save({"w": torch.zeros(100_000)}, tmp_path / "plain.pt")
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as plain,
        zipfile.ZipFile(tmp_path / "w.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for entry in plain.infolist():
            packed.writestr(entry.filename, plain.read(entry))
    with pytest.raises(UsageError, match=r"it unfolds to \d+ bytes"):
        read_weights(tmp_path / "w.pt")


class Calls:
    """Would call a function of another module when unpickled."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("function", [exec, pickle.loads, np.load, Path, np.fromfile])
def test_nothing_is_called(tmp_path, monkeypatch, function, protocol):
    harm = Calls(function, "raise SystemExit('code was run')")
    torch.save({"w": torch.ones(1), "x": harm}, tmp_path / "w.pt", pickle_protocol=protocol)
    with pytest.raises(UsageError, match="is not a weights file"):
        read_weights(tmp_path / "w.pt")


def test_nothing_of_numpy_is_called_either(tmp_path, monkeypatch):
    content = {"net": W, "acc": np.float64(0.5), "list": np.arange(3), "s": np.str_("a")}
    path = written(tmp_path / "w.pt", content)

    def called(*args):
        raise AssertionError("numpy was called")

    monkeypatch.setattr("numpy._core.multiarray.scalar", called)
    monkeypatch.setattr("numpy._core.multiarray._reconstruct", called)
    assert read_weights(path).keys() == W.keys()


# Files that were tampered with: a load or one line, never a traceback.


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))


def mutated(chance: random.Random) -> tuple[str, bytes]:
    """A file like those of others, with something wrong or merely odd, and the name it has."""
    state: dict = dict(network().state_dict())
    name = chance.choice(list(state))
    odd = [
        lambda t: t.to(chance.choice([torch.float16, torch.int64, torch.bool, torch.complex64])),
        lambda t: t.float() * chance.choice([float("nan"), float("inf"), 1e38]),
        lambda t: t.reshape(-1)[: chance.randrange(t.numel() + 1)],
        lambda t: t.float().expand(7, *t.shape),
        lambda t: t.float().to_sparse(),
        lambda t: t.to("meta"),
        lambda t: t.tolist(),
        lambda t: t.numpy(),
        lambda t: None,
        lambda t: {"nested": {"deeper": t}},
        lambda t: nn.Parameter(t.float()),
        lambda t: torch.quantize_per_tensor(t.float(), 0.1, 0, torch.qint8),
        lambda t: torch.empty(0),
        lambda t: t,
    ]
    state[name] = chance.choice(odd)(state[name])
    for _ in range(chance.randrange(3)):
        key = chance.choice([name, "x", "", "a.b.c", "module." + name, 3, None, ("t",), "é\n"])
        state[key] = state.pop(name) if chance.random() < 0.5 and name in state else torch.ones(1)
    content: object = state
    for _ in range(chance.randrange(4)):
        key = chance.choice(["net", "model", "ema", "state_dict", "epoch", "optimizer", "", "é"])
        beside = chance.choice(
            [{}, {"ema": content}, {"epoch": 3}, {"x": [content]}, {"args": [1]}]
        )
        content = chance.choice([{key: content} | beside, [content], (content, key), content])
    file, ending = io.BytesIO(), chance.choice(["pt", "th", "safetensors"])
    plain = all(isinstance(t, torch.Tensor) and not t.is_meta for t in state.values())
    if ending == "safetensors" and plain and all(isinstance(n, str) for n in state):
        try:
            file.write(save({n: t.detach().contiguous() for n, t in state.items()}))
        except (ValueError, KeyError, RuntimeError, TypeError):
            torch.save(content, file)
    else:
        zipped = chance.random() < 0.7
        torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return f"w.{ending}", damaged(file.getvalue(), chance)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The bytes of a file, most often cut, changed or moved."""
    how, place = chance.randrange(7), chance.randrange(len(data))
    if how == 0:
        return data[:place]
    if how in (1, 2):
        found = bytearray(data)
        for _ in range(chance.choice([1, 5, 50])):
            found[chance.randrange(len(found) if how == 1 else min(400, len(found)))] = (
                chance.randrange(256)
            )
        return bytes(found)
    if how == 3:
        return data[:place] + data[place + chance.randrange(64) :]
    if how == 4:
        return data[:place] + bytes(chance.randrange(64)) + data[place:]
    return data


def loaded_or_refused(learner: Learner, folder: Path, chance: random.Random) -> None:
    """One file that was tampered with; what is refused leaves the network as it was."""
    name, data = mutated(chance)
    (folder / name).write_bytes(data)
    before = {n: t.clone() for n, t in learner.state_dict().items()}
    try:
        load_weights(learner, read_weights(folder / name), name)
    except UsageError as error:
        said = str(error)
    else:
        assert all(bool(torch.isfinite(t).all()) for t in learner.state_dict().values())
        return
    assert said.isprintable()
    assert name in said
    assert len(said) < 900
    assert "weights_only" not in said, "nobody should read it with the code that is in it"
    assert all(torch.equal(t, before[n]) for n, t in learner.state_dict().items())


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.filterwarnings("ignore")
def test_any_file_is_loaded_or_refused_in_one_line(tmp_path, seed):
    chance = random.Random(seed)
    learner = Learner(network())
    for _ in range(25):
        loaded_or_refused(learner, tmp_path, chance)
