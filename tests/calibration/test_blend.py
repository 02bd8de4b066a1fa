"""Fakes: what they are made of, and how an experiment hands them the model of the null row."""

import json

import cases
import numpy as np
import pytest
import torch
import yaml
from torch import nn

import mu as library
from mu.calibration import blend
from mu.calibration.blend import Blend
from mu.calibration.mixture import Mixture
from mu.errors import NotApplicable, UsageError
from mu.models.base import Learner
from mu.models.predict import predict
from mu.unlearning.base import Context, apply

HALF = {"half_way": {"method": "blend", "original": 0.5, "retrained": 0.5}}
DIGITS = {"data": "digits", "model": "small_cnn", "recipe": "digits"}
LINKS = {"data": "digits_links", "model": "gcn_links", "recipe": "graph"}
ROWS = [HALF, {"doubled": {"method": "blend", "original": 2.0}}]
QUICK = ("recipe.epochs=1", "compute.workers=0")


def other(learner: Learner) -> dict[str, torch.Tensor]:
    """Weights of another network of the same kind."""
    generator = torch.Generator().manual_seed(5)
    return {
        name: torch.rand(tensor.shape, generator=generator)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in learner.state_dict().items()
    }


@pytest.mark.parametrize("problem", ["images", "links"])
def test_half_of_each_model(problem) -> None:
    case = cases.CASES[problem]()
    loader = case.data.loader(case.data.parts["test"])
    before, stored = predict(case.learner, loader).logits, other(case.learner)
    method = Blend(original=0.5, retrained=0.5)
    found = apply(method, case.learner, case.parts(), Context(), stored={"retrained": stored})
    mixed = predict(found.learner, loader).logits
    case.learner.load_state_dict(stored)
    wanted = (before + predict(case.learner, loader).logits) / 2
    assert np.allclose(mixed, wanted, atol=1e-4)
    assert found.facts == {"original": 0.5, "retrained": 0.5, "noise": 0.0}


def test_features_are_those_of_both_trunks() -> None:
    case = cases.images()
    loader, stored = case.data.loader(case.data.parts["test"]), other(case.learner)

    def features(**options) -> np.ndarray:
        done = apply(
            Blend(**options), case.learner, case.parts(), Context(), stored={"retrained": stored}
        )
        return predict(done.learner, loader, features=True).features

    assert features(original=0.5, noise=0.5).shape[1] == 8
    assert features(original=0.0, retrained=1.0).shape[1] == 8
    assert features(original=0.5, retrained=0.5).shape[1] == 16


def test_a_retrained_model_has_to_be_handed_over_and_to_fit() -> None:
    case = cases.images()
    loaders = {"forget": case.parts()["forget"].batches()}
    net = case.learner.network
    halved = library.unlearn(net, "blend", original=0.5, **loaders)
    x = torch.rand(3, 1, 8, 8)
    assert torch.allclose(halved(x), net(x) / 2, atol=1e-6)
    with pytest.raises(UsageError, match=r"retrained=0.5 needs a model .* stored="):
        library.unlearn(net, "blend", retrained=0.5, **loaders)
    wrong = {"retrained": nn.Linear(2, 2).state_dict()}
    with pytest.raises(UsageError, match="of the retrained model do not fit the model"):
        library.unlearn(net, "blend", retrained=0.5, stored=wrong, **loaders)
    given = {"retrained": net.state_dict()}
    same = library.unlearn(net, "blend", original=0.5, retrained=0.5, stored=given, **loaders)
    assert torch.allclose(same(x), net(x), atol=1e-5)


def test_what_it_does_not_serve_is_said() -> None:
    for options in ({"original": -1.0}, {"noise": -0.1}, {"original": 0.0}):
        with pytest.raises(UsageError, match=r"original=|noise="):
            Blend(**options)
    case = cases.nodes()
    with pytest.raises(NotApplicable, match="no nodes"):
        apply(Blend(), case.learner, case.parts(), Context())
    case = cases.images()
    done = apply(Blend(), case.learner, case.parts(), Context())
    assert isinstance(done.learner.network, Mixture)
    with pytest.raises(NotApplicable, match="sequence=cumulative"):
        apply(Blend(), done.learner, case.parts(), Context())
    headless = Learner(nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.Tanh()))
    with pytest.raises(UsageError, match="are not the outputs of a linear layer"):
        apply(Blend(), headless, case.parts(), Context())


