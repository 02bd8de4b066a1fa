"""Lists of concept words."""

import pytest

from mu.concepts.words import read_words, shipped_lists
from mu.data.images import CIFAR10
from mu.errors import UsageError


@pytest.mark.parametrize("name", shipped_lists())
def test_a_shipped_list_is_clean_as_it_is(name):
    found = read_words(name)
    written = [
        line
        for line in shipped_lists()[name].read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert found == written
    assert len(found) >= 50


def test_no_word_of_the_cifar_list_is_a_class():
    assert read_words("cifar10", CIFAR10.names) == read_words("cifar10")


def test_a_file_of_ones_own_is_read(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("# mine\nA Red Apple\nthe stem\nsmall round seed\nstem  # again\npip\npear\n")
    assert read_words(path, ["Pear"]) == ["red apple", "stem", "pip"]


def test_what_is_no_list_is_named(tmp_path):
    with pytest.raises(UsageError, match="'cifar11'; did you mean cifar10"):
        read_words("cifar11")
    one = tmp_path / "one.txt"
    one.write_text("wing\n")
    with pytest.raises(UsageError, match="holds 1 concept words"):
        read_words(one)
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"\xff\xfe\x00wing")
    with pytest.raises(UsageError, match="not text in UTF-8"):
        read_words(binary)
