"""What files of others may name: known classes of the kind due; nothing else is imported or run."""

import json
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mu.artifact import Artifact
from mu.errors import UsageError
from mu.models.weights import rebuild
from mu.trust.classes import (
    DATA,
    METHOD,
    NETWORK,
    SCORE,
    TRAINING,
    check_named,
    check_plain,
    check_step,
)

MODEL = {
    "_target_": "mu.models.base.Learner",
    "network": {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 3},
}


def named(target, **more):
    return {"_target_": target, **more}


def inside(network):
    return MODEL | {"network": network}


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A package on the path that leaves a mark once it is imported."""
    mark = tmp_path / "imported"
    (tmp_path / "trap.py").write_text(
        f"open({str(mark)!r}, 'w').close()\nimport torch, os\n"
        "class Net(torch.nn.Linear):\n    def __init__(self):\n        super().__init__(2, 3)\n"
        "class Plain:\n    pass\n"
        "def make():\n    return Net()\n"
        "system = os.system\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield mark
    sys.modules.pop("trap", None)


HOSTILE = [
    named("trap.Net"),
    named("trap.make"),
    named("os.system", _args_=["touch imported"]),
    named("subprocess.Popen", args=["true"]),
    named("builtins.eval", _args_=["1"]),
    named("hydra.utils.get_method", path="trap.make"),
    named("hydra.utils.get_class", path="trap.Net"),
    named("hydra.utils.call", config=named("trap.make")),
    named("hydra.utils.instantiate", config=named("trap.make")),
    named("functools.partial", _args_=["trap.make"]),
    named("torch.load", f="x.pt"),
    named("torch.hub.load", repo_or_dir="x"),
    named("torch.nn.functional.relu"),
    named("torch.nn.modules.module.torch.os.system"),
    named("torch.nn.Module.load_state_dict"),
    named("torch.optim.SGD", params=[], lr=0.1),
    named("torch.utils.data.DataLoader", dataset=[]),
    named("torch.jit.ScriptModule"),
    named("timm.create_model", model_name="resnet18"),
    named("timm.models.create_model", model_name="resnet18"),
    named("torchvision.datasets.FakeData"),
    named("torch_geometric.datasets.Planetoid", root=".", name="Cora"),
    named("torch_geometric.nn.nlp.LLM", model_name="trap"),
    named("mu.storing.store.Store", root="imported"),
    named("mu.running.pool.LocalPool"),
    named("mu.verbs.run.command", words=[]),
    named("mu.models.base.build_learner"),
    named("mu.models.__builtins__.eval"),
    named("_trap.Net"),
    named("Net"),
    named("trap..Net"),
    named(""),
    named(["trap.Net"]),
    named(named("trap.Net")),
    named(None),
    named("${oc.env:HOME}"),
    named("torch.nn.Identity", value="${oc.env:HOME}"),
    named("torch.nn.Identity", **{"${oc.env:HOME}": 1}),
    named("torch.nn.Sequential", _args_=[named("trap.make")]),
    named("torch.nn.Sequential", _args_=[[{"a": [named("trap.make")]}]]),
    named("torch.nn.Identity", _partial_=True, one=named("trap.make", _partial_=True)),
    named("mu.models.timm.TimmModel", name="resnet18", options={"checkpoint_path": "x.pth"}),
    named("mu.models.timm.TimmModel", name="resnet18", options={"pretrained_cfg": {"file": "x"}}),
]


@pytest.mark.parametrize("network", HOSTILE, ids=str)
def test_a_model_in_the_store_that_names_something_else_is_refused(network, trap, tmp_path):
    artifact = Artifact({"model": inside(network)})
    with pytest.raises(UsageError, match="a model in the store"):
        rebuild(MODEL, artifact)
    with pytest.raises(UsageError):
        rebuild(MODEL, Artifact({"model": network}))
    assert not trap.exists() and "trap" not in sys.modules
    assert not (tmp_path / "imported").exists()


def test_the_message_names_it_and_the_way_out():
    with pytest.raises(UsageError, match=r"'os\.system'.*was not run.*MU_TRUST=PACKAGE.*SECURITY"):
        check_named(named("os.system"), NETWORK, "this")


def test_networks_of_known_libraries_are_built():
    network = named("torch.nn.Sequential", _args_=[named("torch.nn.Identity"), MODEL["network"]])
    found = rebuild(MODEL, Artifact({"model": inside(network)}, {}, linear("1.")))
    assert found(torch.zeros(1, 2)).shape == (1, 3)
    for good in ("torchvision.ops.MLP", "timm.models.ResNet", "torch_geometric.nn.GCNConv"):
        check_named(named(good), NETWORK, "this")


def linear(prefix):
    given = torch.nn.Linear(2, 3).state_dict()
    return {f"network.{prefix}{name}": value for name, value in given.items()}


def test_what_the_configuration_of_the_run_says_itself_is_free(trap):
    """The artifacts of the user's own class, wrapped by a method, need no word from the user."""
    own = inside(named("trap.make"))
    wrapped = inside(named("torch.nn.Sequential", _args_=[named("trap.make")]))
    tensors = linear("0.")
    assert rebuild(own, Artifact({"model": wrapped}, {}, tensors)) is not None
    assert trap.exists()
    with pytest.raises(UsageError, match=r"trap\.make"):  # with other arguments it is a stranger's
        rebuild(own, Artifact({"model": inside(named("trap.make", more=1))}))


