"""Files of others on the command line: what would run code is refused in a line, and nothing runs.

The package ``trap`` lies on the path and leaves a mark when it is imported; nobody may.
"""

import json
import shlex
import shutil
import sys

import pytest
import torch

from mu.artifact import Artifact
from mu.storing.packing import write_archive
from mu.storing.store import Store

TRAP = {"_target_": "trap.Net"}
SYSTEM = {"_target_": "os.system", "_args_": ["touch ran"]}
KEY = "a" * 32


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """Fails the test if anything was imported or run."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    mark = place / "imported"
    (place / "trap.py").write_text(f"open({str(mark)!r}, 'w').close()\ndef step(*_): pass\n")
    monkeypatch.syspath_prepend(place)
    monkeypatch.chdir(place)
    yield place
    assert sorted(p.name for p in place.iterdir()) == ["trap.py"]
    assert "trap" not in sys.modules


def learner(network):
    return {"_target_": "mu.models.base.Learner", "network": network}


def refused(outcome, *words):
    """One line for people, exit code not 0, no traceback."""
    assert outcome.code in (1, 2)
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err
    print(outcome.err)


# --- an archive ------------------------------------------------------------------------------


def archive_of(tmp_path, artifact, step="unlearn", **record):
    store = Store(tmp_path / "a stranger's")
    store.write(step, KEY, artifact, **record)
    path = tmp_path / "theirs.tar"
    write_archive(store, list(store.entries()), path, lambda _: None)
    return path


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"model": learner(TRAP)}, "'trap.Net'"),
        ({"model": learner(SYSTEM)}, "'os.system'"),
        ({"model": learner({"_target_": "torch.nn.Sequential", "_args_": [TRAP]})}, "'trap.Net'"),
        ({"model": {"a": "${oc.env:HOME}"}}, "looked up"),
        ({"model_facts": {"num_classes": SYSTEM}}, "os.system"),
        ({"kind": "samples\n7"}, "kind is"),
        ({"cost": {"forward": "many"}}, "cost is"),
        ({"values": []}, "values is"),
        ([], "holds no facts"),
    ],
)
def test_an_archive_that_names_code_stays_out(mu, trap, tmp_path, facts, said):
    path = archive_of(tmp_path, Artifact(facts))
    found = mu("store", "import", str(path), store=tmp_path / "mine")
    refused(found, said, "nothing was imported")
    assert list(Store(tmp_path / "mine").entries()) == []


def test_an_archive_of_the_users_own_class_comes_in_by_its_name(mu, trap, tmp_path):
    """`MU_TRUST` is the user's word for the package, which is imported to look at the class."""
    (trap / "mine.py").write_text("import torch\nclass Net(torch.nn.Linear): pass\n")
    try:
        path = archive_of(tmp_path, Artifact({"model": learner({"_target_": "mine.Net"})}))
        words = ("store", "import", str(path))
        refused(mu(*words, store=tmp_path / "mine"), "MU_TRUST")
        assert mu(*words, store=tmp_path / "mine", MU_TRUST="mine").code == 0
    finally:
        (trap / "mine.py").unlink()
        shutil.rmtree(trap / "__pycache__", ignore_errors=True)
        sys.modules.pop("mine", None)


def test_labels_of_others_do_not_command_the_terminal(mu, tmp_path):
    path = archive_of(tmp_path, Artifact({"n": 1}), label="\x1b]0;owned\x07\x1b[2J")
    assert mu("store", "import", str(path), store=tmp_path / "mine").code == 0
    listed = mu("store", "ls", store=tmp_path / "mine")
    assert "\x1b" not in listed.out and "\x07" not in listed.out
    assert "?]0;owned?" in listed.out


# --- a store that a stranger filled ----------------------------------------------------------


