"""What the pipeline is told of a data set."""

import json

from mu.data.describe import step


def test_names_and_levels_are_told():
    found = step({"data": {"_target_": "mu.data.images.Digits"}}, {}, None)
    assert found.facts["class_names"] == list("0123456789")
    assert found.facts["levels"] == []
    assert found.facts["n_train"] == len(found.arrays["part/train"]) == 1078
    json.dumps(found.facts)


def test_data_without_names_say_so():
    found = step({"data": {"_target_": "mu.data.digits_graph.DigitsLinks"}}, {}, None)
    assert found.facts["class_names"] is None
