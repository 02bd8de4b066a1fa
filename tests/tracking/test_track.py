"""What is mirrored to W&B, read back from the files of offline runs."""

import base64
import copy
import importlib.util
import io
import json
import math
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from records import read

wandb = pytest.importorskip("wandb", reason="wandb is not installed")

from mu.errors import UsageError  # noqa: E402
from mu.results import results as written  # noqa: E402
from mu.results.card import Card  # noqa: E402
from mu.results.judged import objective, over_forgetting, ranks  # noqa: E402
from mu.results.panel import describe_panel  # noqa: E402
from mu.results.place import Place  # noqa: E402
from mu.tracking import rows, track  # noqa: E402
from mu.tracking.tables import aggregates, cells, forgotten_pictures  # noqa: E402
from mu.tracking.track import TrackError, require  # noqa: E402
from mu.verbs.track import command  # noqa: E402

BLOCK, MAGIC = 32768, 7
METHODS = {"original": 0.0, "oracle": 0.6, "ssd": 0.61, "gradient_ascent": 0.95, "finetune": None}
PANEL = {
    "ua": {"_target_": "mu.evaluation.accuracy.UnlearningAccuracy"},
    "ta": {"_target_": "mu.evaluation.accuracy.TestAccuracy"},
    "kl_forget": {"_target_": "mu.evaluation.distance.KLToOracle", "part": "forget"},
    "mine": {"_target_": "mu.evaluation.loss.MeanLoss", "part": "forget"},
}
SCORES = describe_panel({"scores": PANEL, "headline": ["ua", "ta"]})["scores"]
ORACLES = [0.58, 0.59, 0.6, 0.61, 0.62]


def png():
    from PIL import Image

    data = io.BytesIO()
    Image.new("L", (8, 8), 100).save(data, "png")
    return base64.b64encode(data.getvalue()).decode()


def card(method, pair):
    """A card with every key there is."""
    ua = METHODS[method]
    noise = (pair - 1) / 50 if method == "ssd" else 0.0
    step = [0, 4, 8]
    trains = method in ("ssd", "gradient_ascent")
    return {
        "schema": 1, "block": 0, "data": "digits", "model": "small_cnn", "recipe": "digits",
        "evaluation": "classification", "compute": "local", "title_data": "",
        "panel": "classification", "request": "class", "step": 0,
        "steps": 1, "request_kind": "samples", "n_forget": 100, "n_retain": 900,
        "forget_digest": f"f{pair}", "method": method, "seed": pair, "pair": pair,
        "defaults": True, "error": "StepFailed: no memory" if ua is None else None,
        "values": {} if ua is None else {
            "ua": ua + noise + pair / 1000, "ta": 0.9, "kl_forget": None, "mine": 0.5,
            "cost/passes": 0.25, "cost/seconds_request": 2.0, "cost/seconds_setup": 1.0},
        "oracle": {} if ua is None else {
            "ua": [o + pair / 1000 for o in ORACLES], "ta": [0.9] * 5, "mine": []},
        "facts": {}, "warnings": [], "method_config": {"alpha": 10.0},
        "recipe_config": {"epochs": 20, "optimizer": {"lr": 0.1}}, "versions": {"torch": "2.4"},
        "device": "cpu", "learner": None if ua is None else f"{method[:4]}{pair}" * 8,
        "command": "mu run experiment=made", "fingerprint": "abc", "commit": "1234567",
        "dirty": False, "keys": {
            "learner": "k", "data": "d", "original": "o", "selection": "s", "oracles": ["a", "b"]},
        "seeds": {"train": pair, "unlearn": pair, "select": pair, "oracles": [1, 2]},
        "oracle_recipe": "same",
        "details": {} if ua is None else {
            "per_class": {"labels": [0, 1], "test": [0.5, None], "n": [10, 0]},
            "roc": {"fpr": [0.01, 0.1, 1.0], "tpr": [0.0, 0.5, 1.0]},
            "samples": {"ids": [7], "labels": [1], "predicted": [0], "confidence": [0.75]}},
        "trajectory": {"step": step, "epoch": [0.0, 0.5, 1.0],
                       "forget_accuracy": [1.0, 0.5, None]} if trains else {},
        **({"gallery": {"ids": [7], "png": [png()], "labels": [1]}}
           if method == "original" and pair == 0 else {}),
    }  # fmt: skip


