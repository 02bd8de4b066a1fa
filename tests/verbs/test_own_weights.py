"""The user's own files: an original from a file, and an unlearned model scored beside others."""

import math
import re

import pytest
import torch
from safetensors.torch import load_file, save_file


@pytest.fixture
def weights(tiny):
    """Path of the stored weights of a learner named by a card."""

    def path(key: str):
        found = list(tiny.store.glob(f"*/{key}/tensors.safetensors"))
        assert len(found) == 1
        return found[0]

    return path


def same(one, other):
    return all(
        math.isclose(one[name], other[name], rel_tol=1e-12)
        for name in ("ua", "ra", "ta", "mia", "kl_forget")
    )


def test_an_original_from_a_file(mu, tiny, tiny_words, weights):
    card = tiny.card("original", request="class")
    found = mu("run", *tiny_words, f"original={weights(card['learner'])}")
    assert found.code == 0, found.err
    own = found.card("original", request="class")
    assert same(own["values"], card["values"])
    assert same(
        found.card("ssd", request="class")["values"], tiny.card("ssd", request="class")["values"]
    )
    assert (own["oracle_recipe"], card["oracle_recipe"]) == ("other", "same")
    assert "oracles are retrained with another recipe" in found.err
    assert "other recipe" in (found.folder / "table.md").read_text()
    assert "other recipe" in (found.folder / "report.html").read_text()


def test_a_checkpoint_is_scored_beside_the_others(mu, tiny, tiny_words, weights):
    oracle = tiny.card("oracle", request="class")
    words = [word for word in tiny_words if not word.startswith("methods")]
    path = weights(oracle["keys"]["oracles"][1])
    found = mu("run", *words, f"weights={path}")
    assert found.code == 0, found.err
    methods = {card["method"] for card in found.cards}
    assert {"external", "ssd", "finetune", "gradient_ascent", "oracle"} <= methods
    card = found.card("external", request="class")
    assert card["values"]["ua"] == oracle["oracle"]["ua"][1]
    assert card["values"]["cost/passes"] is None, "what it took elsewhere is not known"
    assert card["method_config"]["weights"] == str(path)


@pytest.fixture
def three(tiny, weights, tmp_path):
    """Three models that never saw the class, as files of one's own: ``{pair}_{k}.safetensors``."""
    keys = [*tiny.card("oracle", request="class")["keys"]["oracles"]]
    keys.append(tiny.card("null", request="class")["learner"])
    for k, key in enumerate(keys):
        (tmp_path / f"0_{k}.safetensors").write_bytes(weights(key).read_bytes())
    return f"{tmp_path}/{{pair}}_{{k}}.safetensors"


def test_a_table_of_ones_own_original_and_oracles(mu, tiny, tiny_words, weights, three):
    original = weights(tiny.card("original", request="class")["learner"])
    words = [word for word in tiny_words if not word.startswith("oracles")]
    found = mu("run", *words, f"original={original}", f"oracles={three}")
    assert found.code == 0, found.err
    for page in ("table.md", "table.tex", "report.html"):
        assert "other recipe" not in (found.folder / page).read_text(), page
    assert "other recipe" not in found.out
    assert "is taken from you" in found.err
    own, card = (one.card("original", request="class") for one in (found, tiny))
    assert own["oracle_recipe"] == "same"
    assert all(own["values"][name] == card["values"][name] for name in ("ua", "ra", "ta"))
    oracle = found.card("oracle", request="class")
    assert own["oracle"]["ua"][:2] == card["oracle"]["ua"]
    assert len(oracle["keys"]["oracles"]) == len(oracle["oracle"]["ua"]) == 3
    assert oracle["seeds"]["oracles"] == []
    assert all(v is None for n, v in oracle["values"].items() if n.startswith("cost/"))
    assert found.card("ssd", request="class")["values"]["cost/passes"] is None
    assert "null" not in {card["method"] for card in found.cards}
    assert mu("run", *words, f"original={original}", f"oracles={three}").steps[0] == 0


