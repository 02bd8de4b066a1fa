"""The examples of property tests."""

import sys

from hypothesis import given, settings
from hypothesis import strategies as st


def drawn(profile: str) -> list[object]:
    """The examples of a small property test under a profile."""
    found: list[object] = []

    @settings(settings.get_profile(profile), max_examples=50)
    @given(st.lists(st.integers() | st.floats(), min_size=5))
    def take(values):
        found.append(repr(values))

    take()
    return found


def test_the_same_examples_are_drawn_whatever_is_imported(tmp_path, monkeypatch):
    before = drawn("fixed")
    (tmp_path / "odd_numbers.py").write_text("A, B, C, D = 987654, 31.4159, 271828, -1.4142135\n")
    monkeypatch.syspath_prepend(tmp_path)
    import odd_numbers

    assert drawn("fixed") == before
    del sys.modules[odd_numbers.__name__]


def test_fresh_examples_differ():
    assert drawn("fuzz") != drawn("fuzz")
