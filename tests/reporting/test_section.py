"""What a section says about its methods and scores."""

from typing import Any

from records import read

from mu.reporting.layout import sections
from mu.reporting.section import Outcome

Results = dict[str, Any]


def test_outcomes(results: Results) -> None:
    class_3, random_20, edges, *_ = sections(read(results))
    assert class_3.outcome("oracle") == Outcome("")
    assert class_3.outcome("finetune").word == "differs"
    assert random_20.outcome("gradient_ascent").word == "differs"
    assert edges.outcome("gradient_ascent").word == "failed"
    assert edges.outcome("gradient_ascent").reason.startswith("StepFailed")


def test_a_method_that_does_not_apply_has_not_failed(results: Results) -> None:
    for card in results["cards"]:
        if card["error"]:
            card["error"] = "not applicable: edges only"
    assert sections(read(results))[2].outcome("gradient_ascent") == Outcome(
        "not applicable", "edges only"
    )


def test_a_score_without_values_is_not_a_column(results: Results) -> None:
    first, *_, last = sections(read(results))
    assert "before" not in first.metrics
    assert "before" in last.metrics


def test_without_a_headline_the_first_scores_are_shown(results: Results) -> None:
    for card in results["cards"]:
        card["panel"] = "unknown"
    section = sections(read(results))[0]
    assert len(section.headline) == 4
    assert not any(metric.startswith("cost/") for metric in section.headline)


def test_families(results: Results) -> None:
    section = sections(read(results))[0]
    names = ("ua", "ta", "kl_forget", "agreement_test", "cost/passes")
    assert [section.family(name) for name in names] == [
        *("forgetting", "utility", "distance", "distance", "cost"),
    ]


def test_a_family_is_what_a_score_is_not_how_it_is_called(results: Results) -> None:
    own = {"klass_accuracy": "utility", "tower": "forgetting", "jsd": "utility", "my": "attacks"}
    own |= {"liras": "forgetting", "embedding_distance": "distance", "average": "distance"}
    said = {"attacks": "attack"}
    scores = results["panel"]["images"]["scores"]
    for name, family in own.items():
        scores[name] = scores["ta"] | {"family": said.get(family, family), "headline": False}
    scores["average"]["family"] = "summary"
    section = sections(read(results))[0]
    assert {name: section.family(name) for name in own} == own


def test_a_heading_says_what_is_known_only(results: Results) -> None:
    assert sections(read(results))[0].size == "3 pairs, 3 oracles each, |D_f| = 109 of 1078"
    for card in results["cards"]:
        card |= {"error": "StepFailed: no", "n_forget": None, "n_retain": None, "oracle": {}}
    assert sections(read(results))[0].size == "0 pairs"
    for card in results["cards"]:
        card |= {"n_forget": 109, "n_retain": 969}
    assert sections(read(results))[0].size == "0 pairs, |D_f| = 109 of 1078"


def test_tuned_methods_are_not_called_untuned(results: Results) -> None:
    for card in results["cards"]:
        card["defaults"] = card["method"] == "ssd"
    assert "ssd ran with default settings, not tuned" in sections(read(results))[0].notes


def test_a_method_without_any_result_is_not_called_untuned(results: Results) -> None:
    for card in results["cards"]:
        card["defaults"] = True
        if card["method"] == "ssd":
            card["error"] = "not applicable: edges only"
    section = sections(read(results))[0]
    assert "ssd" in section.methods
    assert "every method ran with default settings, not tuned" in section.notes


def test_what_is_exact_is_said_with_the_number_of_pairs(results: Results) -> None:
    first = [c for c in results["cards"] if c["method"] == "finetune" and c["block"] == 0]
    request = first[0]["request"]
    first = [card for card in first if card["request"] == request]
    for card, word in zip(first, ["unequal", *["equal"] * len(first)], strict=False):
        card["exactness"] = word
    section = next(s for s in sections(read(results)) if s.request == request)
    equal, pairs = len(first) - 1, len(first)
    assert f"in {equal} of {pairs} pairs" in " ".join(section.notes)
    assert section.exactness[0].startswith("finetune: the statistics of the head")
    for card in first:
        card["exactness"] = "head only"
    section = next(s for s in sections(read(results)) if s.request == request)
    assert "exact in the head only" in section.exactness[0]


def test_rows_of_several_processors_or_precisions_say_so(results: Results) -> None:
    def notes() -> list[str]:
        return [n for n in sections(read(results))[0].notes if "processors" in n or "precis" in n]

    for card in results["cards"]:
        card["recipe_config"] = {"precision": "bf16-mixed"}
        card["versions"] = {"processor": "A"}
    assert notes() == []
    results["cards"][0]["versions"] = {"processor": "B"}
    (said,) = notes()
    assert said.startswith("made by several processors (A, B)")
    assert "other bits" in said
    results["cards"][0]["recipe_config"] = {"precision": "32-true"}
    results["cards"][0]["versions"] = {}
    assert notes() == ["rows of several precisions stand side by side: 32-true, bf16-mixed"]


def test_memory_is_shown_where_it_is_known(results: Results) -> None:
    from mu.reporting.latex import latex_table
    from mu.reporting.table import markdown_table
    from mu.reporting.terminal import terminal_table

    def tables() -> list[str]:
        found = read(results)
        lines = [str(line) for line in terminal_table(found).renderables]
        assert max(map(len, lines)) <= 80
        return ["\n".join(lines), markdown_table(found), latex_table(found)]

    assert not any("MB" in table for table in tables())
    panels = results["panel"].values()
    for panel in panels:
        panel["scores"]["cost/memory_request"] = {"title": "MB", "kind": "cost"}
    for card in results["cards"]:
        card["values"]["cost/memory_request"] = 1234.4
    for row in [r for r in results["rows"] if r["metric"] == "cost/passes"]:
        results["rows"].append(row | {"metric": "cost/memory_request", "mean": 1234.4})
    assert all("MB" in table and "1234" in table for table in tables())
