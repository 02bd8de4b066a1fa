"""Options held against annotations, without an import."""

import pytest

from mu.configuration.choices import choices, read_yaml
from mu.errors import UsageError
from mu.running.signatures import check_annotated

SSD = {"_target_": "mu.unlearning.ssd.SSD"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SSD | {"alpha": "abc"}, "row: alpha='abc' is not a number or null"),
        (SSD | {"alpha": True}, "alpha=True is not a number or null"),
        (
            {"_target_": "mu.unlearning.finetune.FineTune", "epochs": 1.5},
            "epochs=1.5 is not a whole number",
        ),
    ],
)
def test_another_type_is_named(options, message):
    with pytest.raises(UsageError, match=message):
        check_annotated(options, "row")


@pytest.mark.parametrize("path", choices("method").values(), ids=lambda path: path.stem)
def test_the_defaults_of_every_method_fit(path):
    config = read_yaml(path)
    check_annotated({k: v for k, v in config.items() if v != "???"}, path.stem)


def test_what_is_not_known_is_left_to_the_constructor():
    check_annotated({"_target_": "nowhere.Method", "alpha": "abc"}, "row")
    check_annotated({"alpha": "abc"}, "row")
    check_annotated(SSD | {"alpha": 3, "unheard_of": "abc"}, "row")
