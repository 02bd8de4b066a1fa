"""Nothing wider than asked, nothing cut, the oracle and every failure in sight."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from records import read
from rich.cells import cell_len
from rich.console import Console

from mu.reporting.report import print_report
from mu.reporting.terminal import terminal_table

Results = dict[str, Any]


def show(results: Results, width: int = 80, console_width: int | None = None) -> list[str]:
    console = Console(width=console_width or width, record=True, file=io.StringIO())
    console.print(terminal_table(read(results), width))
    return console.export_text().splitlines()


@pytest.mark.parametrize("width", [80, 72, 60, 44])
def test_no_line_is_wider_than_asked_even_on_a_wider_console(results: Results, width: int) -> None:
    lines = show(results, width, console_width=200)
    assert max(map(cell_len, lines)) <= width
    assert "…" not in "\n".join(lines)


def test_every_headline_score_and_method_is_there(results: Results) -> None:
    text = "\n".join(show(results))
    for word in ("UA", "RA", "TA", "MIA", "D_t AUC", "D_f AUC", "MI ratio", "passes"):
        assert word in text
    for method in ("original", "random_weights", "oracle", "finetune", "ssd", "utu"):
        assert any(line.startswith(method) for line in text.splitlines())
    assert "3 pairs, 3 oracles each, |D_f| = 109 of 1078" in text
    assert "scikit-learn digits, small_cnn" in text


def test_numbers_are_those_of_the_rows(results: Results) -> None:
    row = next(r for r in results["rows"] if r["method"] == "ssd" and r["metric"] == "ua")
    expected = f"{row['mean']:.3f}±{(row['high'] - row['low']) / 2:.3f}"
    first = next(line for line in show(results) if line.startswith("ssd "))
    assert first.split()[1] == expected
    assert first.split()[-2:] == ["3.0", "%"]


def test_references_come_first_and_the_null_method_next(results: Results) -> None:
    text = "\n".join(show(results))
    edges = re.split("─+", text[text.index("edges: Cora") :])[1]
    names = [line.split()[0] for line in edges.splitlines() if line[:1].isalpha()]
    assert names == [
        *("original", "random_weights", "oracle"),
        *("utu", "finetune", "gradient_ascent", "ssd"),
    ]


def test_a_failed_method_shows_its_reason(results: Results) -> None:
    text = " ".join(" ".join(show(results)).split())
    assert "gradient_ascent failed: StepFailed: the loss became nan in epoch 3 of 5" in text
    assert "gradient_ascent: failed on 1 pair: a worker died" in text
    assert "nothing was selected at alpha = 10: the model did not change (3 pairs)" in text


def test_the_oracle_is_bold(results: Results) -> None:
    console = Console(width=80, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(terminal_table(read(results)))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert all(line.startswith("\x1b[1m") for line in lines if "oracle  " in line)


def test_verdicts_stand_below_in_words(results: Results) -> None:
    lines = show(results)
    for verdict in results["verdicts"]:
        if verdict["method"] not in ("original", "random_weights"):
            start = f"{verdict['method']:<15}  {verdict['verdict']}: "
            assert any(line.startswith(start.split("  ")[0]) for line in lines)
    assert any(line.startswith("finetune         like the oracle: ") for line in lines)


def test_long_wide_and_hostile_names_are_neither_cut_nor_obeyed(
    results: Results, rename: Callable[[Results, str, str], Results]
) -> None:
    hostile = "[red]方法" * 9 + "\x1b[31m_end"
    lines = show(rename(results, "finetune", hostile))
    text = "".join(line.strip() for line in lines)
    assert max(map(cell_len, lines)) <= 80
    assert "[red]方法" * 9 + "?[31m_end" in text


def test_five_headline_scores_share_a_table(results: Results) -> None:
    results["panel"]["images"]["scores"]["kl_forget"]["headline"] = True
    lines = show(results)
    header = next(line for line in lines if "UA" in line)
    assert header.split() == ["UA", "RA", "TA", "MIA", "KL", "D_f", "passes"]
    assert next(line for line in lines if line.startswith("ssd ")).split()[1] == "0.977±.007"
    assert max(map(cell_len, lines)) <= 80


def test_ten_headline_scores_go_into_several_tables(results: Results) -> None:
    for score in results["panel"]["images"]["scores"].values():
        score["headline"] = True
    lines = show(results)
    assert max(map(cell_len, lines)) <= 80
    assert any("agree D_t" in line for line in lines)


def test_one_pair_has_no_interval(results: Results) -> None:
    results["cards"] = [card for card in results["cards"] if card["pair"] == 0]
    for row in results["rows"]:
        row.update(low=None, high=None, gap_low=None, gap_high=None, n=1)
    lines = show(results)
    assert any("1 pair, 3 oracles each" in line for line in lines)
    assert not any("±" in line for line in lines if line.startswith("oracle"))


def test_a_long_sequence_shows_its_first_and_last_step(long_sequence: Results) -> None:
    text = "\n".join(show(long_sequence))
    assert "step 1 of 40" in text
    assert "step 40 of 40" in text
    assert "step 2 of 40" not in text
    assert "Left out here: 38 steps of sequences" in text


def test_print_report_keeps_to_80_columns_and_to_a_narrower_console(results: Results) -> None:
    for width, limit in ((200, 80), (60, 60)):
        console = Console(width=width, record=True, file=io.StringIO())
        print_report(read(results), console)
        assert max(map(cell_len, console.export_text().splitlines())) <= limit


def test_nothing_at_all_is_shown_as_nothing(results: Results) -> None:
    results.update(cards=[], rows=[], verdicts=[])
    assert show(results)[0] == results["title"]
