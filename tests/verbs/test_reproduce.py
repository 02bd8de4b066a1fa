"""``mu reproduce``: a changed number is found, an equal one is not, and nothing is overwritten."""

import copy
import csv
import json
import math
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import records
from hypothesis import given
from hypothesis import strategies as st
from records import read

from mu.errors import UsageError
from mu.results import reproduced
from mu.results.reproduced import INSIDE, MISSING, OPEN, OUTSIDE, SAME, Number, judged
from mu.results.results import read_results, tabulated
from mu.results.tolerance import Tolerance, read_tolerances, same_environment
from mu.verbs.reproduce import command

TOP = Path(__file__).parents[2]
finite = st.floats(-1e6, 1e6)


@pytest.fixture
def results(tiny):
    return copy.deepcopy(tiny.results)


@pytest.fixture
def folder(tiny, tiny_store, tmp_path, monkeypatch):
    """A folder with the results of `tiny`, and its store in the environment."""
    monkeypatch.setenv("MU_STORE", str(tiny_store))
    shutil.copytree(tiny.folder, tmp_path / "kept")
    return tmp_path / "kept"


def compare(old, new, tolerance):
    return reproduced.compare(read(old), read(new), tolerance)


def notes(old, new):
    return reproduced.notes(read(old), read(new))


def card_of(results, method, request="class"):
    [card] = [c for c in results["cards"] if (c["method"], c["request"]) == (method, request)]
    return card


def kept(folder):
    return json.loads((folder / "results.json").read_text())


def save(results, folder):
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results))


def words_of(numbers, **facts):
    found = [n for n in numbers if all(getattr(n, k) == v for k, v in facts.items())]
    assert found, f"no number with {facts}"
    return {number.word for number in found}


def elsewhere(results):
    for card in results["cards"]:
        card["versions"] = card["versions"] | {"numpy": "0.1"}
    return results


# --- the comparison --------------------------------------------------------------------------


def test_results_are_the_same_bits_as_themselves(results):
    numbers = compare(results, results, Tolerance())
    assert words_of(numbers) == {SAME, "cost"}
    counted = sum(len(card["values"]) for card in results["cards"])
    assert len(numbers) == counted
    assert notes(results, results) == []


def test_a_change_of_a_millionth_is_outside_where_bits_are_expected(results):
    new = copy.deepcopy(results)
    card_of(new, "ssd")["values"]["kl_forget"] *= 1 + 1e-6
    numbers = compare(results, new, Tolerance())
    assert words_of(numbers, method="ssd", request="class", score="kl_forget") == {OUTSIDE}
    assert sum(number.word == OUTSIDE for number in numbers) == 1


def test_a_change_of_the_last_bit_is_none(results):
    new = copy.deepcopy(results)
    values = card_of(new, "ssd")["values"]
    values["kl_forget"] = math.nextafter(values["kl_forget"], math.inf)
    assert words_of(compare(results, new, Tolerance())) == {SAME, "cost"}


def test_seconds_are_not_judged_and_passes_are(results):
    new = copy.deepcopy(results)
    values = card_of(new, "ssd")["values"]
    values["cost/seconds_request"] = 1e9
    assert words_of(compare(results, new, Tolerance())) == {SAME, "cost"}
    values["cost/passes"] += 0.01
    assert words_of(compare(results, new, Tolerance()), score="cost/passes") == {SAME, OUTSIDE}


@pytest.mark.parametrize("value", [None, 0.5])
def test_a_value_that_comes_or_goes_is_outside(results, value):
    new = copy.deepcopy(results)
    for content, own in ((results, 0.5 if value is None else None), (new, value)):
        card_of(content, "ssd")["values"]["ua"] = own
    for tolerance in (Tolerance(), Tolerance({"": 9.0})):
        numbers = compare(results, new, tolerance)
        assert words_of(numbers, method="ssd", request="class", score="ua", pair=0) == {OUTSIDE}


def test_a_card_that_is_gone_or_failed_is_missing(results):
    gone, failed = copy.deepcopy(results), copy.deepcopy(results)
    gone["cards"].remove(card_of(gone, "ssd"))
    card_of(failed, "ssd")["error"] = "no"
    for new in (gone, failed):
        numbers = compare(results, new, Tolerance())
        assert words_of(numbers, method="ssd", request="class") == {MISSING, "cost"}
        assert MISSING not in words_of(numbers, request="edges_5")
    assert any("cards are missing" in note for note in notes(results, gone))
    assert compare(failed, results, Tolerance()), "what had failed is left out"
    assert not [n for n in compare(failed, results, Tolerance()) if n.word == MISSING]


