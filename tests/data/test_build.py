"""From a configuration to the object it names, and why there is none."""

import pytest

from mu.data.build import build
from mu.errors import UsageError

FILES = {
    "needs_another": "import nothing_there\n",
    "no_python": "def f(:\n",
    "fails": "raise RuntimeError('no licence')\n",
    "fine": "class Outer:\n    class Inner:\n        pass\n",
}


@pytest.fixture
def own(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / f"own_{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("own_missing.M", "there is no module own_missing"),
        ("mu.unlearning.nowhere.M", "there is no module mu.unlearning.nowhere"),
        ("own_needs_another.M", "module own_needs_another imports nothing_there, which is not"),
        ("own_no_python.M", "module own_no_python is no Python: .* line 1 of .*own_no_python.py"),
        ("own_fails.M", "module own_fails fails on import: RuntimeError: no licence"),
        ("mu.unlearning.ssd.SSDD", "mu.unlearning.ssd has no 'SSDD'; did you mean SSD?"),
        ("SSD", "it needs the module, too"),
    ],
)
def test_a_class_that_cannot_be_imported_says_why(own, target, why):
    with pytest.raises(UsageError, match=f"^{target} cannot be imported: {why}") as found:
        build({"_target_": target})
    assert "\n" not in str(found.value)
    with pytest.raises(UsageError, match=f"^{target} cannot be imported"):
        build({"_target_": "builtins.dict", "inner": {"_target_": target}})


def test_what_is_there_is_built(own):
    assert type(build({"_target_": "own_fine.Outer.Inner"})).__name__ == "Inner"
    with pytest.raises(UsageError, match=r"own_fine.Outer: Outer.. takes no arguments"):
        build({"_target_": "own_fine.Outer", "_args_": [1]})


def test_a_configuration_without_a_class():
    with pytest.raises(UsageError, match=r"_target_ is missing: which class takes lr?"):
        build({"lr": 0.1})
