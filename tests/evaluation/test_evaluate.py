"""`mu.evaluate`: derived scores and untrained networks, on networks of one layer."""

import pytest
import torch

import mu
from mu.evaluation.derived import AvgGap, ToW


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
    found = mu.evaluate(net, **parts, oracles=oracles, twin=twin)
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
    found = mu.evaluate(net, **parts, oracles=[oracle], twin=oracle)
    assert "tow" in found and "oracle/ua" in found
    assert found["oracle/tow"] == 1 and "oracle/kl_forget" not in found
    assert "tow" not in mu.evaluate(net, **parts, oracles=[oracle])


def test_untrained_networks(parts) -> None:
    net, *untrained = nets(3)
    assert "zrf" not in mu.evaluate(net, **parts)
    assert 0 < mu.evaluate(net, **parts, untrained=untrained)["zrf"] < 1
    assert mu.evaluate(net, **parts, untrained=[net])["zrf"] == 1