def test_elsewhere_margins_and_intervals_decide(results):
    new = elsewhere(copy.deepcopy(results))
    card_of(new, "ssd")["values"]["ua"] += 0.015  # its margin is 0.02
    card_of(new, "ssd")["values"]["ta"] -= 0.03
    card_of(new, "ssd")["values"]["kl_forget"] += 1  # one pair, no margin: nothing says so
    numbers = compare(results, tabulated(read(new)), Tolerance())
    one = {"method": "ssd", "request": "class"}
    assert words_of(numbers, **one, score="ua", pair=0) == {INSIDE}
    assert words_of(numbers, **one, score="ta") == {OUTSIDE}
    assert words_of(numbers, **one, score="kl_forget") == {OPEN}
    assert words_of(numbers, **one, score="ra", pair=0) == {SAME}


def test_a_tolerance_asked_for_decides(results):
    new = elsewhere(copy.deepcopy(results))
    card_of(new, "ssd")["values"]["kl_forget"] += 1
    one = {"method": "ssd", "request": "class", "score": "kl_forget", "pair": 0}
    for given_, word in (({"": 2.0}, INSIDE), ({"kl_forget": 0.5}, OUTSIDE)):
        assert words_of(compare(results, new, Tolerance(given_)), **one) == {word}


def test_settings_that_differ_are_named(results):
    new = copy.deepcopy(results)
    card_of(new, "ssd")["forget_digest"] = "other"
    assert notes(results, new) == [f"forget_digest differs on 1 of {len(results['cards'])} cards"]


def test_what_was_kept_before_cards_had_these_keys_is_read():
    for path in TOP.glob("experiments/*/results.json"):
        old = json.loads(path.read_text(encoding="utf-8"))
        new = {k: v for k, v in old.items() if k != "classes"}
        new["cards"] = [
            {k: v for k, v in c.items() if k not in ("keys", "seeds", "fingerprint", "commit")}
            for c in old["cards"]
        ]
        for a, b in ((old, new), (new, old)):
            said = words_of(compare(a, b, Tolerance()))
            assert said - {"cost"} == {SAME}, path  # some keep their headline alone


@given(finite, finite, st.floats(0, 10))
def test_judging_is_symmetric_and_wider_is_never_worse(a, b, allowed):
    one, other = (Number(0, "r", 0, "m", 0, "s", x, y) for x, y in ((a, b), (b, a)))
    word = judged(one, allowed).word
    assert judged(other, allowed).word == word
    assert (word == OUTSIDE) <= (abs(a - b) > allowed)
    if word != OUTSIDE:
        assert judged(one, allowed * 2 + 1).word == word
    assert judged(Number(0, "r", 0, "m", 0, "s", a, a), 0.0).word == SAME


@given(st.floats(0, 1), st.floats(0, 1), st.integers(2, 50))
def test_a_pair_may_move_as_far_as_root_n_means(low, width, n):
    row = records.row(low=low, high=low + width, n=n)
    mean, pair = Tolerance().of_mean("s", None, row), Tolerance().of_pair("s", None, row)
    assert pair == pytest.approx(math.sqrt(n) * mean)
    assert mean == pytest.approx(width / math.sqrt(2), abs=1e-12)


def test_environments():
    versions = {"numpy": "1", "torch": "2"}
    card = records.card(versions=versions, device="x86_64")
    assert same_environment(card, card)
    assert same_environment(card, replace(card, versions=versions | {"new": "3"}))
    assert not same_environment(card, replace(card, device="arm64"))
    assert not same_environment(card, replace(card, versions=versions | {"numpy": "2"}))
    assert not same_environment(card, replace(card, versions={}))


@pytest.mark.parametrize("word", ["x", "ua=", "ua=-1", "nan", "ua=inf", "=", "ua:3"])
def test_a_tolerance_that_is_none_is_refused(word):
    with pytest.raises(UsageError, match="tolerance"):
        read_tolerances([word])


# --- the verb --------------------------------------------------------------------------------


