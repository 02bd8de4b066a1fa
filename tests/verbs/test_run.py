"""The command line: exit codes, one line for each mistake, and what a failure leaves behind."""

import errno
import gc
import re
import shlex
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch

from mu.__main__ import VERBS
from mu.configuration.choices import choices
from mu.configuration.compose import composed
from mu.configuration.experiment import WORDS, load_experiment
from mu.configuration.words import spelled_out
from mu.evaluation.panels import panels_of

QUICK = "experiment=quickstart"
CLASS = (QUICK, "requests=class", "methods=ssd")
PATIENCE = 300  # seconds; others may use the machine, so only what never comes is late
SMALL = ("recipe.epochs=1", "compute.workers=0", "compute.progress=false")
ONE = (*SMALL, "seeds=1", "oracles=1")
TWO = (*SMALL, "seeds=1", "oracles=2")  # two oracles have a distance to each other
IDS = """
blocks:
  - data: digits
    model: small_cnn
    recipe: digits
    seeds: 1
    methods: [ssd]
    requests: {{chosen: {{request: ids, {option}}}}}
"""
FAILING = """
from mu.unlearning.base import Unlearner

class Failing(Unlearner):
    def __init__(self, how):
        super().__init__()
        self.how = how

    def solve(self):
        if self.how == "full":
            raise OSError(28, "No space left on device")
        if self.how == "raise":
            raise ZeroDivisionError("nothing to\\ndivide by")
        for parameter in self.learner.parameters():
            parameter.data.fill_(float("nan"))
"""


def snapshot(folder: Path) -> dict:
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


def test_a_method_that_does_not_serve_a_request_is_no_failure(mu):
    found = mu("run", QUICK, "requests=random_20", "methods=drop_class", *ONE)
    assert found.code == 0, found.err
    assert "not applicable" in found.out
    assert found.card("drop_class")["error"].startswith("not applicable")


@pytest.fixture
def refused(mu, tmp_path):
    """Call ``mu``, which must refuse: exit code 2, one line, no file changed."""

    def call(*words, named: str, **options):
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        (out / "results.json").write_text('{"schema": 1}')
        (out / "table.md").write_text("old")
        before = snapshot(out)
        found = mu(*words, **options)
        assert found.code == 2, found.err
        assert found.err.startswith("mu: ")
        assert found.err.count("\n") == 1, found.err
        assert named in found.err
        assert "Traceback" not in found.err
        assert found.out == ""
        assert snapshot(out) == before
        assert not [p for p in found.store.rglob("*") if p.parent.name == "tmp"]
        return found

    return call


@pytest.fixture
def given_ids(tmp_path):
    """An experiment file whose only request names ids."""

    def write(option: str) -> str:
        path = tmp_path / "own.yaml"
        path.write_text(IDS.format(option=option))
        return f"experiment={path}"

    return write


