"""What Python gives becomes the words and rows of the command line, or is refused."""

import copy
import importlib
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mu.configuration.words import parse_words
from mu.data.build import build
from mu.errors import UsageError
from mu.running.code import forget_files
from mu.studies.given import configuration_of, rows_given, words_given
from mu.unlearning.base import Unlearner
from mu.unlearning.gradient_ascent import GradientAscent
from mu.unlearning.ssd import SSD

OWN = """
from mu.unlearning.base import Unlearner

class Mine(Unlearner):
    def __init__(self, size=1.0, **more):
        super().__init__()
        self.size = size
        self.more = more

    def solve(self):
        self.learner.double()

class Several(Unlearner):
    def __init__(self, *sizes):
        super().__init__()
"""
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
LEAVES = LEAVES.filter(lambda value: value not in (float("inf"), float("-inf")))


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("mu.running.live.is_own", lambda module: module == "own_given")
    path = tmp_path / "own_given.py"
    path.write_text(OWN)
    sys.modules.pop("own_given", None)
    forget_files()
    yield importlib.import_module("own_given"), path
    sys.modules.pop("own_given", None)
    forget_files()


@given(st.lists(LEAVES, max_size=3) | LEAVES)
def test_a_value_is_read_as_it_was_given_or_refused(value):
    try:
        words = words_given({"a": {"b": value}})
    except UsageError:
        return
    assert parse_words(words) == {"a.b": value}


@pytest.mark.parametrize("value", ["it's", 'a "b"', "a b", "null", "1e-3", "", "a\\", "x,y", "ü"])
def test_texts_of_all_kinds_are_words(value):
    assert parse_words(words_given({"k": value})) == {"k": value}


@pytest.mark.parametrize("value", [object(), float("nan"), {"a": {1, 2}}, [object()]])
def test_what_no_word_says_is_refused(value):
    with pytest.raises(UsageError):
        words_given({"k": value})


def test_keys_that_choose_are_read_as_on_the_command_line():
    words = words_given({"seeds": [3], "methods": ["a", "b"], "seed": 4, "out": "a b"})
    assert words == ["seeds=[3]", "methods=[a,b]", "seed=4", "out=a b"]


def test_a_method_becomes_its_configuration(own):
    module, _ = own
    assert configuration_of(SSD(alpha=5.0)) == {
        "_target_": "mu.unlearning.ssd.SSD",
        "alpha": 5.0,
    }
    made = module.Mine(2.0, sizes=[1, 2])
    found = configuration_of(made)
    assert found == {"_target_": "own_given.Mine", "size": 2.0, "sizes": [1, 2]}
    assert configuration_of(copy.deepcopy(made)) == found
    anew = build(found)
    assert (anew.size, anew.more) == (2.0, {"sizes": [1, 2]})


def test_a_method_that_ran_is_the_same_configuration():
    import torch

    import mu

    method = GradientAscent(epochs=1, lr=0.1)
    before = configuration_of(method)
    mu.unlearn(torch.nn.Linear(3, 2), method, forget=[(torch.eye(3), torch.tensor([0, 1, 0]))])
    assert configuration_of(method) == before


def test_a_method_that_was_changed_is_refused():
    method = SSD(alpha=5.0)
    method.alpha = 6.0
    with pytest.raises(UsageError, match=r"SSD\.alpha was set to 6\.0"):
        configuration_of(method)


def test_a_method_that_holds_more_than_plain_values_is_refused(own):
    module, _ = own
    with pytest.raises(UsageError, match=r"Mine\(size=…\) holds a object"):
        configuration_of(module.Mine(object()))
    with pytest.raises(UsageError, match=r"Several takes \*sizes"):
        configuration_of(module.Several(1, 2))


def test_a_class_that_is_not_where_it_says_is_refused(own):
    class Hidden(Unlearner):
        pass

    with pytest.raises(UsageError, match="at the top level"):
        configuration_of(Hidden())
    module, _ = own
    old = module.Mine()
    importlib.reload(module)
    with pytest.raises(UsageError, match="anew"):
        configuration_of(old)


def test_a_class_whose_file_changed_is_refused(own):
    module, path = own
    configuration_of(module.Mine())
    path.write_text(OWN.replace("double", "half"))
    with pytest.raises(UsageError, match="has changed since it was imported"):
        configuration_of(module.Mine())


def test_rows_have_names():
    names, own = rows_given(["utu", SSD(), SSD(share=0.1), {"mine": GradientAscent(1, 0.1)}])
    assert names == ["utu", "SSD", "SSD_2", "mine"]
    assert own.keys() == {"SSD", "SSD_2", "mine"}
    assert own["mine"]["lr"] == 0.1
    assert rows_given("a,b") == (["a", "b"], {})
    assert rows_given(SSD())[0] == ["SSD"]
    given_row = {"ssd_5": {"method": "ssd", "alpha": 5.0}}
    assert rows_given([given_row]) == (["ssd_5"], given_row)


@pytest.mark.parametrize(
    ("methods", "named"),
    [
        ([SSD], r"SSD is a class: hand over SSD\(…\)"),
        (["ssd", "ssd"], "ssd is there twice"),
        ([3], "3 is neither"),
        (3, "methods=3"),
    ],
)
def test_wrong_methods_are_refused(methods, named):
    with pytest.raises(UsageError, match=named):
        rows_given(methods)
