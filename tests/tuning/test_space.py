"""What may be searched: good spaces are drawn from, bad ones are refused."""

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mu.configuration.choices import choices, options_of, read_yaml
from mu.errors import UsageError
from mu.tuning.space import check_space, starting_point, suggested

SPACE = {
    "lr": {"low": 1e-4, "high": 0.1, "log": True},
    "epochs": {"low": 1, "high": 5, "int": True},
    "mode": {"choices": ["a", "b"]},
}


@given(st.integers(0, 1000))
def test_every_draw_lies_in_the_space(seed):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    found = suggested(study.ask(), SPACE)
    assert set(found) == set(SPACE)
    assert 1e-4 <= found["lr"] <= 0.1
    assert found["epochs"] in range(1, 6) and isinstance(found["epochs"], int)
    assert found["mode"] in ("a", "b")


def test_the_start_is_what_the_space_holds_of_the_defaults():
    config = {"lr": 0.01, "epochs": 9, "mode": None}
    assert starting_point(config, SPACE) == {"lr": 0.01}


@pytest.mark.parametrize(
    ("search", "named"),
    [
        ({"rate": {"low": 0, "high": 1}}, "rate"),
        ({"lr": [0, 1]}, "mapping"),
        ({"lr": {"low": 0}}, "high"),
        ({"lr": {"low": 0, "high": 1, "steps": 3}}, "steps"),
    ],
)
def test_a_bad_space_is_refused(search, named):
    with pytest.raises(UsageError, match=named):
        check_space("m", {"lr": 0.1, "search": search})


@pytest.mark.parametrize("name", choices("method"))
def test_spaces_of_the_methods_hold_their_defaults(name):
    config = read_yaml(choices("method")[name])
    space = check_space(name, config)
    assert set(starting_point(options_of(config), space)) == set(space)
