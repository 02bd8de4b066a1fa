"""What a search minimises, for every panel there is."""

import copy

import pytest
from records import ROW, read

from mu.configuration.choices import choices
from mu.configuration.compose import composed
from mu.results.judged import objective, over_forgetting, ranks
from mu.results.panel import describe_panels

PANELS = {
    name: facts["scores"]
    for choice in choices("evaluation")
    for name, facts in describe_panels(
        choice, composed({"evaluation": choice})["evaluation"]
    ).items()
}


def results(scores, values):
    """One cell whose oracles score 0.4 everywhere."""
    oracle = {name: [0.4, 0.4] for name in values}
    return read(
        {"panel": {"p": {"scores": scores}}, "cards": [{"values": values, "oracle": oracle}]}
    )


@pytest.mark.parametrize("name", PANELS)
def test_the_objective_is_blind_to_test_data(name) -> None:
    scores = PANELS[name]
    values = {score: 0.5 for score, facts in scores.items() if facts["kind"] != "cost"}
    tested = [score for score in values if "test" in scores[score]["reads"]]
    before = objective(results(scores, values))
    assert (before is None) == (name == "continual")  # its whole headline is of test data
    for score in tested:
        assert objective(results(scores, values | {score: 0.9})) == before, score
    assert objective(results(scores, values | dict.fromkeys(tested, 0.9))) == before
    free = [score for score in values if score not in tested]
    after = objective(results(scores, values | dict.fromkeys(free, 0.9)))
    assert before is None or after != before


def test_rows_that_are_no_methods_count_nowhere() -> None:
    place = {"request": "random", "step": 0, "data": "d", "model": "m"}
    facts = {"kind": "forgetting", "headline": True, "better": "oracle", "reads": ["forget"]}
    facts |= {"family": "forgetting"}
    found = read(
        {
            "panel": {"p": {"scores": {"ua": facts}}},
            "cards": [
                {"method": method, "values": {"ua": value}, "oracle": {"ua": [0.4, 0.4]}}
                for method, value in (("null", 0.4), ("ssd", 0.1))
            ],
            "rows": [
                ROW | place | {"method": method, "metric": "ua", "gap": gap, "verdict": "differs"}
                for method, gap in (("original", -0.4), ("null", 0.1), ("ssd", 0.3))
            ],
            "verdicts": [
                place | {"method": method, "verdict": "differs", "reason": "", "on": ["ua"]}
                for method in ("null", "ssd")
            ],
        }
    )
    assert objective(found) == pytest.approx(0.3)
    assert {method for (_, method), _ in ranks(found)} == {"ssd"}
    assert {method for _, method in over_forgetting(found)} == {"ssd"}


def test_a_summary_is_taken_where_no_test_data_are_in_it() -> None:
    scores = copy.deepcopy(PANELS["tuning"])
    values = {"ua": 0.5, "ra": 0.5, "va": 0.5, "avg_gap": 0.03}
    assert objective(results(scores, values)) == 0.03
    scores["avg_gap"]["reads"] = ["test"]
    assert objective(results(scores, values)) == pytest.approx(0.1)
