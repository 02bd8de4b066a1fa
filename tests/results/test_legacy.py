"""Kept results, whose panels say less than those of today."""

from pathlib import Path

import pytest

from mu.results.comparisons import _gap, _level
from mu.results.legacy import FACTS, original, with_facts
from mu.results.results import json_text, read_results

KEPT = sorted((Path(__file__).parents[2] / "experiments").glob("*/results.json"))
ROLES = {"links": ("df_auc", "kl_forget"), "forget_sets": ("loss_forget", "avg_gap")}


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.parent.name)
def test_kept_results_get_every_fact_and_give_none_back(path: Path) -> None:
    results = read_results(path)
    for name, panel in results.panels.items():
        assert all(fact in facts for facts in panel["scores"].values() for fact in FACTS)
        assert not [s for s, facts in panel["scores"].items() if len(facts["reads"]) == 5]
        compared = any(entry.get("baselines") for entry in results.overlaps or ())
        if compared and name in {card.panel for card in results.cards}:
            assert (_level(panel["scores"]), _gap(panel["scores"])) == ROLES[name]
    assert json_text(results) == path.read_text(encoding="utf-8")


def test_a_score_that_nobody_knows_may_have_read_test_data() -> None:
    kept = {"gone": {"scores": {"ua": {"title": "UA", "kind": "forgetting"}}}}
    facts = with_facts(kept)["gone"]["scores"]["ua"]
    assert (facts["family"], facts["public"]) == ("forgetting", "score/ua")
    assert "test" in facts["reads"]
    assert original(with_facts(kept)) == kept


def test_what_says_everything_is_left_as_it_is() -> None:
    new = {"tuning": {"scores": {"ua": {"title": "UA", "family": "attack"}}}}
    assert with_facts(new) == original(new) == new
