"""What is wrong with an experiment before anything of it is run."""

import pytest

from mu.errors import UsageError
from mu.verbs.cells import experiment_of


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["requests=class", "evaluation=links"],
            "evaluation=links has scores of links, and digits has classes: .*=classification",
        ),
        (
            ["requests=edges_5", "evaluation=classification"],
            "has scores of classes, and digits_links has links: .*evaluation=links",
        ),
        (["requests=class", "method.alpha=abc", "methods=ssd"], "method ssd: alpha='abc'"),
    ],
)
def test_it_is_refused(words, message):
    with pytest.raises(UsageError, match=message):
        experiment_of(["experiment=quickstart", *words])


def test_a_class_that_is_nowhere_is_named(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("_target_: my_package.nets.Net\n")
    monkeypatch.setenv("MU_CONFIGS", str(tmp_path))
    with pytest.raises(UsageError, match=r"model mine: my_package\.nets\.Net cannot be imported"):
        experiment_of(["experiment=quickstart", "requests=class", "model=mine"])
