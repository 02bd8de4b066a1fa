"""Options are refused one way: the option, its value and what it takes are named."""

import math

import pytest

from mu.configuration.choices import choices, options_of, read_yaml
from mu.data.build import build
from mu.errors import UsageError
from mu.unlearning.eu_k import EUk
from mu.unlearning.finetune import FineTune
from mu.unlearning.options import at_least, must_be, not_negative, one_of, positive, share
from mu.unlearning.salun import SalUn

EVERY = [positive, not_negative, share, lambda **values: at_least(0, **values)]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1, "1", None, True, [1]])
@pytest.mark.parametrize("refuse", EVERY)
def test_what_is_no_finite_number_is_refused_by_all(refuse, value):
    with pytest.raises(UsageError, match=r"^size=.* must be ") as caught:
        refuse(size=value)
    assert f"size={value!r} must be" in str(caught.value)


@pytest.mark.parametrize(
    ("refuse", "taken", "refused"),
    [
        (positive, [1e-300, 3], [0, 0.0]),
        (not_negative, [0, 0.0, 3], [-1e-300]),
        (share, [1e-300, 1], [0, 1.0000001]),
        (EVERY[-1], [0, 7], [0.5, 1.0]),
        (lambda **values: at_least(1, **values), [1], [0]),
        (lambda **values: must_be("odd", lambda v: v % 2 == 1, **values), [3], [4]),
    ],
)
def test_the_bounds(refuse, taken, refused):
    for value in taken:
        refuse(size=value)
    for value in refused:
        with pytest.raises(UsageError, match=f"^size={value}"):
            refuse(size=value)


def test_the_first_wrong_one_is_named():
    with pytest.raises(UsageError, match=r"^b=-2 must be positive and finite$"):
        positive(a=1, b=-2, c=-3)


def test_null_is_an_answer_only_where_it_means_something():
    at_least(1, samples=None, null="all")
    with pytest.raises(UsageError, match="samples=0 must be a whole number of at least 1, or null"):
        at_least(1, samples=0, null="all")


def test_a_word_is_one_of_those_known():
    one_of(stop=(None, (None, "unseen")), rule=("share", {"share": 1}))
    with pytest.raises(UsageError, match=r"^stop='now' is not one of null, unseen$"):
        one_of(stop=("now", (None, "unseen")))


@pytest.mark.parametrize(
    ("method", "word", "hint"),
    [
        (FineTune, "lrr", "did you mean lr?"),
        (EUk, "min_step", "did you mean min_steps?"),
        (SalUn, "weigth_decay", "did you mean weight_decay?"),
        (SalUn, "redrew", "did you mean redraw?"),
        (SalUn, "zzz", "it takes batch_size, epochs, lr, momentum, optimizer, redraw, share,"),
    ],
)
def test_an_unknown_option_is_refused_with_the_nearest(method, word, hint):
    with pytest.raises(UsageError) as caught:
        method(epochs=1, lr=0.1, **{word: 1})
    assert str(caught.value).startswith(f"{method.__name__} has no option '{word}'; {hint}")


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"momentum": -0.1},
        {"weight_decay": math.nan},
        {"optimizer": "lion"},
        {"lr": math.inf},
        {"epochs": 1.5},
    ],
)
def test_training_options_are_checked_for_every_method_that_trains(options):
    for method in (FineTune, EUk, SalUn):
        with pytest.raises(UsageError, match=next(iter(options))):
            method(**{"epochs": 1, "lr": 0.1} | options)


@pytest.mark.parametrize("name", choices("method"))
def test_no_method_takes_a_number_that_is_none(name):
    given = options_of(read_yaml(choices("method")[name]))
    numbers = [key for key, value in given.items() if type(value) in (int, float)]
    for option in numbers:
        for value in (math.nan, math.inf, "many"):
            with pytest.raises(UsageError) as caught:
                build(given | {option: value})
            assert f"{option}={value!r}" in str(caught.value)