def poisoned(tiny_store, step, **facts):
    """Every artifact of a step says these facts too; what was made of them is gone."""
    store = Store(tiny_store)
    for entry in list(store.entries()):
        if entry.step == step:
            found, record = store.load(step, entry.key), entry.manifest
            kept = {k: v for k, v in record.items() if k not in ("schema", "files", "step", "key")}
            artifact = Artifact({**found.facts, **facts}, found.arrays, found.tensors)
            store.write(step, entry.key, artifact, **kept)
    shutil.rmtree(tiny_store / "predict")
    shutil.rmtree(tiny_store / "score")


@pytest.mark.parametrize("network", [TRAP, SYSTEM], ids=str)
def test_a_model_in_the_store_runs_nothing(mu, trap, tiny_words, tiny_store, network):
    poisoned(tiny_store, "unlearn", model=learner(network))
    found = mu("run", *tiny_words)
    refused(found, "a model in the store names", network["_target_"], "MU_TRUST=PACKAGE")


def test_facts_of_data_in_the_store_run_nothing(mu, trap, tiny_words, tiny_store):
    poisoned(tiny_store, "describe", model_facts={"num_classes": SYSTEM})
    refused(mu("run", *tiny_words), "what the store says of the data holds num_classes=")


# --- results ---------------------------------------------------------------------------------


@pytest.fixture
def theirs(tiny, tmp_path):
    """Writes a stranger's results whose command has other words."""

    def write(*words, command=None):
        folder = tmp_path / "theirs"
        shutil.copytree(tiny.folder, folder, dirs_exist_ok=True)
        results = json.loads((folder / "results.json").read_text())
        results["command"] = command or results["command"] + " " + shlex.join(words)
        (folder / "results.json").write_text(json.dumps(results))
        return folder

    return write


HOSTILE = {
    "model.network._target_=trap.Net": "'trap.Net'",
    "model._target_=os.system": "'os.system'",
    "data._target_=trap.Data": "'trap.Data'",
    "data._target_=torch_geometric.datasets.Planetoid": "data set",
    "recipe.optimizer._target_=trap.SGD": "'trap.SGD'",
    "recipe.optimizer._target_=subprocess.Popen": "'subprocess.Popen'",
    "recipe.optimizer={_target_: hydra.utils.call, config: {_target_: trap.f}}": "hydra.utils.call",
    "recipe.optimizer={_target_: torch.optim.SGD, lr: {_target_: trap.f}}": "'trap.f'",
    "evaluation.scores={a: {_target_: trap.f}}": "'trap.f'",
    "evaluation.details={a: {_target_: os.system, _args_: [touch ran]}}": "'os.system'",
    "method._target_=trap.Method": "'trap.Method'",
    "request._target_=trap.Selector": "'trap.Selector'",
    "recipe.batch_size=${oc.env:HOME}": "looked up",
    "recipe=analytic_small recipe.fit.step=trap:step": "'trap:step'",
    "recipe=analytic_small recipe.fit.step=os:system": "'os:system'",
}


@pytest.mark.parametrize("words", HOSTILE)
def test_the_command_of_results_runs_nothing(mu, trap, theirs, words):
    own = words.split() if words.startswith("recipe=") else [words]
    found = mu("reproduce", str(theirs(*own)), "compute.workers=0")
    refused(found, "mu: ")
    assert HOSTILE[words] in found.err
    assert not (theirs() / "reproduced").exists()


def test_looking_for_what_results_rest_on_runs_nothing(mu, trap, theirs, tmp_path):
    folder = theirs("evaluation.details={a: {_target_: trap.f}}")
    mu("store", "export", str(tmp_path / "x.tar"), "--results", str(folder))
    mu("store", "gc", "--keep-results", str(folder))


