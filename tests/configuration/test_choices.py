"""YAML files: what they may hold, and one line for what they may not."""

import pytest

from mu.configuration.choices import DEEPEST, read_yaml
from mu.errors import UsageError


@pytest.fixture
def read(tmp_path):
    """Read the text as a YAML file."""

    def reading(text):
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return read_yaml(path)

    return reading


def test_plain_values_are_read(read):
    assert read("a: [1, 2.5, yes, null, x]\nnull: {1: {}}") == {
        "a": [1, 2.5, True, None, "x"],
        None: {1: {}},
    }
    deep = "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1)
    assert read(f"a: {deep}")
    assert read("a: &a [1]\nb: [*a, *a]")["b"] == [[1], [1]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: .inf", "has inf, which is not a finite number"),
        ("a: {b: [-.inf]}", "has -inf"),
        ("a: 2024-01-01", "date.*quotes"),
        ("a: !!binary aGFsbG8=", "bytes"),
        ("a: !!set {b, c}", "set"),
        ("2024-01-01: 1", "keys are words"),
        ("2.5: 1", "the key 2.5"),
        ("a: 2024-99-99", "is not YAML"),
        (f"a: {'[' * (DEEPEST + 1)}{']' * (DEEPEST + 1)}", "nested too deep"),
        ("[" * 5000, "nested too deep"),
        ("a: &x [*x]", "nested too deep"),
        ("- 1", "holds no mapping"),
    ],
)
def test_what_is_no_configuration_is_named(read, text, said):
    with pytest.raises(UsageError, match=f"mine.yaml.*{said}") as found:
        read(text)
    assert "\n" not in str(found.value)


def test_a_few_lines_do_not_stand_for_more_than_fits(read):
    lines = [f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]" for n in range(27)]
    with pytest.raises(UsageError, match="too many values"):
        read("\n".join(["a0: &a0 [1]", *lines]))