def test_oracles_from_files_of_an_original_trained_here(mu, tiny_words, three):
    words = [word for word in tiny_words if not word.startswith("oracles")]
    found = mu("run", *words, f"oracles={three}")
    assert found.code == 0, found.err
    assert "the original is trained with another recipe" in found.err
    table = (found.folder / "table.md").read_text()
    assert "oracles came from files" in table
    assert "oracle (other recipe)" in table


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda folder: (folder / "0_1.safetensors").unlink(), "no weights file"),
        (lambda folder: [p.unlink() for p in folder.glob("0_*")], "0_0.safetensors"),
        (lambda folder: save_file({"w": torch.zeros(1)}, folder / "0_2.safetensors"), "do not fit"),
        (
            lambda folder: (folder / "0_2.safetensors").write_bytes(
                (folder / "0_0.safetensors").read_bytes()
            ),
            "holds the same model as",
        ),
    ],
)
def test_oracles_that_cannot_be_used_are_named(mu, tiny_words, three, tmp_path, change, named):
    change(tmp_path)
    words = [word for word in tiny_words if not word.startswith("oracles")]
    found = mu("run", *words, f"oracles={three}", out=tmp_path / "out")
    assert found.code == 2
    assert named in found.err.replace("\n", " ")
    assert not found.folder.exists()


def test_the_original_is_no_oracle_of_itself(mu, tiny_words, three, tmp_path):
    words = [word for word in tiny_words if not word.startswith("oracles")]
    path = tmp_path / "0_1.safetensors"
    found = mu("run", *words, f"original={path}", f"oracles={three}", out=tmp_path / "out")
    assert found.code == 2
    assert "holds the same model as the original" in found.err.replace("\n", " ")


def test_what_starts_anew_is_said_before_and_after(mu, tiny, tiny_words, weights):
    start = weights(tiny.card("original", request="class")["learner"])
    words = [*tiny_words, f"recipe.checkpoint={start}", "recipe.checkpoint_skip=[head]"]
    told = f"training starts from {start.name}, but for head.weight, head.bias, which start anew"
    planned = mu("plan", *words)
    assert planned.code == 0, planned.err
    assert told in planned.out
    found = mu("run", *words)
    assert found.code == 0, found.err
    assert told in found.err
    assert all(
        told in found.card(row, request="class")["warnings"] for row in ("original", "oracle")
    )
    assert told not in found.card("random_weights", request="class")["warnings"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["recipe.checkpoint_skip=[head]"], "there is no recipe.checkpoint"),
        (["recipe.checkpoint={path}", "recipe.checkpoint_skip=[heat]"], "has a part heat"),
        (["recipe.checkpoint={path}", "model.network.width=3"], "network.body.0.weight"),
    ],
)
def test_a_start_that_cannot_be_is_refused(mu, tiny, tiny_words, weights, tmp_path, words, named):
    path = weights(tiny.card("original", request="class")["learner"])
    words = [word.replace("{path}", str(path)) for word in words]
    found = mu("run", *tiny_words, *words, out=tmp_path / "out")
    assert found.code == 2
    assert named in found.err.replace("\n", " ")
    assert not found.folder.exists()


def test_the_file_counts_and_not_its_place(mu, tiny, tiny_words, weights, tmp_path):
    key = tiny.card("oracle", request="class")["keys"]["oracles"][1]
    words = [word for word in tiny_words if not word.startswith("methods")]
    mu("run", *words, f"weights={weights(key)}")
    copy = tmp_path / "copy.safetensors"
    tensors = load_file(weights(key))
    copy.write_bytes(weights(key).read_bytes())
    assert mu("run", *words, f"weights={copy}").steps[0] == 0
    save_file({name: tensor + torch.zeros(1) for name, tensor in tensors.items()}, copy)
    name = next(iter(tensors))
    tensors[name] = tensors[name] + 1
    save_file(tensors, copy)
    assert mu("run", *words, f"weights={copy}").steps[0] > 0