# Mistakes.


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["rnu", QUICK], "'rnu'; did you mean run?"),
        (["run"], "mu run quickstart"),
        (["tune"], "mu tune"),
        (["run", "quickstrat"], "'quickstrat'; did you mean quickstart?"),
        (["plan", "quickstrat"], "'quickstrat'; did you mean quickstart?"),
        (["tune", "quickstrat"], "'quickstrat'; did you mean quickstart?"),
        (["run", "quickstart", QUICK], "both name an experiment"),
        (["plan", "experiment=wine", "quickstart"], "'quickstart' and 'wine' both name"),
        (["tune", "quickstart", "seeds=1", "sequence"], "'quickstart' and 'sequence' both name"),
        (["run", "quickstart", "recipe.epoch=1"], "did you mean recipe.epochs?"),
        (["run", "quickstart", "--seeds=3"], "'--seeds=3': keys are given without dashes"),
        (["run", "experiment=quickstrat"], "'quickstrat'; did you mean quickstart?"),
        (["run", "experiment=nowhere.yaml"], "nowhere.yaml"),
        (["run", QUICK, "methods=sdd"], "'sdd'"),
        (["run", QUICK, "data=digist"], "'digist'"),
        (["run", QUICK, "model=nosuch"], "'nosuch'"),
        (["run", QUICK, "requests=clas"], "'clas'"),
        (["run", QUICK, "recipe.epoch=1"], "'recipe.epoch'"),
        (["run", QUICK, "recipe.epochs=abc"], "recipe.epochs='abc'"),
        (["run", QUICK, "recipe.epochs=1.5"], "recipe.epochs=1.5"),
        (["run", QUICK, "recipe.epochs=-1"], "recipe.epochs=-1"),
        (["run", QUICK, "seeds=-1"], "seeds=-1"),
        (["run", QUICK, "seeds=abc"], "seeds=abc"),
        (["run", QUICK, "oracles=0"], "oracles=0"),
        (["run", QUICK, "compute.workers=-1"], "compute.workers=-1"),
        (["run", QUICK, "compute.launcher=nosuch"], "nosuch"),
        (["plan", QUICK, "compute.launcher=nosuch"], "nosuch"),
        (["run", QUICK, "words"], "'words'"),
        (["run", QUICK, "seeds=1", "seeds=2"], "seeds"),
        (["plan", QUICK, "recipe.epochs=abc"], "recipe.epochs='abc'"),
        (["list", "method"], "'method'; did you mean methods?"),
        (["list"], "methods"),
        (["list", "methods", "more"], "more"),
        (["report"], "DIR"),
        (["report", "/no/such/folder"], "/no/such/folder"),
        (["report", "--wrong", "x"], "--wrong"),
    ],
)
def test_a_wrong_word_is_refused(refused, words, named):
    refused(*words, named=named)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["requests=random_20", "request.share=1.5"], "share=1.5"),
        (["requests=random_20", "request.share=0.0"], "share=0.0"),
        (["requests=random_20", "request.count=5"], "share or a count"),
        (["requests=class", "request.kind=edges"], "'edges'"),
        (["requests=edges_5", "request.kind=samples"], "'samples'"),
        (["requests=class", "request.label=77"], "class 77"),
        (["requests=class", "data.test=1.5"], "test=1.5"),
        (["requests=class", "model=gcn_nodes"], "in_features"),
        (["requests=class", "method.fisher=nosuch"], "'nosuch'"),
        (["requests=class", "recipe.schedule=nosuch"], "recipe.schedule=nosuch"),
        (["requests=class", "recipe.checkpoint=/no/such/file"], "/no/such/file"),
        (["requests=class", "recipe.checkpoint=5"], "5"),
    ],
)
def test_what_only_the_data_or_the_model_can_refuse_is_refused(refused, words, named):
    refused("run", QUICK, "methods=ssd", *ONE, *words, named=named)


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("ids: [1, 999999]", "id 999999"),
        ("ids: [-1]", "id -1"),
        ("ids: [5, 1, 5]", "id 5 is named twice"),
        ("ids: []", "no samples"),
        ("ids: [1.5]", "1.5"),
        ("ids: 3", "ids=3"),
        ("kind: samples", "ids, a path or pairs"),
        ("path: /no/such/file", "/no/such/file"),
        ("ids: [1], kind: nodes", "'nodes'"),
    ],
)
def test_ids_that_cannot_be_forgotten_are_refused(refused, given_ids, option, named):
    refused("run", given_ids(option), *ONE, named=named)


def test_ids_written_for_other_data_are_refused(refused, given_ids, tmp_path):
    (tmp_path / "ids.txt").write_text("# kind: samples\n# data: abc\n3\n")
    path = given_ids(f"path: {tmp_path / 'ids.txt'}")
    refused("run", path, *ONE, named="other data")


