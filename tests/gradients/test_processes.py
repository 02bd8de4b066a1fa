"""Two gloo processes that share batches, against one process."""

import pytest
import torch
from process_case import OPTIONS, figures, network, process, trained

import mu
from mu.errors import UsageError
from mu.gradients.processes import sharing


@pytest.fixture(scope="module")
def alone():
    return figures(parallel=False) | {"trained": trained(network(), 1)}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    torch.multiprocessing.spawn(process, (str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def test_two_processes_are_one_up_to_the_order_of_addition(found, alone):
    """Gradients are of float32: sums of a few of them differ in the last digits only."""
    for together in found:
        for name in alone.keys() - {"count"}:
            tensors = alone[name]
            for key, tensor in tensors.items():
                own = together[name][key]
                torch.testing.assert_close(own, tensor, rtol=1e-5, atol=1e-7, msg=f"{name} {key}")


def test_each_process_takes_its_share_of_the_batches(found, alone):
    counts = [one["count"] for one in (*found, alone)]
    assert [int(one["batches"]) for one in counts] == [5, 5, 10]
    assert [int(one["samples"]) for one in counts] == [64, 64, 64]


def test_both_processes_have_the_same_bits(found):
    for name in ("batch", "per_sample", "sum", "trained", *OPTIONS):
        for key, tensor in found[0][name].items():
            assert torch.equal(tensor, found[1][name][key]), f"{name} {key}"


def test_an_analytic_head_is_the_same_bit_for_bit(found, alone):
    own = found[0]["acu"]
    assert all(torch.equal(own[name], tensor) for name, tensor in alone["acu"].items())


def test_what_cannot_be_shared_is_refused():
    loaders = {name: [(torch.zeros(2, 5), torch.tensor([0, 1]))] for name in ("forget", "retain")}
    with pytest.raises(UsageError, match="FineTune does not share its batches"):
        mu.unlearn(network(), "finetune", **loaders, parallel=True)
    with pytest.raises(UsageError, match="no process group"):
        mu.unlearn(network(), "ssd", **loaders, parallel=True)
    with pytest.raises(UsageError, match="no process group"), sharing():
        pass
