"""``mu audit``: one model, from files."""

import json
import shlex

import pytest
import torch

from mu.__main__ import main
from mu.data.build import build_data
from mu.errors import UsageError
from mu.models.base import build_learner
from mu.verbs.audit import files_named

MODEL = {
    "_target_": "mu.models.base.Learner",
    "network": {
        "_target_": "mu.models.vision.SmallCNN",
        "in_channels": 1,
        "num_classes": 10,
        "image_size": 8,
        "width": 4,
        "hidden": 8,
    },
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Weights of some models, hardly trained, and ids of a class."""
    folder = tmp_path_factory.mktemp("files")
    data = build_data({"_target_": "mu.data.images.Digits"})
    ids = data.parts["train"]
    asked = ids[data.targets(ids) == 3]
    for number, name in enumerate(("old", "new", "oracle_0", "oracle_1", "oracle_2")):
        torch.manual_seed(number)
        torch.save(build_learner(MODEL).state_dict(), folder / f"{name}.pt")
    (folder / "ids.txt").write_text("\n".join(map(str, asked)) + "\n")
    (folder / "some.txt").write_text("\n".join(map(str, asked[:5])) + "\n")
    (folder / "rest.txt").write_text("\n".join(map(str, asked[5:])) + "\n")
    return folder


def words(folder, *more):
    own = ["data=digits", "model=small_cnn", "model.network.width=4", "model.network.hidden=8"]
    return ["audit", *own, f"net={folder / 'new.pt'}", f"out={folder / 'out'}", *more]


def test_it_writes_a_page_and_the_numbers(files, capsys):
    said = words(
        files,
        f"original={files / 'old.pt'}",
        f"oracles={files}/oracle_{{k}}.pt",
        f"forget={files / 'ids.txt'}",
    )
    assert main(said) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.partition("\npage:")[0].splitlines())) <= 80
    found = json.loads((files / "out/audit.json").read_text())
    assert found["case"]["kind"] == "class" and found["case"]["oracles"] == 3
    assert found["word"] in out and found["verdict"].split(": ")[0] == found["word"]
    command = shlex.split(found["repeat"])
    assert command[:2] == ["mu", "audit"] and f"net={files / 'new.pt'}" in command
    assert found["repeat"] in (files / "out/audit.html").read_text().replace("&#39;", "'")
    assert {"ids to forget", "data"} <= set(found["digests"])
    assert "ids.txt: 1" in found["subject"] and "scikit-learn digits" in found["subject"]


def test_a_request_as_in_mu_run_is_the_same_as_its_ids(files, capsys):
    digests = []
    for forget in (["forget=class", "request.label=3"], [f"forget={files / 'ids.txt'}"]):
        assert main(words(files, *forget)) == 0
        digests.append(json.loads((files / "out/audit.json").read_text())["digests"])
    assert digests[0] == digests[1]
    assert main(words(files, "forget=random", "request.count=30", "seed=4")) == 0
    found = json.loads((files / "out/audit.json").read_text())
    assert found["case"]["drawn"] is True and found["case"]["forgotten"] == 30
    capsys.readouterr()


def test_earlier_requests(files, capsys):
    said = [f"before={files / 'some.txt'}", f"forget={files / 'rest.txt'}"]
    assert main(words(files, *said, f"oracles={files}/oracle_*.pt")) == 0
    found = json.loads((files / "out/audit.json").read_text())
    assert found["case"]["before"] == 5
    assert {one["request"] for one in found["case"]["tests"]} == {0, 1}
    assert [one["forgotten"] for one in found["case"]["earlier"]] == [5]
    capsys.readouterr()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "mu audit needs forget="),
        (["forget=gone.txt"], "forget=gone.txt is no file of ids, and no request"),
        (["forget=class"], "the request has no label"),
        (["forget=class", "request.label=3", "net=x.pt"], "net is given twice"),
        (["forget=class", "request.label=3", "reciep.lr=1"], "unknown key 'reciep.lr'"),
        (["forget=class", "request.label=3", "oracles=none_*.pt"], "there is no file none_*.pt"),
        (["forget=class", "request.label=3", "original=x.pt"], "there is no weights file x.pt"),
        (["forget=class", "request.label=3", "drawn=maybe"], "neither true nor false"),
        (["forget=loss", "request.count=9"], "chosen by models"),
        (["forget=class", "request.label=77"], "no samples have class 77"),
    ],
)
def test_a_wrong_word_is_named(files, capsys, more, message):
    assert main(words(files, *more)) == 2
    assert message in capsys.readouterr().err


def test_files_of_other_pairs_are_no_oracles(tmp_path):
    for name in ("0_0.pt", "0_1.pt", "1_0.pt", "0_x.pt"):
        (tmp_path / name).touch()
    assert [path.name for path in files_named(f"{tmp_path}/0_{{k}}.pt")] == ["0_0.pt", "0_1.pt"]
    with pytest.raises(UsageError, match=r"there is no file .*\{pair\}_0\.pt"):
        files_named(f"{tmp_path}/{{pair}}_{{k}}.pt")


def test_weights_of_another_model_and_graphs_are_refused(files, capsys):
    said = ["audit", "data=digits", "model=small_cnn", f"net={files / 'new.pt'}", "forget=class"]
    assert main([*said, "request.label=3", f"out={files / 'none'}"]) == 2
    assert "do not fit the model" in capsys.readouterr().err
    graph = ["audit", "data=digits_links", "model=gcn_links", f"net={files / 'new.pt'}"]
    assert main([*graph, "forget=random", "request.share=0.1", "request.kind=edges"]) == 2
    assert "is a graph" in capsys.readouterr().err
    assert not (files / "none").exists()  # bad usage leaves no folder