def test_data_that_are_nowhere_are_named(refused, tmp_path, monkeypatch):
    import urllib.request
    from urllib.error import URLError

    def offline(*args, **options):
        raise URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    (tmp_path / "empty").mkdir()
    words = ("run", "experiment=cifar10_class", *ONE)
    refused(*words, named=f"{tmp_path / 'empty'}", MU_DATA_ROOT=tmp_path / "empty")
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_checkpoint_of_the_wrong_shape_is_refused(refused, tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"head.weight": torch.zeros(3, 3)}, path)
    refused("run", *CLASS, *ONE, f"recipe.checkpoint={path}", named="weights.pt")
    path.write_bytes(b"no weights")
    refused("run", *CLASS, *ONE, f"recipe.checkpoint={path}", named="weights.pt")


@pytest.mark.parametrize("root", ["/proc/nothing", "{tmp}/file/below"])
def test_a_store_that_cannot_be_written_is_named(refused, tmp_path, root):
    (tmp_path / "file").write_text("")
    root = Path(root.format(tmp=tmp_path))
    refused("run", *CLASS, *ONE, named=str(root), store=root)


def test_results_that_cannot_be_written_are_named_before_anything_is_run(mu, tmp_path):
    (tmp_path / "file").write_text("")
    found = mu("run", *CLASS, *ONE, store=tmp_path / "store", out=tmp_path / "file" / "below")
    assert found.code == 2
    assert "out=" in found.err
    assert not (tmp_path / "store").exists()


def test_a_refused_run_leaves_no_new_folder(mu, tmp_path):
    found = mu("run", *CLASS, *ONE, "request.label=77", out=tmp_path / "new" / "deeper")
    assert found.code == 2
    assert not (tmp_path / "new").exists()
    kept = tmp_path / "kept"
    kept.mkdir()
    assert mu("run", *CLASS, *ONE, "request.label=77", out=kept / "new").code == 2
    assert list(kept.iterdir()) == []


def test_a_mistake_in_one_of_many_cells_is_one_line(refused, caplog):
    words = ("methods=ssd", *SMALL, "seeds=3", "oracles=2", "request.share=1.5")
    gc.collect()  # what other tests left
    caplog.clear()
    refused("run", QUICK, *words, named="share=1.5")
    gc.collect()  # what nobody awaited complains when it is collected
    assert caplog.records == []


def test_a_folder_of_configurations_that_is_not_there_is_named(refused):
    refused("run", *CLASS, named="/no/such", MU_CONFIGS="/no/such")


# Failures inside cells.


@pytest.fixture
def failing(tmp_path, monkeypatch):
    """Methods that fail, in a folder of one's own."""
    (tmp_path / "failing.py").write_text(FAILING)
    (tmp_path / "configs" / "method").mkdir(parents=True)
    for how in ("raise", "diverge", "full"):
        (tmp_path / "configs" / "method" / f"{how}.yaml").write_text(
            f"# {how}\n_target_: failing.Failing\nhow: {how}\n"
        )
    monkeypatch.syspath_prepend(tmp_path)
    return {"MU_CONFIGS": tmp_path / "configs"}


def test_a_failing_method_is_a_row_with_its_reason(mu, failing):
    words = ("methods=raise,diverge,ssd", *TWO)
    found = mu("run", QUICK, "requests=class", *words, **failing)
    assert found.code == 1
    assert found.card("raise")["error"] == "ZeroDivisionError: nothing to divide by"
    assert "not finite" in found.card("diverge")["error"]
    assert found.card("ssd")["error"] is None
    assert found.card("ssd")["values"]["ra"] is not None
    assert "2 of 7 rows failed" in found.err
    assert "nothing to divide by" in (found.folder / "table.md").read_text()
    assert "nothing to divide by" in (found.folder / "report.html").read_text()
    assert "Traceback" not in found.err