def test_a_network_beside_a_class_that_the_run_names_is_free(trap):
    wrapped = Artifact({"model": inside(named("trap.Net"))}, {}, linear(""))
    assert rebuild(MODEL, wrapped, ["trap.Method"]) is not None
    for other in ("trap.Plain", "trap.make", "trap.system", "trap.os.system"):
        with pytest.raises(UsageError):
            rebuild(MODEL, Artifact({"model": inside(named(other))}), ["trap.Method"])


def test_packages_that_the_user_trusts_are_free(trap, monkeypatch):
    monkeypatch.setenv("MU_TRUST", "other, trap")
    assert rebuild(MODEL, Artifact({"model": inside(named("trap.make"))}, {}, linear("")))
    for other in ("trap.system", "trap.os.system", "trapdoor.Net", "trap.absent"):
        with pytest.raises(UsageError):
            rebuild(MODEL, Artifact({"model": inside(named(other))}))


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (DATA, "mu.data.images.Digits", "mu.models.lenet.LeNet5"),
        (TRAINING, "torch.optim.Adam", "torch.nn.Linear"),
        (TRAINING, "torch.optim.lr_scheduler.StepLR", "mu.data.images.Digits"),
        (SCORE, "mu.evaluation.zrf.ZRF", "mu.unlearning.ssd.SSD"),
        (METHOD, "mu.unlearning.ssd.SSD", "mu.storing.store.Store"),
        (METHOD, "mu.forget_sets.random.RandomSet", "mu.running.pool.Worker"),
    ],
)
def test_each_place_has_its_kind(kind, good, bad):
    check_named([named(good)], kind, "this")
    with pytest.raises(UsageError, match=kind.word):
        check_named([named(bad)], kind, "this")


@pytest.mark.parametrize(
    "call", ["os:system", "mu.verbs.run:command", "mu.training.fit:fit", ":", 3]
)
def test_a_recipe_names_trainings_of_mu_only(call):
    check_step("mu.training.analytic:step", "this")
    with pytest.raises(UsageError, match="training step"):
        check_step(call, "this")


def test_deep_nesting_is_refused():
    deep = named("torch.nn.Identity")
    for _ in range(500):
        deep = {"a": deep}
    with pytest.raises(UsageError, match="deeper"):
        check_named(deep, NETWORK, "this")


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(HOSTILE),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["_args_", "network", "a", "_partial_"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(values)
def test_wherever_something_hostile_stands_it_is_seen(value):
    """By JSON's own text, which knows nothing of where names may stand."""
    hostile = any(json.dumps(one) in json.dumps(value) for one in HOSTILE)
    try:
        check_named(value, NETWORK, "this")
    except UsageError:
        refused = True
    else:
        refused = False
    assert refused or not hostile
    assert "trap" not in sys.modules


@pytest.mark.parametrize(
    "facts", [{"a": {}}, {"a": [[{"a": 1}]]}, {"a": "${oc.env:HOME}"}, {"_target_": "os.system"}]
)
def test_facts_of_data_that_go_into_a_model_are_plain(facts):
    check_plain({"a": [1, "a", None], "b": 3}, "this")
    with pytest.raises(UsageError, match="a number or a word is due"):
        check_plain(facts, "this")
