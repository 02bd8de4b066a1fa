"""`mu.evaluate`: derived scores and untrained networks, on networks of one layer."""

import numpy as np
import pytest
import torch

import mu
from mu.evaluation.attacks.rmia import likelihood_ratios
from mu.evaluation.derived import AvgGap, ToW
from mu.evaluation.ranking import auc
from mu.evaluation.silhouette import silhouette


@pytest.fixture
def parts() -> dict[str, list]:
    """Batches of 20 forgotten, 60 retained and 60 test samples of three classes."""
    torch.manual_seed(0)
    sizes = {"forget": 20, "retain": 60, "test": 60}
    return {n: [(torch.randn(size, 4), torch.randint(3, (size,)))] for n, size in sizes.items()}


def nets(count: int) -> list[torch.nn.Module]:
    torch.manual_seed(1)
    return [torch.nn.Linear(4, 3) for _ in range(count)]


def test_derived_scores_of_the_model_and_of_each_oracle_against_the_others(parts) -> None:
    net, twin, *oracles = nets(5)
    found = mu.evaluate(net, **parts, oracles=oracles, twin=twin, panel="tow")
    each = [mu.evaluate(oracle, **parts) for oracle in oracles]
    assert found["avg_gap"] == AvgGap().judged(found, each) > 0
    same = mu.evaluate(twin, **parts)
    assert found["tow"] == ToW()(found, [same]) < 1
    floor = [AvgGap()(each[i], each[:i] + each[i + 1 :]) for i in range(3)]
    assert found["oracle/avg_gap"] == pytest.approx(sum(floor) / 3)
    assert found["oracle/tow"] == pytest.approx(sum(ToW()(one, [same]) for one in each) / 3)
    assert "avg_gap" not in each[0] and "tow" not in each[0]


def test_one_oracle_has_no_floor(parts) -> None:
    net, oracle = nets(2)
    found = mu.evaluate(net, **parts, oracles=[oracle], twin=oracle, panel="tow")
    assert "rmia" not in found
    assert "tow" in found and "oracle/ua" in found
    assert found["oracle/tow"] == 1 and "oracle/kl_forget" not in found
    assert "tow" not in mu.evaluate(net, **parts, oracles=[oracle])


def test_untrained_networks(parts) -> None:
    net, *untrained = nets(3)
    assert "zrf" not in mu.evaluate(net, **parts)
    assert 0 < mu.evaluate(net, **parts, untrained=untrained)["zrf"] < 1
    assert mu.evaluate(net, **parts, untrained=[net])["zrf"] == 1


def test_oracles_are_references_of_the_model_and_of_each_other(parts) -> None:
    net, *oracles = nets(4)
    found = mu.evaluate(net, **parts, oracles=oracles)
    x, y = (torch.cat(both) for both in zip(*parts["forget"], *parts["test"], strict=True))

    def log_p(one):
        return one(x).double().log_softmax(1)[range(len(y)), y].detach().numpy()

    def value(one, references):
        ratios = likelihood_ratios(log_p(one), np.stack([log_p(other) for other in references]))
        return auc(*np.split(ratios, [20]))

    others = [[o for o in oracles if o is not one] for one in oracles]
    assert found["rmia"] == pytest.approx(np.mean([value(net, some) for some in others]))
    expected = np.mean([value(one, some) for one, some in zip(oracles, others, strict=True)])
    assert found["oracle/rmia"] == pytest.approx(expected)


def test_a_class_is_judged_by_its_trunk_too(parts) -> None:
    x, y = parts["forget"][0]
    parts["forget"] = [(x, torch.full_like(y, 3))]
    torch.manual_seed(2)
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Linear(8, 4))
    found = mu.evaluate(net, **parts, oracles=[torch.nn.Linear(4, 4)])
    read = net[0](torch.cat([batch[0] for name in ("forget", "retain") for batch in parts[name]]))
    classes = np.concatenate([parts[name][0][1] for name in ("forget", "retain")])
    expected = silhouette(read.detach().numpy(), classes, [3])
    assert found["silhouette"] == pytest.approx(expected)
    assert "oracle/silhouette" in found
    headless = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh())
    assert "silhouette" not in mu.evaluate(headless, **parts)
