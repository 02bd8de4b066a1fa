"""Files of models that were retrained elsewhere: which they are, and how many each set has."""

import pytest

from mu.configuration.experiment import load_experiment
from mu.configuration.oracle_files import oracle_paths, oracles_of
from mu.errors import UsageError


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(*names: str) -> None:
        for name in names:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(b"w")

    return write


def blocks(*words: str):
    return load_experiment("quickstart", ["methods=ssd", *words]).blocks


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("4", (4, [])),
        (4, (4, [])),
        ("{pair}_{k}.pt", (0, ["{pair}_{k}.pt"])),
        ("folder/a", (0, ["folder/a"])),
        (["a.pt", "b.pt"], (0, ["a.pt", "b.pt"])),
    ],
)
def test_numbers_and_files_are_told_apart(given, found):
    assert oracles_of(given) == found


@pytest.mark.parametrize("given", ["0", "-1", "x", "1.5", "2,3"])
def test_what_is_neither_is_refused(given):
    with pytest.raises(UsageError, match="oracles="):
        oracles_of(given)


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (["0_0.pt", "0_1.pt", "0_10.pt", "1_0.pt"], None),
        (["0_0.pt", "0_1.pt", "0_x.pt", "0_01.pt", "0_2.pth"], ["0_0.pt", "0_1.pt"]),
        (["0_1.pt", "0_2.pt"], ["0_1.pt", "0_2.pt"]),
        (["0_2.pt", "0_3.pt"], None),
        ([], None),
    ],
)
def test_numbers_run_from_0_or_from_1(files, there, found):
    files(*there)
    if found is None:
        with pytest.raises(UsageError, match=r"there is no weights file 0_\d\.pt"):
            oracle_paths(["{pair}_{k}.pt"], 0, "class", 1)
    else:
        assert oracle_paths(["{pair}_{k}.pt"], 0, "class", 1) == found


def test_a_number_may_stand_in_folder_and_name(files):
    files("0/a_0.pt", "0/a_1.pt", "1/a_1.pt")
    assert oracle_paths(["{k}/a_{k}.pt"], 0, "class", 1) == ["0/a_0.pt", "1/a_1.pt"]


def test_files_are_counted(files):
    files(*(f"{request}_{pair}_{k}.pt" for request in "ab" for pair in (0, 1) for k in (0, 1)))
    files(*(f"random_20_{pair}_{k}.pt" for pair in (0, 1) for k in range(4)))
    words = ("requests=random_20", "seeds=2", "oracles={request}_{pair}_{k}.pt")
    (block,) = blocks(*words)
    assert (block.oracles, block.null, block.other_recipe) == (4, False, True)
    assert not blocks(*words, "original=mine.pt")[0].other_recipe
    files("random_20_1_4.pt")
    with pytest.raises(UsageError, match="pair 0 has 4 files and random_20, pair 1 has 5"):
        blocks(*words)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["oracles=o_{k}.pt", "seeds=2"], "o_0.pt would serve random_20, pair 0 and random_20"),
        (["oracles=o_{k}.pt,o_1.pt"], "o_1.pt is named 2 times"),
        (["oracles=o_0.pt,other.pt"], "there is no weights file other.pt"),
        (["oracles=o_{k}.pt", "null=true"], "null=true"),
    ],
)
def test_wrong_files_are_named(files, words, named):
    files("o_0.pt", "o_1.pt")
    with pytest.raises(UsageError, match=named):
        blocks("requests=random_20", *(["seeds=1"] if len(words) == 1 else []), *words)
