"""Sections in order, methods in order, and what is said about each."""

from typing import Any

from records import read

from mu.reporting.layout import ordered, sections, sequences, shared_notes, shown

Results = dict[str, Any]


def test_one_section_per_request_and_step(results: Results) -> None:
    assert [(s.block, s.request, s.step) for s in sections(read(results))] == [
        (0, "class_3", 0),
        (0, "random_20", 0),
        (1, "edges", 0),
        (2, "classes_3_8", 0),
        (2, "classes_3_8", 1),
    ]
    assert [len(group) for group in sequences(sections(read(results))).values()] == [2]


def test_references_first_then_the_null_method() -> None:
    names = ["ssd", "oracle", "utu", "original", "finetune", "null", "random_weights", "ssd"]
    first = ("original", "random_weights", "oracle", "null", "utu")
    assert ordered(names) == (*first, "ssd", "finetune")


def test_steps_are_sorted_whatever_the_order_of_the_cards(results: Results) -> None:
    results["cards"].reverse()
    assert [s.step for s in sections(read(results)) if s.block == 2] == [0, 1]


def test_notes_common_to_all_are_said_once(results: Results) -> None:
    assert shared_notes(sections(read(results))) == [
        "every method ran with default settings, not tuned",
    ]
    assert shared_notes(sections(read(results))[:1]) == []


def test_a_long_sequence_is_abridged(long_sequence: Results) -> None:
    assert [section.step for section in shown(sections(read(long_sequence)))] == [0, 39]