def test_a_run_is_repeated_and_reproduced(folder, tiny, capsys):
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert command([str(folder), "compute.workers=0", "compute.progress=false"]) == 0
    said = capsys.readouterr().out
    assert "everything was in the store" in said
    assert re.search(r"reproduced: (\d+) of \1 numbers", said)
    assert all(len(line) <= 80 for line in said[said.index("\nmethod ") :].splitlines()[:-1])
    assert {p: p.read_bytes() for p in before} == before
    out = folder / "reproduced"
    assert read_results(out).command == tiny.results["command"]
    with (out / "reproduction.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert {line["word"] for line in lines} == {"same bits", "cost"}
    assert json.loads((out / "reproduction.json").read_text())["counts"]["same bits"] > 50


def test_a_number_changed_by_hand_is_found(folder, tmp_path, capsys):
    results = kept(folder)
    card_of(results, "ssd")["values"]["ta"] += 0.001
    save(results, folder)
    out = tmp_path / "again"
    assert command([str(folder), "--out", str(out), "compute.workers=0"]) == 1
    said = capsys.readouterr().out
    assert re.search(r"^ta ssd class pair 0 .* outside$", said, re.MULTILINE)
    assert "not reproduced: 1 of" in said
    with (out / "reproduction.csv").open() as file:
        [line] = [line for line in csv.DictReader(file) if line["word"] == "outside"]
    assert (line["score"], line["method"]) == ("ta", "ssd")
    against = [str(folder), "--against", str(out)]
    assert command(against) == 1
    assert command([*against, "--tolerance", "0.01"]) == 0
    assert command([*against, "--tolerance", "ta=0.0001"]) == 1
    assert command([*against, "--elsewhere"]) == 0  # its margin is 0.02
    assert not list(tmp_path.glob("**/kept/reproduc*"))


def test_fresh_takes_nothing_from_the_store(folder, tiny, tiny_store, capsys):
    results = kept(folder)
    results["cards"] = [card for card in results["cards"] if card["request"] == "class"]
    results["command"] = shlex.join(
        [w for w in shlex.split(tiny.results["command"]) if not w.startswith("requests")]
        + ["requests=class"]
    )
    save(results, folder)
    before = sorted(tiny_store.glob("*/*"))
    assert command([str(folder), "--fresh", "compute.workers=0"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"\d+ steps run, 0 found in the store", said)
    assert os.environ["MU_STORE"] == str(tiny_store)
    assert sorted(tiny_store.glob("*/*")) == before


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "DIR"),
        (["nowhere"], "nowhere"),
        (["{folder}", "--out", "{folder}"], "folder of the original"),
        (["{folder}", "recipe.epochs=3"], "recipe.epochs=3"),
        (["{folder}", "--tolerance", "kl_forgt=1"], "did you mean kl_forget"),
        (["{folder}", "--tolerance", "much"], "much"),
        (["{folder}", "--against", "nowhere"], "nowhere"),
    ],
)
def test_a_wrong_word_is_refused(folder, words, named):
    before = sorted(folder.rglob("*"))
    with pytest.raises(UsageError, match=re.escape(named)):
        command([word.format(folder=folder) for word in words])
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("text", [None, "", "rm -rf /", "mu report x", "mu run 'open"])
def test_results_that_do_not_say_how_they_were_made_are_refused(folder, text):
    save(kept(folder) | {"command": text}, folder)
    with pytest.raises(UsageError, match="do not say by which"):
        command([str(folder)])
    assert not (folder / "reproduced").exists()


# --- what is kept ----------------------------------------------------------------------------


@pytest.fixture
def keep(tmp_path, monkeypatch):
    spec = spec_from_file_location("keep", TOP / "experiments" / "keep.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "HERE", tmp_path / "experiments")
    (tmp_path / "experiments").mkdir()
    return module


def test_what_is_kept_says_how_to_repeat_it(keep, tiny, folder):
    (folder / "forget_sets").mkdir(exist_ok=True)
    (folder / "forget_sets" / "mine.txt").write_text("# kind: samples\n3\n")
    out = keep.keep(folder)
    script = (out / "reproduce.sh").read_text()
    assert "mu reproduce experiments/quickstart --out results/quickstart" in script
    assert tiny.results["command"] in script
    card = tiny.cards[0]
    for name, value in card["versions"].items():
        assert f"{name} {value}" in script
    assert f"digits: {card['fingerprint']}" in script
    assert (out / "forget_sets" / "mine.txt").read_text().endswith("3\n")
    assert subprocess.run(["bash", "-n", out / "reproduce.sh"], check=False).returncode == 0
    assert os.access(out / "reproduce.sh", os.X_OK)
    assert words_of(compare(read_results(out), tiny.results, Tolerance())) == {SAME, "cost"}


def test_keeping_again_leaves_no_forget_set_of_before(keep, folder):
    out = keep.keep(folder)
    (out / "forget_sets").mkdir(exist_ok=True)
    (out / "forget_sets" / "old.txt").write_text("1\n")
    keep.keep(folder)
    assert not (out / "forget_sets" / "old.txt").exists()


def test_results_without_digests_or_forget_sets_are_kept(keep, tmp_path):
    old = kept(TOP / "experiments" / "quickstart")
    for card in old["cards"]:
        card.pop("fingerprint", None)
    save(old, tmp_path / "old")
    script = (keep.keep(tmp_path / "old") / "reproduce.sh").read_text()
    assert "Data: not recorded" in script