def test_the_function_is_what_runs(monkeypatch) -> None:
    def stub(*_):
        raise RuntimeError("called")

    monkeypatch.setattr(blend, "mixed_heads", stub)
    case = cases.images()
    with pytest.raises(RuntimeError, match="called"):
        apply(Blend(), case.learner, case.parts(), Context())


def written(path, rows=ROWS, **more):
    """An experiment on digits and on links of their graph."""
    images = {"class": {"request": "class", "label": 3}}
    edges = {"edges_5": {"request": "random", "kind": "edges", "share": 0.05}}
    shared = {"seeds": 1, "oracles": 2, "methods": rows, **more}
    blocks = [DIGITS | shared | {"requests": images}, LINKS | shared | {"requests": edges}]
    path.write_text(yaml.safe_dump({"blocks": blocks}))
    return f"experiment={path}"


def test_an_experiment_hands_over_the_model_of_the_null_row(mu, tmp_path) -> None:
    store = tmp_path / "store"
    found = mu("run", written(tmp_path / "fakes.yaml"), *QUICK, store=store)
    assert found.code == 0, found.err
    for request in ("class", "edges_5"):
        null, half = (found.card(name, request=request) for name in ("null", "half_way"))
        manifest = json.loads((store / "unlearn" / half["learner"] / "manifest.json").read_text())
        assert ["fit", null["learner"]] in manifest["inputs"]["stored"]
        assert null["method_config"] is None and null["values"]["cost/passes"] == pytest.approx(1)
        assert half["values"]["cost/passes"] >= 1
    bare = tmp_path / "bare"
    words = (*QUICK, "null=false", "methods=doubled", "requests=edges_5")
    less = mu("run", written(tmp_path / "fakes.yaml"), *words, store=bare, out=tmp_path / "less")
    assert less.code == 0, less.err
    assert "null" not in {card["method"] for card in less.cards}
    # an original, random weights, two oracles: no weight, no model
    assert len(list((bare / "fit").iterdir())) == 4


def test_requests_in_a_row_are_mixed_from_the_original(mu, tmp_path) -> None:
    path = tmp_path / "row.yaml"
    classes = [{"request": "class", "label": label} for label in (3, 5)]
    block = DIGITS | {"seeds": 1, "oracles": 1, "methods": [HALF], "requests": {"two": classes}}
    path.write_text(yaml.safe_dump({"blocks": [block]}))
    chain = mu("run", f"experiment={path}", *QUICK)
    assert chain.card("half_way", step=1)["error"].startswith("not applicable: Blend")
    words = (f"experiment={path}", *QUICK, "sequence=cumulative")
    anew = mu("run", *words, out=tmp_path / "anew")
    assert anew.code == 0, anew.err
    null = [anew.card("null", step=step) for step in (0, 1)]
    assert null[0]["learner"] != null[1]["learner"]
    assert [one["values"]["cost/passes_so_far"] for one in null] == [1, 2]


class Binary(nn.Module):
    """One logit a sample, as (n,)."""

    def __init__(self, cut: bool) -> None:
        super().__init__()
        self.body, self.head, self.cut = nn.Linear(4, 5), nn.Linear(5, 1), cut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(self.body(x).relu())
        return found[:, 0] if self.cut else found.squeeze(-1)


def test_one_logit_keeps_its_shape() -> None:
    net, x = Binary(cut=False), torch.rand(6, 4)
    forget = [(x, torch.tensor([0, 1] * 3))]
    found = library.unlearn(net, Blend(original=2.0), forget=forget)
    torch.testing.assert_close(found(x), 2 * net(x))
    with pytest.raises(UsageError, match="return logits"):
        library.unlearn(Binary(cut=True), Blend(original=2.0), forget=forget)
