"""``mu calibrate`` on a folder, on an experiment, and on wrong words."""

import json

import pytest
from calibration_case import cards, results

from mu.results.results import json_text
from mu.storing.whole_files import write_text


@pytest.fixture
def folder(tmp_path):
    """The folder of a run of 12 pairs."""
    made = tmp_path / "made"
    made.mkdir()
    write_text(made / "results.json", json_text(results(cards(12))))
    return made


def test_a_folder_is_read_and_gets_its_rates(mu, folder):
    found = mu("calibrate", str(folder), "pairs=3,5", "draws=60")
    assert found.code == 0, found.err
    assert "random: digits, cnn; 12 pairs, 60 groups of n" in found.out
    assert "missed" not in found.out  # aims are those of the experiment null
    record = json.loads((folder / "rates.json").read_text())
    assert record["experiment"] == "made" and record["schema"] == 1
    rows = [one for one in record["rates"] if not one["score"]]
    assert {(one["method"], one["n"]) for one in rows} >= {("null", 3), ("original", 5)}
    assert all(one["draws"] == 60 for one in rows)
    assert (folder / "rates.md").read_text().startswith("# How often each verdict falls: Made")


def test_aims_belong_to_the_experiment_null(mu, folder):
    file = folder / "results.json"
    file.write_text(file.read_text().replace('"experiment": "made"', '"experiment": "null"'))
    found = mu("calibrate", str(file), "pairs=3", "draws=60")
    assert "aims met" in found.out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["pairs=x"], "pairs=x is not a whole number"),
        (["pairs=0"], "pairs=0 must be sizes"),
        (["draws=0"], "draws=0"),
        (["seeds=3"], "words that choose are for an experiment"),
        (["pairs=7"], "12 pairs are too few for groups of 7: seeds=14"),
    ],
)
def test_wrong_words_are_named(mu, folder, words, named):
    found = mu("calibrate", str(folder), *words)
    assert found.code == 2 and named in found.err and not list(folder.glob("rates*"))


def test_too_few_pairs_are_refused_before_anything_runs(mu, tmp_path):
    found = mu("calibrate", "quickstart", "seeds=5", store=tmp_path / "store")
    assert found.code == 2 and "5 pairs are too few for groups of 3: seeds=6" in found.err
    assert not (tmp_path / "store").exists()


def test_an_experiment_is_run_and_then_judged(mu, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["requests=class", "methods=ssd", "recipe.epochs=1", "oracles=2", "seeds=2"]
    found = mu(
        "calibrate", "quickstart", *words, "pairs=1", "compute.workers=0", "compute.progress=false"
    )
    assert found.code == 0, found.err
    assert "2 pairs, 2 groups of n" in found.out
    assert (tmp_path / "results" / "quickstart" / "rates.json").exists()
    assert (tmp_path / "results" / "quickstart" / "report.html").exists()
