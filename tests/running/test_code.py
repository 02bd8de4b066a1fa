"""The digest of the code a step runs."""

from pathlib import Path

import pytest
import yaml

import mu.running.code
from mu.configuration.choices import choices
from mu.errors import UsageError
from mu.running.code import code_digest, forget_files, reachable

STEPS = (
    "mu.data.describe",
    "mu.training.fit",
    "mu.forget_sets.select",
    "mu.forget_sets.search.step",
    "mu.unlearning.serve",
    "mu.models.predict",
    "mu.evaluation.scoring",
)
MACHINERY = (
    *("mu.pipeline", "mu.steps", "mu.card", "mu.library", "mu.configuration.experiment"),
    *("mu.running.jobs", "mu.running.worker", "mu.running.cluster", "mu.running.runner"),
    *("mu.running.code", "mu.storing.store", "mu.verbs.run"),
    *("mu.results.words", "mu.results.card", "mu.results.rows", "mu.results.panel"),
    "mu.results.results",
)
HELPER = '''"""What helps."""


def double(x):
    """Twice x."""
    return 2 * x  # twice
'''


@pytest.fixture(autouse=True)
def _fresh():
    """Digests are remembered per process; the files of these tests change."""
    forget_files()
    yield
    forget_files()


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A package with a step that imports a helper, and something nobody imports."""
    folder = tmp_path / "toypack"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "inner" / "__init__.py").write_text("")
    (folder / "inner" / "helper.py").write_text(HELPER)
    (folder / "other.py").write_text("VALUE = 1\n")
    (folder / "step.py").write_text(
        "def step():\n    from toypack.inner import helper\n\n    return helper.double(1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(mu.running.code, "PACKAGE", "toypack")
    # The package is found as mu itself is: above the room of `mu.running.code`.
    monkeypatch.setattr(mu.running.code, "__file__", str(folder / "running" / "code.py"))
    return folder


def digest_after(path: Path, text: str) -> str:
    path.write_text(text)
    forget_files()
    return code_digest("toypack.step")


def test_comments_docstrings_and_layout_do_not_count(package):
    before = code_digest("toypack.step")
    changed = HELPER.replace("What helps", "Other words").replace("Twice x", "Two x")
    changed = changed.replace("# twice", "# two times").replace("2 * x", "(2\n        * x)")
    assert changed != HELPER
    assert digest_after(package / "inner" / "helper.py", changed) == before


def test_a_helper_reached_by_import_counts(package):
    before = code_digest("toypack.step")
    changed = HELPER.replace("2 * x", "3 * x")
    assert digest_after(package / "inner" / "helper.py", changed) != before


def test_a_string_that_is_no_docstring_counts(package):
    path = package / "inner" / "helper.py"
    before = digest_after(path, HELPER + 'NAME = "a"\n')
    assert digest_after(path, HELPER + 'NAME = "b"\n') != before


@pytest.mark.parametrize(
    "line",
    [
        "from .inner.helper import double",
        "from .inner import helper",
        "from toypack.inner.helper import double",
        "import toypack.inner.helper as h",
        "if False:\n    import toypack.inner.helper",
    ],
)
def test_every_form_of_import_is_followed(package, line):
    (package / "step.py").write_text(f"{line}\n")
    assert reachable("toypack.step") == {"toypack.step", "toypack.inner.helper"}


def test_what_nobody_imports_does_not_count(package):
    before = code_digest("toypack.step")
    assert digest_after(package / "other.py", "VALUE = 2\n") == before


def test_package_files_do_not_count(package):
    before = code_digest("toypack.step")
    assert digest_after(package / "inner" / "__init__.py", "X = 1\n") == before


def test_circular_imports_end(package):
    (package / "inner" / "helper.py").write_text("import toypack.step\n")
    assert reachable("toypack.step") == {"toypack.step", "toypack.inner.helper"}


def test_importance_belongs_to_ssd_and_not_to_training():
    assert "mu.unlearning.importance" in reachable("mu.unlearning.ssd")
    assert "mu.unlearning.importance" not in reachable("mu.training.fit")
    assert "mu.unlearning.importance" not in reachable("mu.unlearning.finetune")


@pytest.mark.parametrize("step", STEPS)
def test_no_step_reaches_the_machinery(step):
    found = reachable(step)
    assert step in found
    assert not found & set(MACHINERY)
    assert not [name for name in found if name.startswith("mu.reporting")]


def test_predictions_do_not_depend_on_training():
    assert not rooms_of("mu.models.predict") & {"training", "unlearning"}
    assert "training" in rooms_of("mu.training.fit")


@pytest.mark.parametrize("path", choices("request").values(), ids=lambda path: path.stem)
def test_only_a_search_depends_on_training_and_on_methods(path):
    """What the key of a selection takes in: the step's code and that of the selector."""
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    module = config["_target_"].rpartition(".")[0]
    plain = rooms_of("mu.forget_sets.select") | rooms_of(module)
    assert bool(plain & {"training", "unlearning"}) == ("learners" in config)


def rooms_of(step):
    """Rooms of `mu` that a step reaches."""
    return {name.split(".")[1] for name in reachable(step)}


def test_a_method_reaches_no_other_method():
    methods = {"mu.unlearning.ssd", "mu.unlearning.finetune", "mu.unlearning.utu"}
    for method in methods:
        assert reachable(method) & methods == {method}


@pytest.mark.parametrize("name", ["ownfile.py", "ownpack/__init__.py", "ownpack/deep/file.py"])
def test_a_users_class_stands_for_its_own_file(tmp_path, monkeypatch, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    monkeypatch.syspath_prepend(tmp_path)
    target = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") + ".Own"
    path.write_text("class Own:\n    x = 1\n")
    before = code_digest(target)
    path.write_text("class Own:  # the same\n    x = 1\n")
    forget_files()
    assert code_digest(target) == before
    path.write_text("class Own:\n    x = 2\n")
    forget_files()
    assert code_digest(target) != before


def test_installed_libraries_count_by_name():
    assert code_digest("torch.optim.SGD") != code_digest("torch.optim.Adam")


def test_a_file_that_is_no_python_is_named(tmp_path, monkeypatch):
    (tmp_path / "own_broken_file.py").write_text("def f(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match=r"own_broken_file.py, line 1, is no Python"):
        code_digest("own_broken_file.Method")
