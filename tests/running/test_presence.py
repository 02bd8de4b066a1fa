"""Classes that are nowhere are named before anything runs, and none is imported for it."""

import sys

import pytest

from mu.configuration.choices import choices, read_yaml
from mu.errors import UsageError
from mu.running.presence import check_present, why_absent


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "of_mine").mkdir()
    (tmp_path / "of_mine" / "__init__.py").write_text("")
    (tmp_path / "of_mine" / "nets.py").write_text(
        "raise RuntimeError('imported')\n"
        "from torch.nn import Linear as Head\n"
        "class Outer:\n    class Inner: pass\n"
        "Alias = Outer\n"
    )
    (tmp_path / "of_mine" / "starred.py").write_text("from torch.nn import *\n")
    (tmp_path / "of_mine" / "broken.py").write_text("class (:\n")


@pytest.mark.parametrize(
    "target",
    [
        *("of_mine.nets.Outer", "of_mine.nets.Alias", "of_mine.nets.Head"),
        *("of_mine.nets.Outer.Inner", "of_mine.starred.Linear", "of_mine.broken.Anything"),
        *("torch.optim.SGD", "torchvision.models.resnet18", "numpy.nothing_there", "__main__.X"),
    ],
)
def test_what_is_there_or_cannot_be_known_passes(own, target):
    assert why_absent(target) is None
    assert "of_mine.nets" not in sys.modules


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("of_mine.nets.Outr", "of_mine.nets has no 'Outr'; did you mean Outer?"),
        ("of_mine.net.Outer", "there is no module of_mine.net in the folders"),
        ("of_mind.nets.Outer", "there is no module of_mind in the folders"),
        ("Outer", "it needs the module"),
    ],
)
def test_what_is_nowhere_is_named(own, target, why):
    with pytest.raises(UsageError, match=rf"row mine: {target} cannot be imported: {why[:20]}"):
        check_present({"a": [{"_target_": target}]}, "row mine")
    assert (why_absent(target) or "").startswith(why)


@pytest.mark.parametrize("group", ["data", "model", "recipe", "method", "evaluation", "request"])
def test_every_choice_of_mu_is_there(group):
    for name, path in choices(group).items():
        check_present(read_yaml(path), name)
