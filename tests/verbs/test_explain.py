"""mu explain: every score and every method, from a name, a title or how one begins."""

import pytest

from mu.__main__ import main
from mu.configuration.choices import choices
from mu.errors import UsageError
from mu.results.definitions import definitions
from mu.verbs.explain import all_scores, explained, method_text, score_text

SCORES = sorted(all_scores())
METHODS = sorted(choices("method"))


@pytest.mark.parametrize("name", SCORES)
def test_a_score_says_all_there_is_to_know(name):
    facts, _ = all_scores()[name]
    one = definitions()[name]
    for field in ("name", "formula", "original", "oracle", "source"):
        assert getattr(one, field), f"write {field.capitalize()}: in the docstring of {name}"
    assert bool(one.members) == (facts["family"] == "attack")
    for value, meaning in (one.options or {}).values():
        assert meaning, f"{name}: {value} is an option without a line under Args"


@pytest.mark.parametrize("name", SCORES)
def test_a_score_fits_a_terminal(name):
    text = score_text(name)
    assert max(map(len, text.splitlines())) <= 80
    for word in ("Formula", "Range", "Original", "Oracle", "Source"):
        assert f"\n{word} " in text


@pytest.mark.parametrize("name", METHODS)
def test_a_method_fits_a_terminal_and_says_what_it_costs(name):
    text = method_text(name)
    assert max(map(len, text.splitlines())) <= 80
    assert "\nCost       " in text
    assert "see the columns" not in text
    assert "\nWhen not   " in text
    assert "nothing is said" not in text
    assert "  = " not in text


def test_options_have_their_defaults_and_meanings():
    text = method_text("gradient_ascent")
    assert "Needs      forget\n" in text
    assert "\n  lr = " in text
    assert method_text("utu").endswith("It has no options.")


@pytest.mark.parametrize("asked", ["kl_forget", "KL f", "kl f", "KL_FORGET", "kl_for"])
def test_a_score_is_found_by_name_title_and_beginning(asked):
    assert explained(asked) == [score_text("kl_forget")]


def test_a_method_is_found_by_its_beginning():
    assert explained("scr") == [method_text("scrub")]


def test_what_is_not_there_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match=r"nothing is called 'kl_forgot'; did you mean kl_forget"):
        explained("kl_forgot")
    with pytest.raises(UsageError, match=r"'rmi' may be rmia, rmia_tpr"):
        explained("rmi")
    with pytest.raises(UsageError, match=r"'qqqqq'; see mu list metrics, mu list methods"):
        explained("qqqqq")


def test_the_verb_takes_a_title_of_two_words(capsys):
    assert main(["explain", "KL", "f"]) == 0
    assert capsys.readouterr().out.startswith("KL f (kl_forget): Kullback-Leibler")
    assert main(["explain", "kl_forgot"]) == 2


def test_a_score_of_ones_own_is_explained_like_the_others(tmp_path, monkeypatch):
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "own_scores_xyz.py").write_text(
        "from mu.evaluation.loss import MeanLoss\n\n\nclass Mine(MeanLoss):\n"
        '    """Mine.\n\n    Name: My own loss.\n    """\n'
    )
    panel = "scores:\n  mine: {_target_: own_scores_xyz.Mine, title: Mine}\n"
    (tmp_path / "evaluation" / "mine.yaml").write_text(panel)
    monkeypatch.setenv("MU_CONFIGS", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    one = definitions("mine")["mine"]
    assert (one.name, one.about) == ("My own loss", "Mine.")
    assert one.formula == definitions()["loss_forget"].formula  # of its base