BLOCK = """
blocks:
- data: digits
  model: small_cnn
  recipe: digits
  requests: {REQUEST: {request: random, count: 5}}
  methods: [ssd]
  seeds: 1
  oracles: 2
  MORE
"""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("set: {model.network._target_: trap.Net}", "'trap.Net'"),
        ("set: {recipe.batch_size: '${oc.env:HOME}'}", "${oc.env:"),
        ("compute: slurm", "compute=slurm"),
        ("compute: ray", "compute=ray"),
    ],
)
def test_an_experiment_file_of_theirs_runs_nothing(mu, trap, theirs, tmp_path, more, said):
    path = tmp_path / "theirs.yaml"
    path.write_text(BLOCK.replace("REQUEST", "some").replace("MORE", more))
    folder = theirs(command=f"mu run {path}")
    refused(mu("reproduce", str(folder)), said)


@pytest.mark.parametrize("name", ["../../out", "/tmp/out", ".hidden", "'a\\b'", '"a\\nb"'])
def test_a_request_whose_name_leads_elsewhere_is_refused(mu, theirs, tmp_path, name):
    path = tmp_path / "theirs.yaml"
    path.write_text(BLOCK.replace("REQUEST", name).replace("MORE", ""))
    refused(mu("reproduce", str(theirs(command=f"mu run {path}"))), "files are named after it")


def test_results_go_through_no_link(mu, theirs, tmp_path):
    folder, place = theirs(), tmp_path / "theirs to fill"
    place.mkdir()
    (folder / "reproduced").symlink_to(place)
    refused(mu("reproduce", str(folder)), "is a link", "--out")
    assert list(place.iterdir()) == []


def test_the_command_is_shown_as_text(mu, theirs, tiny_store):
    folder = theirs("recipe.augment=\x1b[2J")
    found = mu("reproduce", str(folder), "compute.workers=0")
    assert "repeating: mu run" in found.out
    assert "\x1b" not in found.out + found.err


# --- what stays free -------------------------------------------------------------------------

OWN = """
import torch
from mu.unlearning.base import Unlearner, enclosed
from mu.unlearning.finetune import FineTune

class Net(torch.nn.Module):
    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.head = torch.nn.Linear(64, num_classes)
    def forward(self, x):
        return self.head(x.flatten(1))

def make(**options):
    return Net(**options)

class Wrapped(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
    def forward(self, x):
        return self.inner(x)

class Wrapping(Unlearner):
    changes = frozenset({"weights", "architecture"})
    needs = frozenset({"retain"})
    def solve(self):
        self.learner.network = Wrapped(self.learner.network)
    def model_of(self, model):
        return enclosed(model, "inner", "own_things.Wrapped")
"""


def test_the_users_own_network_and_method_need_no_permission(mu, tmp_path, monkeypatch):
    """A function of theirs makes the network, and a method of theirs puts it into another."""
    configs = tmp_path / "configs"
    for group, name, text in (
        ("method", "wrapping", "_target_: own_things.Wrapping\n"),
        (
            "model",
            "own_net",
            "_target_: mu.models.base.Learner\nnetwork:\n  _target_: own_things.make\n"
            "  in_channels: ???\n  num_classes: ???\n",
        ),
    ):
        (configs / group).mkdir(parents=True)
        (configs / group / f"{name}.yaml").write_text(text)
    (tmp_path / "own_things.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "mine.yaml"
    more = "set: {recipe.epochs: 1}"
    text = BLOCK.replace("REQUEST", "some").replace("MORE", more)
    path.write_text(text.replace("small_cnn", "own_net").replace("[ssd]", "[wrapping]"))
    inline = ("compute.workers=0", "compute.progress=false")
    fresh = tmp_path / "fresh"
    found = mu("run", str(path), *inline, store=fresh, MU_CONFIGS=configs)
    assert found.code == 0, found.err
    assert found.card("wrapping")["error"] is None
    again = mu("reproduce", str(found.folder), *inline, store=fresh, MU_CONFIGS=configs)
    assert again.code == 0, again.err
    sys.modules.pop("own_things")


def test_torch_reads_weights_without_running_code():
    """What `pyproject.toml` asks for: below 2.6 ``weights_only`` could be got round."""
    assert tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 6)