def test_a_full_disk_ends_the_grid_and_the_table_is_shown(mu, failing):
    found = mu("run", QUICK, "requests=class", "methods=full,finetune", *TWO, **failing)
    assert found.code == 1
    assert [line for line in found.err.splitlines() if line.startswith("mu: ")] == [
        "mu: 2 of 6 rows failed: the disk is full: OSError: [Errno 28] No space left on device"
    ]
    assert found.card("oracle")["values"]["ra"] is not None
    assert "finetune" in found.out
    assert "the disk is full" in found.out


def test_tables_are_printed_where_results_cannot_be_written(mu, tiny_words, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mu.storing.whole_files.os.fsync", full)
    found = mu("run", *tiny_words)
    assert found.code == 2
    assert found.err.splitlines()[-1] == (
        f"mu: {found.folder / 'results.json'}: No space left on device"
    )
    assert "oracle" in found.out
    assert not list(found.folder.glob("*.json"))
    assert not list(found.folder.glob(".*.tmp"))


def test_a_method_that_cannot_serve_a_request_is_a_row_with_its_reason(mu):
    found = mu("run", "experiment=sequence", "methods=utu", *TWO)
    assert found.code == 0, "not applicable is no failure"
    for step in (0, 1):
        assert "UtU forgets" in found.card("utu", step=step)["error"]
        assert found.card("oracle", step=step)["error"] is None


def test_a_model_that_cannot_be_trained_fails_every_row(mu, tmp_path):
    found = mu("run", *CLASS, *ONE, "recipe.optimizer.lr=1e30", store=tmp_path / "store")
    assert found.code == 1
    assert {card["method"] for card in found.cards} == {
        *("original", "random_weights", "oracle", "null", "ssd")
    }
    assert all("diverged" in card["error"] for card in found.cards)


def test_a_wrong_recipe_is_named_before_anything_is_trained(mu, tmp_path):
    found = mu("run", *CLASS, *ONE, "recipe.optimizer.lr=-1", store=tmp_path / "store")
    assert (found.code, found.folder.exists()) == (2, False)
    assert "lr=-1" in found.err
    assert not (tmp_path / "store" / "fit").exists()


def test_ssd_that_selects_nothing_says_so(mu):
    found = mu("run", *CLASS, *TWO, "method.alpha=1e9")
    assert found.code == 0
    assert found.err.count("SSD selected nothing") == 1
    assert "alpha=1e+09" in found.err
    card = found.card("ssd")
    assert "selected nothing" in card["warnings"][0]
    assert card["facts"]["selected"] == 0
    assert card["defaults"] is False
    assert card["values"]["ra"] == found.card("original")["values"]["ra"]


# Corruption.


def damage(folder: Path) -> None:
    path = next(p for p in sorted(folder.iterdir()) if p.name != "manifest.json")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def test_corrupt_artifacts_are_noticed_said_and_computed_again(mu, tiny, tiny_words, tmp_path):
    steps = ("describe", "select", "fit", "prepare", "unlearn", "predict", "score", "trunk")
    steps += ("gallery",)
    store = tmp_path / "store"
    shutil.copytree(tiny.store, store)
    before = mu("run", *tiny_words, store=store, out=tmp_path / "before")
    assert (before.code, before.steps[0]) == (0, 0)
    damage(store / "fit" / before.card("original")["learner"])
    one = mu("run", *tiny_words, store=store, out=tmp_path / "one")
    assert (one.code, one.steps[0], one.values) == (0, 1, before.values)
    assert one.err.count("corrupt artifact, computed again: fit/") == 1
    for step in steps:
        for folder in (store / step).iterdir():
            damage(folder)
    every = mu("run", *tiny_words, store=store, out=tmp_path / "every")
    assert (every.code, every.steps) == (0, (before.steps[1], 0))
    assert every.values == before.values
    for step in steps:
        assert f"corrupt artifact, computed again: {step}/" in every.err
    again = mu("run", *tiny_words, store=store, out=tmp_path / "again")
    assert (again.steps[0], again.err) == (0, "")


# Plan, list, report.


def planned(found) -> dict[str, tuple[int, int]]:
    rows = re.findall(r"^(\w+) +(\d+) +(\d+)", found.out, re.MULTILINE)
    return {name: (int(cached), int(to_run)) for name, cached, to_run in rows}


def test_a_plan_counts_what_a_run_does(mu, tmp_path):
    plan = ["experiment=sequence", *SMALL, "oracles=2", "methods=ssd,gradient_ascent"]
    words = [*plan, "seeds=1"]
    store = tmp_path / "store"
    before = planned(mu("plan", *words, store=store))
    assert before["fit"] == (0, 2 + 2 * (2 + 1))  # oracles and null
    assert before["unlearn"] == (0, 2 * 2)
    assert not (store / "fit").exists()
    run = mu("run", *words, store=store)
    assert run.code == 0, run.err
    after = mu("plan", *words, store=store)
    assert "wait" not in after.out
    done = planned(after)
    assert all(to_run == 0 for _, to_run in done.values())
    expensive = ("fit", "prepare", "unlearn", "predict", "score", "trunk", "gallery")
    for step in expensive:
        assert done[step][0] == before[step][1], step
    assert run.steps[0] == sum(before[step][1] for step in expensive)
    more = planned(mu("plan", *plan, "seeds=2", store=store))
    assert more["fit"] == (8, 8)


def test_a_plan_knows_minutes_once_steps_were_timed(mu, tmp_path, tiny, tiny_words):
    fresh = mu("plan", *tiny_words, store=tmp_path / "store").out
    assert re.search(r"^fit +0 +5 +~\d+\.\d$", fresh, re.MULTILINE), fresh
    assert re.search(r"at least \d+\.\d minutes", fresh)
    assert "?" in fresh
    more = [w for w in tiny_words if not w.startswith("oracles")]
    found = mu("plan", *more, "oracles=4")
    assert "?" not in found.out
    assert re.search(r"about \d+\.\d minutes", found.out)


@pytest.mark.parametrize(
    ("what", "group", "some"),
    [
        ("methods", "method", "ssd"),
        ("datasets", "data", "digits"),
        ("models", "model", "small_cnn"),
        ("experiments", "experiment", "quickstart"),
    ],
)
def test_every_choice_is_listed_with_a_line(mu, what, group, some):
    found = mu("list", what)
    assert found.code == 0
    lines = found.out.splitlines()
    assert [line.split()[0] for line in lines] == list(choices(group))
    assert all(len(line.split()) > 2 for line in lines)
    assert some in found.out


def test_every_metric_is_listed(mu):
    found = mu("list", "metrics")
    for choice in choices("evaluation"):
        config = composed({"evaluation": choice})["evaluation"]
        for panel, one in panels_of(choice, config).items():
            (said,) = re.findall(rf"^{panel}: .*\n((?:  .*\n)+)", found.out, re.MULTILINE)
            marks = {line[4:].split()[0]: line[2:4].strip() for line in said.splitlines()}
            assert {*one["scores"], *one.get("derived", {})} < set(marks)
            assert {name for name, mark in marks.items() if mark} == set(one["headline"])
            assert {name for name, mark in marks.items() if mark == "**"} == set(one["decisive"])


def test_a_choice_of_ones_own_is_listed(mu, failing):
    assert "raise" in mu("list", "methods", **failing).out


def test_a_report_is_written_anew(mu, tiny, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(tiny.folder, folder)
    for name in ("table.md", "report.html", "results.csv"):
        (folder / name).unlink()
    found = mu("report", str(folder))
    assert found.code == 0
    for name in ("table.md", "results.csv", "table.tex"):
        assert (folder / name).read_text() == (tiny.folder / name).read_text(), name
    assert (folder / "report.html").exists()


def test_help_and_version(mu):
    import mu as package

    for words in ([], ["--help"], ["-h"], ["help"], ["--help", "run"]):
        found = mu(*words)
        assert (found.code, found.err) == (0, "")
        assert "mu run NAME" in found.out
        assert all(f"mu {verb} " in found.out for verb in VERBS)
    assert mu("--version").out.strip() == package.__version__


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_what_it_takes_with_an_example(mu, verb, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    found = mu(verb, "--help")
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith(f"usage: mu {verb} ")
    assert max(map(len, found.out.splitlines())) <= 80
    _, _, example = found.out.lower().partition("example:")
    assert example.strip().startswith(f"mu {verb}")
    assert [mu("help", verb).out, mu(verb, "-h").out] == [found.out] * 2


@pytest.mark.parametrize("verb", ["run", "plan", "tune"])
def test_the_example_of_a_help_is_understood(mu, verb):
    line = mu(verb, "--help").out.partition("Example:\n")[2].splitlines()[0]
    mu_, said, *words = shlex.split(line)
    assert (mu_, said) == ("mu", verb)
    own = [word for word in words if not word.startswith(("trials=", "write="))]
    name, *others = spelled_out(own)
    load_experiment(name.removeprefix("experiment="), others, tuning=verb == "tune")


@pytest.mark.parametrize("verb", ["run", "plan", "tune"])
def test_the_help_names_every_key_that_is_no_group(mu, verb):
    text = mu(verb, "--help").out
    for key in ({*WORDS} - {"out"}) | {"weights"}:
        assert f" {key}=" in text, key
    for group in ("data", "model", "recipe", "evaluation", "compute"):
        assert group in text, group


def test_a_name_alone_is_an_experiment(mu, tiny, tiny_words, tmp_path):
    long, *words = tiny_words
    short = long.removeprefix("experiment=")
    assert mu("plan", short, *words).out == mu("plan", long, *words).out
    runs = [mu("run", *words, name, out=tmp_path / name) for name in (long, short)]
    assert [found.code for found in runs] == [0, 0]
    first, second = (found.results for found in runs)
    assert first["command"] == second["command"].replace(str(runs[1].folder), str(runs[0].folder))
    assert first["cards"] == second["cards"]


def test_the_command_on_a_card_gives_the_card_again(mu, tiny, tmp_path):
    command = tiny.cards[0]["command"]
    assert command == tiny.results["command"]
    program, *words = shlex.split(command)
    assert program == "mu"
    again = mu(*words, out=tmp_path / "again")
    assert again.values == tiny.values
    assert again.steps[0] == 0


# Signals.


@pytest.mark.parametrize(
    ("number", "workers"), [(signal.SIGINT, 1), (signal.SIGINT, 0), (signal.SIGTERM, 0)]
)
def test_a_signal_stops_at_once_and_the_workers_are_gone(start, tmp_path, number, workers):
    words = [*CLASS, "recipe.epochs=100000", "seeds=1", "oracles=1", f"compute.workers={workers}"]
    store = tmp_path / "store"
    process = start("-m", "mu", "run", *words, MU_STORE=store, TTY_COMPATIBLE=1)
    deadline = time.monotonic() + PATIENCE
    while not list(store.glob("describe/*")):
        assert time.monotonic() < deadline, "nothing was started"
        time.sleep(0.05)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    children += [
        child
        for task in Path(f"/proc/{process.pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    assert bool(children) is bool(workers)
    time.sleep(0 if workers else 3)  # in this process, until Lightning trains: it has own handlers
    process.send_signal(number)
    begin = time.monotonic()
    _, err = process.communicate(timeout=PATIENCE)
    assert time.monotonic() - begin < 5
    assert process.returncode == 128 + number
    assert "mu: stopped" in err.splitlines()[-1]
    assert err.count("\x1b[?25l") == err.count("\x1b[?25h") == 1, "the cursor is hidden"
    assert "Traceback" not in err
    deadline = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline, "a worker outlived its launcher"
        time.sleep(0.05)
