"""Peak memory: what is allocated is seen, once, by whom it belongs to."""

import pytest
import torch

from mu.training import peak_memory
from mu.training.fit import Meter
from mu.training.peak_memory import RESET, PeakMemory, peak_into

MB = 10**6
linux = pytest.mark.skipif(not RESET.exists(), reason="Linux alone tells the peak")


def hold(megabytes: int) -> None:
    """Allocate and let go."""
    assert float(torch.ones(megabytes * MB // 4).sum()) > 0


@linux
@pytest.mark.parametrize("megabytes", [50, 200])
def test_an_allocation_of_known_size_is_seen(megabytes):
    before = torch.ones(30 * MB // 4)  # held when it begins: not counted
    hold(300)  # over before it begins
    with PeakMemory("cpu") as peak:
        hold(megabytes)
    assert peak.bytes == pytest.approx(megabytes * MB, rel=0.1)
    assert len(before)


@linux
def test_many_small_pieces_are_seen_as_one_large_one():
    with PeakMemory("cpu") as peak:
        pieces = [torch.ones(2500) for _ in range(6000)]
        del pieces
    assert peak.bytes == pytest.approx(60 * MB, rel=0.15)
    with PeakMemory("cpu") as again:  # free memory of the process is handed back first
        pieces = [torch.ones(2500) for _ in range(6000)]
        del pieces
    assert again.bytes == pytest.approx(60 * MB, rel=0.15)


@linux
def test_what_one_inside_takes_is_its_own():
    found: dict[str, float] = {}
    with peak_into(found, "request", "cpu"):
        hold(60)
        with peak_into(found, "setup", "cpu"):
            hold(240)
        hold(20)
        with peak_into(found, "setup", "cpu"):
            hold(10)
    assert found["request"] == pytest.approx(60 * MB, rel=0.1)
    assert found["setup"] == pytest.approx(240 * MB, rel=0.1)


@linux
def test_what_set_up_leaves_is_held_by_the_request():
    found: dict[str, float] = {}
    with peak_into(found, "request", "cpu"):
        with peak_into(found, "setup", "cpu"):
            left = torch.ones(80 * MB // 4)
        hold(50)
    assert found["request"] == pytest.approx(130 * MB, rel=0.1)
    assert len(left)


@linux
def test_an_error_inside_leaves_nothing_open():
    with pytest.raises(ValueError, match="mine"), PeakMemory("cpu"):
        raise ValueError("mine")
    assert PeakMemory._around == []


def test_where_nobody_tells_there_is_no_number(monkeypatch, tmp_path):
    monkeypatch.setattr(peak_memory, "RESET", tmp_path / "none")
    meter = Meter()
    with peak_into(meter.memory, "request", "cpu"):
        hold(10)
    assert not [name for name in meter.facts() if name.startswith("memory")]
    assert not (tmp_path / "none").exists()


@linux
def test_a_peak_that_cannot_be_reset_is_no_number(monkeypatch, tmp_path):
    monkeypatch.setattr(peak_memory, "RESET", tmp_path)  # there, and cannot be written
    with PeakMemory("cpu") as peak:
        hold(10)
    assert peak.bytes is None


def test_facts_name_both_parts_or_none():
    meter = Meter()
    meter.memory["request"] = 5.0
    assert meter.facts()["memory_request"] == 5.0
    assert meter.facts()["memory_setup"] == 0.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_it_is_what_torch_allocated_there():
    held = torch.ones(16 << 20, device="cuda")
    with PeakMemory("cuda") as peak:
        torch.ones(64 << 20, device="cuda").sum()
    assert peak.bytes == pytest.approx(4 * (64 << 20), rel=0.1)
    assert len(held)
