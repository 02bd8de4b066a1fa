"""Requests from files and data without a validation part, on the command line."""

import numpy as np
import pytest
from PIL import Image

EXPERIMENT = """
blocks:
  - {{data: {data}, model: {model}, recipe: {recipe}, seeds: 1, oracles: 1, methods: [finetune],
     requests: {{some: {request}}}}}
"""
INLINE = ("recipe.epochs=1", "null=false", "compute.workers=0", "compute.progress=false")


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """Twelve pictures of each of three people."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("ann", "bob", "eve"):
        (tmp_path / "data/faces" / name).mkdir(parents=True)
        for number in range(12):
            pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"data/faces/{name}/{number}.png")
    return tmp_path


@pytest.fixture
def experiment(tmp_path):
    def write(
        data="digits", model="small_cnn", recipe="digits", request="{request: random, share: 0.1}"
    ):
        path = tmp_path / "mine.yaml"
        path.write_text(EXPERIMENT.format(data=data, model=model, recipe=recipe, request=request))
        return str(path)

    return write


def lines_of(found) -> list[list[str]]:
    return [line.split(",") for line in found.out.splitlines()]


def test_who_is_who_is_listed_and_asked_for_by_name(mu, faces, experiment, tmp_path):
    found = mu("data", "ids", "image_folder", "data.image_size=16", MU_DATA_ROOT=tmp_path / "data")
    assert found.code == 0, found.err
    head, *rows = lines_of(found)
    assert head == ["id", "part", "class", "file"]
    assert rows[0][2:] == ["ann", "ann/0.png"]
    assert len(rows) == 36
    chosen = [row for row in rows if row[1] == "train" and row[2] == "bob"]
    (faces / "bob.csv").write_text("\n".join(",".join(row) for row in [head, *chosen]))
    (faces / "names.txt").write_text("bob/*\n")
    (faces / "customers.csv").write_text(
        "\n".join(["file,customer", *(f"{r[3]},{r[2]}" for r in rows)])
    )
    words = [experiment("image_folder"), "data.image_size=16", *INLINE]
    where = {"store": tmp_path / "store", "MU_DATA_ROOT": tmp_path / "data"}
    found = mu("run", *words, "requests=bob.csv,names.txt", **where)
    assert found.code == 0, found.err
    digests = {card["forget_digest"] for card in found.cards}
    assert len(digests) == 1
    exported = (found.folder / "forget_sets/names_0.txt").read_text()
    assert f"{chosen[0][0]}  # {chosen[0][3]}\n" in exported
    models = len(list((tmp_path / "store").glob("fit/*/")))
    assert models
    words[0] = experiment("image_folder", request="{request: group, name: bob}")
    found = mu("run", *words, "data.groups=customers.csv", **where)
    assert found.code == 0, found.err
    assert {card["forget_digest"] for card in found.cards} == digests
    assert len(list((tmp_path / "store").glob("fit/*/"))) == models, "groups change no model"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data"], "unknown word after mu data ''"),
        (["data", "ids"], "name one data set"),
        (["data", "ids", "digitz"], "did you mean digits"),
        (["data", "ids", "digits", "data.tset=0.1"], "data.tset"),
        (["data", "ids", "digits", "out=/nowhere/a.csv"], "cannot be written"),
    ],
)
def test_wrong_words_for_the_list_are_named(mu, words, said):
    found = mu(*words)
    assert found.code == 2
    assert said in found.err


def test_two_files_of_one_name_are_refused(mu, experiment, tmp_path):
    (tmp_path / "b").mkdir()
    for path in ("a.txt", "b/a.npy"):
        (tmp_path / path).write_text("1\n")
    files = ",".join(str(tmp_path / path) for path in ("a.txt", "b/a.npy"))
    found = mu("plan", experiment(), f"requests={files}")
    assert found.code == 2
    assert "told apart by their names" in found.err


@pytest.mark.parametrize("name", ["a.npz", "a.pkl", "ids.parquet"])
def test_a_file_of_another_kind_is_no_unknown_request(mu, experiment, tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    found = mu("plan", experiment(), f"requests={tmp_path / name}")
    assert found.code == 2
    assert name in found.err
    assert "unknown request" not in found.err


def test_what_stops_by_validation_data_needs_some(mu, faces, experiment, tmp_path):
    rows = [
        f"{n}/{i}.png,{'test' if i > 9 else 'train'}"
        for n in ("ann", "bob", "eve")
        for i in range(12)
    ]
    (faces / "split.csv").write_text("\n".join(["file,part", *rows]))
    words = [experiment("image_folder"), "data.image_size=16", "data.split=split.csv", *INLINE]
    where = {"store": tmp_path / "store", "MU_DATA_ROOT": tmp_path / "data"}
    found = mu("run", *words, **where)
    assert found.code == 0, found.err
    for word, said in {
        "evaluation=tuning": "the score va is taken on validation data",
        "recipe=graph_plateau": "recipe.plateau stops by the loss on validation data",
    }.items():
        found = mu("plan", *words, word, **where)
        assert found.code == 2
        assert said in found.err
        assert "data.validation" in found.err
    found = mu("run", *words, "methods=gs_lora", **where)
    assert "not applicable: GSLoRA reads validation data" in found.card("gs_lora")["error"]


def test_a_users_original_is_not_validated_on_what_it_was_trained_on(
    mu, faces, experiment, tmp_path
):
    for name in ("ann", "bob", "eve"):
        for number in range(12):
            part = "test" if number > 9 else "train"
            (faces / "data/parts" / part / name).mkdir(parents=True, exist_ok=True)
            (faces / f"data/faces/{name}/{number}.png").rename(
                faces / f"data/parts/{part}/{name}/{number}.png"
            )
    where = {"store": tmp_path / "store", "MU_DATA_ROOT": tmp_path / "data"}
    words = [experiment("image_folder"), "data.folder=parts", "data.split=folders", *INLINE]
    words += ["data.image_size=16"]
    found = mu("run", *words, **where)
    assert found.code == 0, found.err
    assert found.card("original")["n_retain"] + found.card("original")["n_forget"] == 27
    key = found.card("original")["learner"]
    (weights,) = (tmp_path / "store").glob(f"*/{key}/tensors.safetensors")
    found = mu("run", *words, f"original={weights}", **where)
    assert found.code == 0, found.err
    assert found.card("original")["n_retain"] + found.card("original")["n_forget"] == 30
