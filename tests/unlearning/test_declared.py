"""What the class of a method declares of itself."""

import pytest

from mu.errors import UsageError
from mu.unlearning.base import Unlearner


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"needs": frozenset({"retained"})}, "Mine: needs names 'retained'; .* forget, retain"),
        ({"needs": "forget"}, "Mine: needs names 'forget'; it is a set of"),
        ({"requests": frozenset({"sample"})}, "Mine: requests names 'sample'; .* samples, nodes"),
        ({"changes": {"weight"}}, "Mine: changes names 'weight'; it is a set of weights, arch"),
    ],
)
def test_an_unknown_word_is_named_when_the_class_is_made(facts, message):
    with pytest.raises(UsageError, match=message):
        type("Mine", (Unlearner,), facts)


def test_what_is_known_is_taken():
    assert type("Mine", (Unlearner,), {"needs": frozenset({"full", "validation"})}).needs
