"""What a request's YAML says of the models it reads agrees with its class."""

import pytest
import yaml

from mu.configuration.choices import choices
from mu.configuration.requests import TRIED, tried_method
from mu.data.build import build
from mu.errors import UsageError
from mu.forget_sets.wants import wants

REQUIRED = {"label": 0, "ids": [1], "share": 0.1, "name": "a"}


@pytest.mark.parametrize("path", choices("request").values(), ids=lambda path: path.stem)
def test_every_request_says_in_its_yaml_what_its_class_wants(path):
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config |= {k: v for k, v in REQUIRED.items() if k in config}
    config |= {name: tried_method(name, config[name]) for name in TRIED & set(config)}
    config.pop("surrogate", None)
    assert wants(config) == getattr(build(config), "asked", {})


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"models": 0}, "models=0"),
        ({"models": "two"}, "models='two'"),
        ({"halves": 3}, "halves=3"),
        ({"halves": 0}, "halves=0"),
        ({"folds": 1}, "folds=1"),
        ({"learners": 0}, "learners=0"),
        ({"models": 1, "halves": 2}, "either models or halves"),
        ({"halves": 2, "folds": 2}, "either halves or folds"),
        ({"models": 1, "order": "top"}, "order='top'"),
        ({"models": 1, "share": None, "count": None}, "share or a count"),
        ({"halves": 2, "share": 2.0, "count": None}, "share=2.0"),
        ({"halves": 2, "share": None, "count": 0}, "count=0"),
    ],
)
def test_what_would_train_models_in_vain_is_refused_before(config, named):
    with pytest.raises(UsageError, match=named):
        wants(config)


def test_signals_come_before_learners():
    assert list(wants({"learners": 1, "folds": 3})) == ["folds", "learners"]