def tabulated(plain):
    """Results as they lie in a file, with rows and verdicts."""
    return json.loads(written.json_text(written.tabulated(read(plain))))


def send(plain, *given, **named):
    return track.send(read(plain), *given, **named)


def run_id(plain):
    return rows.run_id(Card.read(plain))


def summary(plain):
    return rows.summary(Card.read(plain), SCORES)


def made():
    cards = [card(method, pair) for pair in range(3) for method in METHODS]
    found = {
        "schema": 1, "experiment": "made", "title": "Made", "description": "", "cards": cards,
        "command": "mu run experiment=made", "panel": {"classification": {"scores": SCORES}},
        "classes": {"digits": ["zero", "one"]},
    }  # fmt: skip
    return tabulated(found)


@pytest.fixture
def results():
    return made()


@pytest.fixture
def few(results):
    """One pair, without the cell that failed: less to send."""
    results["cards"] = [c for c in results["cards"] if c["pair"] == 0 and not c["error"]]
    return tabulated(results)


def quiet(monkeypatch, folder):
    """No settings of whoever runs the tests, and nothing written outside of the folder."""
    for name in [n for n in os.environ if n.startswith("WANDB")] + ["RANK", "SLURM_PROCID"]:
        monkeypatch.delenv(name, raising=False)
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(folder / "own"))
    monkeypatch.chdir(folder)


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    quiet(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    """All cards sent once, with a score that is not a number: results, folder and ids."""
    folder, found = tmp_path_factory.mktemp("mirror"), made()
    one = next(c for c in found["cards"] if c["method"] == "ssd" and c["pair"] == 2)
    one["values"]["ua"] = math.nan
    (folder / "forget_sets").mkdir()
    (folder / "forget_sets/class-0.txt").write_text("1\n2\n")
    (folder / "report.html").write_text("<html></html>")
    with pytest.MonkeyPatch.context() as monkeypatch:
        quiet(monkeypatch, folder)
        ids = send(found, {"project": "study"}, folder)
    return found, folder, ids


def sent(mirror, method, pair):
    """The card of a method and pair, and its run."""
    found, folder, _ = mirror
    one = next(c for c in found["cards"] if (c["method"], c["pair"]) == (method, pair))
    return one, Mirrored(folder, run_id(one))


def records(path):
    """The protocol buffers of a .wandb file, which is a LevelDB log behind 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, parts, found = path.read_bytes(), MAGIC, b"", []
    while at + 7 <= len(data):
        if BLOCK - at % BLOCK < 7:
            at += BLOCK - at % BLOCK
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + 7])
        parts += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):
            record = Record()
            record.ParseFromString(parts)
            found.append(record)
            parts = b""
    return found


def items(listed):
    return {"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in listed}


class Mirrored:
    """One offline run, read back."""

    def __init__(self, folder, run):
        (path,) = folder.glob(f"wandb/offline-run-*-{run}/run-{run}.wandb")
        self.folder, self.summary, self.history, self.artifacts = path.parent, {}, [], []
        self.metrics, self.exit = {}, None
        self.config = {}
        for record in records(path):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                self.run = record.run
                self.config |= items(record.run.config.update)
            elif kind == "config":
                self.config |= items(record.config.update)
            elif kind == "summary":
                self.summary |= items(record.summary.update)
            elif kind == "history":
                self.history.append(items(record.history.item))
            elif kind == "artifact":
                self.artifacts.append(record.artifact)
            elif kind == "metric":
                self.metrics[record.metric.name or record.metric.glob_name] = record.metric
            elif kind == "exit":
                self.exit = record.exit.exit_code


def test_a_run_holds_what_its_card_holds(mirror):
    ids = mirror[2]
    assert len(ids) == len(set(ids)) == 16
    one, found = sent(mirror, "gradient_ascent", 1)
    assert found.run.run_id.startswith(one["learner"][:12])
    assert found.run.project == "study"
    assert found.run.run_group == "digits-small_cnn-class"
    assert found.run.job_type == "unlearn"
    assert found.run.display_name == "gradient_ascent/1"
    tags = {"gradient_ascent", "samples", one["learner"][:12], "defaults", "over-forgetting"}
    assert tags == set(found.run.tags)
    for key in ("seeds", "keys", "fingerprint", "commit", "dirty", "versions", "device",
                "method_config", "recipe_config", "method", "n_forget"):  # fmt: skip
        assert found.config[key] == one[key], key
    assert found.exit == 0


def test_the_summary_is_one_flat_row_under_public_names(mirror):
    row = sent(mirror, "gradient_ascent", 0)[1].summary
    spread = math.sqrt(sum((o - 0.6) ** 2 for o in ORACLES) / 4)
    expected = {
        "forget/accuracy": 0.05, "oracle/forget/accuracy": 0.4, "gap/forget/accuracy": -0.35,
        "gap_sigma/forget/accuracy": -0.35 / spread, "test/accuracy": 0.9, "score/mine": 0.5,
        "gap/test/accuracy": 0.0, "cost/seconds": 3.0, "cost/speedup": 4.0,
        "cost/passes": 0.25,
    }  # fmt: skip
    for key, value in expected.items():
        assert row[key] == pytest.approx(value, abs=1e-12), key
    assert "forget/kl" not in row  # null is absent, never zero
    assert "gap_sigma/test/accuracy" not in row  # the oracles do not spread
    assert "gap/score/mine" not in row  # there is no oracle value


def test_few_oracles_have_no_sigma(results):
    one = copy.deepcopy(results["cards"][2])
    assert "gap_sigma/forget/accuracy" in summary(one)
    one["oracle"]["ua"] = ORACLES[:4]
    assert "gap_sigma/forget/accuracy" not in summary(one)
    one["oracle"]["ua"], one["n_forget"] = ORACLES, 10  # spread below one sample
    assert "gap_sigma/forget/accuracy" not in summary(one)


def test_curves_have_their_own_axis(mirror):
    _, found = sent(mirror, "ssd", 0)
    drawn = [{k: v for k, v in h.items() if k.startswith("unlearn/")} for h in found.history]
    assert drawn == [
        {"unlearn/step": 0, "unlearn/epoch": 0.0, "unlearn/forget_accuracy": 1.0},
        {"unlearn/step": 4, "unlearn/epoch": 0.5, "unlearn/forget_accuracy": 0.5},
        {"unlearn/step": 8, "unlearn/epoch": 1.0},
    ]
    assert found.metrics["unlearn/*"].step_metric == "unlearn/step"
    assert not sent(mirror, "original", 0)[1].history


def test_failed_cells_are_failed_runs_with_their_reason(mirror):
    for method, reason in {
        "finetune": "StepFailed: no memory",
        "ssd": "UA is not a number",
    }.items():
        _, found = sent(mirror, method, 2)
        assert found.exit == 1 and found.summary["failure"] == reason
        assert "failed" in found.run.tags and "forget/accuracy" not in found.summary
    assert sent(mirror, "ssd", 1)[1].exit == 0


def test_the_report_run_has_tables_charts_pictures_and_files(mirror):
    found = Mirrored(mirror[1], mirror[2][-1])
    assert found.run.job_type == "report" and found.exit == 0
    assert found.summary["cells"] == 15 and found.summary["cells_failed"] == 4
    assert "tune/objective" not in found.summary  # a cell failed
    (logged,) = found.history
    for name in ("cells", "gallery", "roc"):
        assert logged[f"tables/{name}/_type"] == "table-file"
    for kind in ("forest", "roc", "classes", "trajectory"):
        assert logged[f"figures/{kind}-b0-class-1/_type"] == "html-file"
    for chart in ("tradeoff-b0-class-1", "per_class-digits-class-1/ssd"):
        assert logged[f"charts/{chart}_table/_type"] == "table-file"
    files = {e.path: e for a in found.artifacts for e in a.manifest.contents}
    assert any(path.startswith("media/images/") for path in files)
    shown = json.loads(Path(files["tables/gallery.table.json"].local_path).read_text())
    line = dict(zip(shown["columns"], shown["data"][0], strict=True))
    assert line["image"]["_type"] == "image-file" and line["label"] == "one"
    assert (line["method"], line["unlearned"], line["unlearned p"]) == ("ssd", "zero", 0.75)
    kinds = {a.type: a for a in found.artifacts}
    assert kinds["forget_indices"].manifest.contents[0].path == "forget_sets/class-0.txt"
    assert kinds["report"].manifest.contents[0].path == "report.html"


def test_what_was_sent_is_listed_and_not_sent_again(few, tmp_path):
    results, first = few, send(few, {}, tmp_path)
    assert send(results, {}, tmp_path) == first[-1:]
    assert Mirrored(tmp_path, first[-1]).summary["cells_cached"] == 4
    columns, lines = cells(read(results), dict.fromkeys(first, True))
    assert all(line[columns.index("cached")] for line in lines)
    results["cards"][1]["values"]["ta"] = 0.8
    assert send(results, {}, tmp_path) == [run_id(results["cards"][1]), first[-1]]
    assert send(results, {}, tmp_path, again=True) == first
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == len(first)  # updated, none added
    assert Mirrored(tmp_path, first[1]).summary["test/accuracy"] == 0.8


def test_over_forgetting_is_beyond_the_oracle(results):
    assert over_forgetting(read(results)) == {(Place(0, "class", 0), "gradient_ascent")}


def test_ranks_tie_what_the_intervals_do_not_separate(results):
    columns, lines = aggregates(read(results))
    table = [dict(zip(columns, line, strict=True)) for line in lines]
    ua = {line["method"]: line for line in table if line["metric"] == "ua"}
    assert ua["ssd"]["rank"] == 1 and ua["ssd"]["winner"]
    assert ua["gradient_ascent"]["rank"] == 2 and not ua["gradient_ascent"]["winner"]
    assert ua["original"]["rank"] is None
    cost = {k[0][1]: v for k, v in ranks(read(results)).items() if k[1] == "cost/passes"}
    assert cost == {"ssd": 1, "gradient_ascent": 1}


def test_models_become_artifacts_only_when_asked(results, tmp_path, monkeypatch):
    monkeypatch.setenv("MU_STORE", str(tmp_path / "store"))
    one = results["cards"][0]
    results["cards"] = [one]
    results = tabulated(results)
    with pytest.raises(UsageError, match="is not in the store"):
        send(results, {"artifacts": "models"}, tmp_path)
    folder = tmp_path / "store/fit" / one["learner"]
    folder.mkdir(parents=True)
    (folder / "facts.json").write_text("{}")
    send(results, {"artifacts": "none"}, tmp_path)
    assert not Mirrored(tmp_path, run_id(one)).artifacts
    send(results, {"artifacts": "models"}, tmp_path)
    (artifact,) = Mirrored(tmp_path, run_id(one)).artifacts
    assert [entry.path for entry in artifact.manifest.contents] == ["facts.json"]
    assert artifact.type == "model" and one["learner"] in artifact.aliases


def test_the_objective_is_the_gap_to_the_oracles(results):
    results["cards"] = [c for c in results["cards"] if c["method"] != "finetune"]
    # test accuracy does not count, ua does: gaps −.01, .01, .03 of ssd, .35 of gradient_ascent
    assert objective(read(results)) == pytest.approx((0.05 / 3 + 0.35) / 2)
    summary = {"family": "summary", "better": "lower", "reads": ["forget", "test"]}
    results["panel"]["classification"] = {"scores": SCORES | {"avg_gap": summary}}
    for one in results["cards"]:
        one["values"]["avg_gap"] = 0.3
    assert objective(read(results)) == pytest.approx(
        (0.05 / 3 + 0.35) / 2
    )  # the mean holds ta's gap
    summary["reads"] = ["forget"]
    assert objective(read(results)) == pytest.approx(0.3)
    results["cards"][2]["error"] = "failed"
    assert objective(read(results)) is None


def test_within_a_sweep_the_report_is_the_trial(results, tmp_path, monkeypatch):
    results["cards"] = [c for c in results["cards"] if c["method"] == "ssd"]
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep1")
    monkeypatch.setenv("WANDB_RUN_ID", "trial1")
    assert send(tabulated(results), {}, tmp_path) == ["trial1"]
    found = Mirrored(tmp_path, "trial1")
    assert found.run.sweep_id == "sweep1"
    assert found.summary["tune/objective"] == pytest.approx(0.05 / 3)


def test_old_cards_without_the_new_keys_are_sent(tmp_path):
    path = Path(__file__).parents[2] / "experiments/quickstart/results.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    results["cards"] = [c for c in results["cards"] if c["pair"] == 0 and c["request"] == "class"]
    ids = send(tabulated(results), {}, tmp_path)
    one = results["cards"][0]
    found = Mirrored(tmp_path, ids[0])
    assert found.config["seeds"]["train"] == one["seed"]
    assert found.summary["test/accuracy"] == one["values"]["ta"]


def test_modes_and_ranks(results, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert len(send(results, {"mode": "online"}, tmp_path)) == 16
    assert not list(tmp_path.glob("wandb/*run-*"))
    monkeypatch.setenv("RANK", "1")
    assert send(results, {}, tmp_path) == []


def test_wrong_options_are_named(results, tmp_path):
    with pytest.raises(UsageError, match=r"track\.mode 'ofline'; did you mean offline"):
        require({"mode": "ofline"})
    with pytest.raises(UsageError, match=r"track\.artifacts"):
        send(results, {"artifacts": "all"}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_wandb_one_line_says_so(results, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(TrackError, match="pip install wandb"):
        send(results, {}, tmp_path)
    monkeypatch.setattr("mu.tracking.track.find_spec", lambda name: None)
    with pytest.raises(TrackError, match="track=none"):
        require({})


def test_without_an_account_online_is_refused_in_one_line(results, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    def refuse(**facts):
        raise wandb.errors.CommError("no\nanswer")

    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.raises(TrackError, match="no answer; the results are written") as error:
        send(results, {"mode": "online"}, tmp_path)
    assert "\n" not in str(error.value)


def test_the_verb(few, tmp_path, capfd):
    (tmp_path / "results.json").write_text(json.dumps(few))
    assert command([str(tmp_path)]) == command([str(tmp_path)]) == 0
    assert command([str(tmp_path), "--resend", "--project", "other"]) == 0
    said = capfd.readouterr()
    sent = [line.split(" to ")[0] for line in said.out.splitlines()[::2]]
    assert sent == ["5 runs sent", "1 runs sent", "5 runs sent"]
    assert said.err == ""  # W&B itself says nothing
    for words, message in {
        (): "name the folder",
        (str(tmp_path / "no"),): "no such folder",
        (str(tmp_path), "--mode", "x"): r"track\.mode",
        (str(tmp_path), "--resnd"): "resnd",
    }.items():
        with pytest.raises(UsageError, match=message):
            command(list(words))


LEFT = """
import os, subprocess, sys
from mu.verbs.track import command
command([sys.argv[1]])
assert not {"torch", "pytorch_lightning"} & set(sys.modules)
children = ["ps", "-o", "comm=", "--ppid", str(os.getpid())]
print(subprocess.run(children, capture_output=True, text=True).stdout)
"""


def test_no_process_is_left_and_no_torch_loaded(few, tmp_path):
    few["cards"] = few["cards"][:1]
    (tmp_path / "results.json").write_text(json.dumps(tabulated(few)))
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    words = [sys.executable, "-c", LEFT, str(tmp_path)]
    found = subprocess.run(words, capture_output=True, text=True, check=True, env=here)
    assert "wandb-core" not in found.stdout and not found.stderr


def test_the_gallery_skips_cards_without_pictures(results):
    _, lines = forgotten_pictures(read(results))
    assert len(lines) == 2  # two methods that did not fail, one picture, pair 0 alone
    del results["cards"][0]["gallery"]
    assert forgotten_pictures(read(results))[1] == []


@pytest.fixture
def dashboard():
    path = Path(__file__).parents[2] / "experiments/dashboard.py"
    spec = importlib.util.spec_from_file_location("dashboard", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_dashboard_shows_only_what_runs_hold(mirror, tmp_path, dashboard):
    results, sent, _ = mirror
    (tmp_path / "results.json").write_text(json.dumps(results))
    assert dashboard.main([str(tmp_path)]) == 0
    found = json.loads((tmp_path / "views.json").read_text())
    assert [view["name"] for view in found] == ["By method", "By seed", "By cost"]
    held = set()
    for one in results["cards"]:
        run = Mirrored(sent, run_id(one))
        held |= set(run.summary).union(*run.history)
    asked = set()
    for view in found:
        for section in view["sections"]:
            for panel in section["panels"]:
                y = panel.get("metrics") or panel["y"]
                asked |= {y} if isinstance(y, str) else set(y)
                asked |= {panel["x"]} if "x" in panel else set()
                text = (tmp_path / "views.md").read_text()
                assert all(f"`{key}`" in text for key in ([y] if isinstance(y, str) else y))
    assert asked <= held, (
        asked - held and "gap/forget/accuracy" in asked and "unlearn/step" in asked
    )


def test_publishing_without_its_package_is_one_line(
    results, tmp_path, dashboard, capsys, monkeypatch
):
    (tmp_path / "results.json").write_text(json.dumps(results))
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    assert dashboard.main([str(tmp_path), "--publish", "--entity", "me"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
