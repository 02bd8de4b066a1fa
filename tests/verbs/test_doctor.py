"""``mu doctor``: says what is there, names what is not, and never breaks down itself."""

import json
import sys

import pytest

from mu.artifact import Artifact
from mu.configuration.choices import choices
from mu.errors import UsageError
from mu.storing.store import Store
from mu.verbs import doctor, hardware
from mu.verbs.doctor import command


@pytest.fixture
def examined(tmp_path, monkeypatch, capsys):
    """Examine an empty place; the report."""
    monkeypatch.delenv("MU_CONFIGS", raising=False)
    monkeypatch.setenv("MU_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("MU_DATA_ROOT", str(tmp_path / "data"))
    monkeypatch.setattr(hardware, "bf16_probe", lambda: {"ratio": 3.0, "verdict": "emulated"})

    def call(code=0, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, str(value))
        assert command(["--json"]) == code
        return json.loads(capsys.readouterr().out)

    return call


def test_everything_needed_is_there_and_nothing_is_made(examined, tmp_path):
    found = examined()
    assert found["errors"] == []
    import torch

    assert torch.__version__.startswith(found["versions"]["torch"])
    assert found["devices"]["cores"] >= 1
    assert found["store"]["artifacts"] == 0
    assert found["configurations"]["method"] == len(choices("method"))
    assert list(tmp_path.iterdir()) == []


def test_the_report_for_people_is_narrow_and_says_it_all(examined, capsys):
    examined()
    assert command([]) == 0
    said = capsys.readouterr().out
    assert all(len(line) <= 80 for line in said.splitlines())
    for word in ("python", "torch-geometric", "digits", "MU_DATA_ROOT", "WANDB_MODE", "a run can"):
        assert word in said


def test_data_with_and_without_files(examined, tmp_path):
    folder = tmp_path / "data" / "cifar-10-batches-py"
    found = examined()["data"]
    assert "digits" in found["ready"]
    assert "cifar10" in found["missing"]
    folder.mkdir(parents=True)
    assert "cifar10" in examined()["data"]["missing"], "an empty folder is no data set"
    (folder / "data_batch_1").touch()
    assert "cifar10" in examined()["data"]["ready"]


def test_the_store_is_measured(examined, tmp_path):
    made = Store(tmp_path / "store")
    made.write("fit", "a" * 32, Artifact({"n": 1}))
    (made.root / "tmp" / "1@elsewhere@x").mkdir()
    found = examined()
    assert (found["store"]["artifacts"], found["store"]["leftovers"]) == (1, 1)
    assert found["store"]["bytes"] == sum(e.size for e in made.entries()) > 0
    assert any("temporary folders" in warning for warning in found["warnings"])


def test_what_steps_left_to_go_on_from_is_counted(examined, tmp_path):
    Store(tmp_path / "store").scratch("a" * 32).mkdir(parents=True)
    found = examined()
    assert (found["store"]["unfinished"], found["store"]["artifacts"]) == (1, 0)
    assert "machines.json" in [path.name for path in (tmp_path / "store").iterdir()]


def test_a_missing_library_is_named_with_the_way_out(examined, monkeypatch):
    own = doctor.metadata.version

    def version(name):
        if name in ("timm", "wandb"):
            raise doctor.metadata.PackageNotFoundError(name)
        return own(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    found = examined(code=1)
    assert found["errors"] == ["timm is missing: pip install timm"]
    assert found["versions"]["wandb"] is None


def test_torch_that_cannot_be_imported_is_an_error_and_no_traceback(examined, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    found = examined(code=1)
    assert any(error.startswith("torch cannot be imported") for error in found["errors"])
    assert "bf16" not in found["devices"]
    assert command([]) == 1
    assert "a run can work" not in capsys.readouterr().out


def test_a_busy_machine_and_a_full_disk_are_said(examined, monkeypatch):
    monkeypatch.setattr(hardware.os, "getloadavg", lambda: (1000.0, 0.0, 0.0))
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage)
    said = " ".join(examined()["warnings"])
    assert "1000.0 processes want" in said
    assert "only 1.0 kB left where the store is" in said
    assert "bfloat16 is emulated" in said


def test_configurations_that_are_nowhere_or_broken_are_named(examined, tmp_path):
    assert "nowhere" in " ".join(examined(code=1, MU_CONFIGS=tmp_path / "nowhere")["errors"])
    path = tmp_path / "mine" / "method" / "bad.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    found = examined(MU_CONFIGS=tmp_path / "mine")
    assert any("bad.yaml" in warning for warning in found["warnings"])


def test_a_wrong_word_is_refused():
    with pytest.raises(UsageError, match="--yaml"):
        command(["--yaml"])


def test_the_probe_times_what_it_says():
    found = hardware.bf16_probe()
    assert found["ratio"] > 0
    assert found["verdict"] == hardware.bf16_verdict(found["ratio"])