class Network:
    """Whatever somebody pickled."""


def wrong_file(kind, good, folder):
    """A file that is no model of the experiment, and what is said of it."""
    if kind == "missing":
        return folder / "none.pt", "none.pt"
    if kind == "pickle":
        torch.save(Network(), folder / "net.pt")
        return folder / "net.pt", "net.pt is not a weights file: it holds more than tensors"
    tensors = load_file(good)
    if kind == "head":  # that of a network with half the classes
        last = list(tensors)[-2:]
        tensors |= {name: tensors[name][:5].clone() for name in last}
    else:
        tensors = {"head.weight": torch.zeros(2)}
    save_file(tensors, folder / "wrong.safetensors")
    return folder / "wrong.safetensors", "wrong.safetensors do not fit the model"


@pytest.mark.parametrize("verb", ["run", "plan"])
@pytest.mark.parametrize("kind", ["missing", "pickle", "head", "names"])
@pytest.mark.parametrize("word", ["weights", "original", "oracles"])
def test_files_that_do_not_fit_are_named(mu, tiny, tiny_words, weights, tmp_path, word, kind, verb):
    good = weights(tiny.card("original", request="class")["learner"])
    path, said = wrong_file(kind, good, tmp_path)
    words = [one for one in tiny_words if not one.startswith(f"{word}=")]
    found = mu(verb, *words, f"{word}={path}", out=tmp_path / "out")
    assert found.code == 2
    assert said in found.err.replace("\n", " ")
    assert not found.out
    assert not found.folder.exists()


def test_a_plan_looks_at_files_and_trains_nothing(mu, tiny, tiny_words, weights, tmp_path):
    card = tiny.card("oracle", request="class")
    original = weights(tiny.card("original", request="class")["learner"])
    two = ",".join(str(weights(key)) for key in card["keys"]["oracles"][:2])
    plain = [one for one in tiny_words if not one.startswith("oracles=")]
    words = [*plain, f"original={original}", f"oracles={two}"]
    found = mu("plan", *words, store=tmp_path / "store")
    assert found.code == 0, found.err
    assert re.search(r"^load +0 +3 +0\.0$", found.out, re.MULTILINE)
    assert {path.name for path in (tmp_path / "store").glob("*/") if any(path.glob("*/"))} <= {
        "describe",
        "select",
        "load",
    }
    found = mu("plan", *plain, f"original={original}", f"oracles={two},{original}")
    assert found.code == 2
    assert "holds the same model as the original" in found.err.replace("\n", " ")


def test_one_checkpoint_serves_one_pair(mu, tiny_words, weights, tiny):
    path = weights(tiny.card("oracle", request="class")["learner"])
    words = [word for word in tiny_words if not word.startswith("seeds")]
    found = mu("run", *words, "seeds=2", f"weights={path}")
    assert found.code == 2
    assert "{pair}" in found.err


def test_a_checkpoint_for_each_pair(mu, tiny_words, weights, tiny, tmp_path):
    path = weights(tiny.card("oracle", request="class")["learner"])
    for pair in (0, 1):
        (tmp_path / f"mine_{pair}.safetensors").write_bytes(path.read_bytes())
    words = [word for word in tiny_words if not word.startswith("seeds")]
    found = mu("run", *words, "seeds=2", f"weights={tmp_path}/mine_{{pair}}.safetensors")
    assert found.code == 0, found.err
    assert len([card for card in found.cards if card["method"] == "external"]) == 2


def test_one_checkpoint_serves_one_request(mu, weights, tiny):
    path = weights(tiny.card("oracle", request="class")["learner"])
    words = ["experiment=quickstart", "requests=class,random_20", "seed=0", "compute.workers=0"]
    found = mu("run", *words, f"weights={path}")
    assert found.code == 2
    assert "2 forget sets" in found.err
    assert "{request}" in found.err
