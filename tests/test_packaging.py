"""The wheel carries all that mu needs, and works alone; the command line starts light."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest

TOP = Path(__file__).parents[1]
HEAVY = (
    "torch",
    "torchvision",
    "pytorch_lightning",
    "lightning",
    "torch_geometric",
    "timm",
    "wandb",
)


def run(words, folder, path=""):
    own = {k: v for k, v in os.environ.items() if not k.startswith("MU_") and k != "PYTHONPATH"}
    own |= {"OMP_NUM_THREADS": "1", **({"PYTHONPATH": str(path)} if path else {})}
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(command, cwd=folder, env=own, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    # Built from a copy: setuptools writes build/ and an egg-info folder where it builds.
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("mu", "configs", "docs/methods"):
        shutil.copytree(TOP / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(TOP / name, source)
    if find_spec("build") and find_spec("setuptools"):
        words = ["-m", "build", "--wheel", "--no-isolation", "--outdir", out, "."]
    else:
        words = ["-m", "pip", "wheel", "--no-deps", "--wheel-dir", out, "."]
    run(words, source)
    [path] = out.glob("mu-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    site = tmp_path_factory.mktemp("site")
    run(["-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel], site)
    return site


def test_the_wheel_holds_every_module_configuration_and_template(wheel):
    held = set(ZipFile(wheel).namelist())
    code = {p.relative_to(TOP).as_posix() for p in (TOP / "mu").rglob("*.py")}
    configs = {f"mu/{p.relative_to(TOP).as_posix()}" for p in (TOP / "configs").rglob("*.yaml")}
    assert code <= held
    assert len(configs) > 20
    assert configs <= held
    pages = {f"mu/method_pages/{p.name}" for p in (TOP / "docs" / "methods").glob("*.md")}
    assert pages <= held
    assert {"mu/py.typed", "mu/reporting/page.html.j2"} <= held
    extra = {name for name in held if not name.startswith("mu/") and ".dist-info/" not in name}
    assert not extra
    assert any(name.endswith("licenses/LICENSE") for name in held)


def test_the_installed_wheel_runs_an_experiment_from_an_empty_folder(installed, tmp_path):
    where = run(["-c", "import mu; print(mu.__file__)"], tmp_path, installed)
    assert Path(where.strip()) == installed / "mu" / "__init__.py"
    words = ["experiment=quickstart", "seeds=1", "oracles=1", "requests=class", "methods=ssd"]
    words += ["recipe.epochs=1", "compute.workers=0", "out=found"]
    said = run(["-m", "mu", "run", *words], tmp_path, installed)
    assert "report: found/report.html" in said
    results = json.loads((tmp_path / "found" / "results.json").read_text())
    rows = {card["method"] for card in results["cards"]}
    assert rows == {"original", "random_weights", "oracle", "null", "ssd"}
    assert all(card["error"] is None for card in results["cards"])
    assert {path.name for path in tmp_path.iterdir()} == {".mu", "found"}


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["plan", "-h"], ["help", "tune"]])
def test_help_imports_nothing_heavy(words):
    heavy = {*HEAVY, "numpy", "hydra", "omegaconf", "rich"}
    code = (
        f"import sys; from mu.__main__ import main; assert main({words}) == 0; "
        f"print('loaded:', *sorted(sys.modules.keys() & {heavy}))"
    )
    said = run(["-c", code], TOP, TOP)
    assert "[key=value ...]" in said
    assert said.endswith("loaded:\n")


@pytest.mark.parametrize("words", [["list", "methods"], ["list", "metrics"], ["--version"]])
def test_verbs_that_compute_nothing_import_neither_torch_nor_lightning(words):
    code = (
        f"import sys; from mu.__main__ import main; assert main({words}) == 0; "
        f"print('loaded:', *sorted(sys.modules.keys() & {set(HEAVY)}))"
    )
    assert run(["-c", code], TOP, TOP).endswith("loaded:\n")
