"""Sets against those of one pass and of chance."""

from records import read

from mu.reporting.harder import harder, harder_grids


def card(request, pair, method, gap, oracle):
    return {
        **{"block": 0, "request": request, "pair": pair, "method": method, "error": None},
        **{"panel": "p", "n_forget": 50, "values": {"avg_gap": gap, "loss_forget": oracle}},
        "oracle": {"loss_forget": [oracle, oracle]},
    }


def results(**overlaps):
    """Set `worst`: lower loss of the oracle in each pair, larger gap of `a`, unclear for `b`."""
    cards = []
    for pair in range(4):
        noise = 0.01 * pair
        for request, loss, a, b in (
            ("one", 0.5 + noise, 0.1, 0.2),
            ("worst", 0.3 + 2 * noise, 0.4 + noise, 0.2 + (0.1 if pair % 2 else -0.1)),
        ):
            cards += [
                card(request, pair, m, v, loss) for m, v in (("a", a), ("b", b), ("oracle", 0))
            ]
    entry = {"block": 0, "names": ["one", "worst"], "baselines": ["one"]} | overlaps
    loss = {"title": "loss f", "family": "forgetting", "reads": ["forget"], "better": "oracle"}
    gap = {"title": "gap", "family": "summary", "reads": ["forget", "test"], "better": "lower"}
    scores = {"loss_forget": loss | {"headline": True}, "avg_gap": gap | {"headline": False}}
    panel = {"p": {"scores": scores}}
    return {"overlaps": [entry], "cards": cards, "panel": panel}


def test_words_follow_the_paired_interval():
    (table,) = harder(read(results()))
    assert table.titles == ["oracle", "a", "b"]
    ((name, cells),) = table.rows
    assert name == "worst"
    assert [cell.word for cell in cells] == ["lower", "farther", "undecided"]
    assert cells[0].main.startswith("−0.18")
    assert "loss f of the oracle" in table.caption and "against" not in table.titles


def test_a_difference_is_shown_as_far_as_its_score_can_reach():
    wide = results()
    for one, apart in zip(wide["cards"][3::6], (0.99, 0.2, 0.99, 0.99), strict=True):
        assert one["method"] == "a" and one["request"] == "worst"
        one["values"]["avg_gap"] = apart
    uncut = harder(read(wide))[0].rows[0][1]
    assert uncut[1].sub == "[+0.064, +1.321]"
    wide["panel"]["p"]["scores"]["avg_gap"]["range"] = [0.0, 1.0]
    cut = harder(read(wide))[0].rows[0][1]
    assert cut[1].sub == "[+0.064, +1.000]" and cut[0].sub == uncut[0].sub
    assert cut[1].word == uncut[1].word == "farther"


def test_sets_of_other_sizes_are_not_compared():
    mixed = results()
    for one in mixed["cards"]:
        one["n_forget"] = 52 if one["request"] == "one" else 50
    assert len(harder(read(mixed))) == 1
    for one in mixed["cards"]:
        one["n_forget"] = 90 if one["request"] == "one" else 50
    assert harder(read(mixed)) == []


def test_the_same_as_text():
    ((caption, rows),) = harder_grids(read(results()))
    assert "set of one" in caption
    assert rows[0] == ["set", "oracle", "a", "b"] and rows[1][2].endswith("farther")


def test_nothing_without_a_baseline_or_scores():
    assert (
        harder(read(results(baselines=[]))) == [] and harder(read({"cards": [], "panel": {}})) == []
    )
    bare = results()
    for one in bare["cards"]:
        one["values"] = {"ta": 1.0}
    assert harder(read(bare)) == []


def test_failed_rows_and_single_pairs_have_no_word():
    some = results()
    some["cards"] = [c for c in some["cards"] if c["pair"] == 0 or c["request"] == "one"]
    (table,) = harder(read(some))
    assert [cell.word for cell in table.rows[0][1]] == ["", "", ""]
    some["cards"][0]["error"] = "it failed"
    assert harder(read(some))
