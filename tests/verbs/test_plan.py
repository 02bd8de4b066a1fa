"""What ``mu plan`` says of power, and ``pilot=true``."""

import shutil

INLINE = ("compute.workers=0", "compute.progress=false")
WORDS = ("plan", "quickstart", "requests=class", "methods=ssd", "recipe.epochs=1", *INLINE)


def test_a_plan_without_pairs_says_what_would_tell(mu, tmp_path):
    found = mu(*WORDS, "seeds=3", store=tmp_path / "store")
    assert found.code == 0, found.err
    assert "power: nothing known of class; pilot=true runs two pairs" in found.out


def test_one_pair_is_not_enough(mu):
    found = mu(*WORDS, "seeds=3", "oracles=2")
    assert "power: class: 1 pair done; 2 are the fewest" in found.out


def test_a_pilot_runs_two_pairs_without_methods(mu, tmp_path):
    store = tmp_path / "store"
    found = mu(*WORDS, "seeds=4", "pilot=true", store=store)
    assert found.code == 0, found.err
    assert "power: class: 2 pairs done; " in found.out
    assert "4 asked" in found.out
    assert max(map(len, found.out.splitlines())) <= 80
    assert not (store / "unlearn").exists()
    again = mu(*WORDS, "seeds=4", store=store)
    assert again.out.partition("power: ")[2] == found.out.partition("power: ")[2]
    assert mu(*WORDS, "pilot=perhaps", store=store).code == 2


def test_a_plan_after_a_run_that_stopped_between_scores(mu, tiny_store):
    """Some oracles are scored and others are not: that was a KeyError."""
    for step in sorted((tiny_store / "score").iterdir()):
        aside = tiny_store / "aside"
        shutil.move(step, aside)
        found = mu(*WORDS, "seeds=1", "oracles=2", store=tiny_store)
        assert found.code == 0, found.err
        shutil.move(aside, step)


def test_batches_that_cannot_be_timed_are_one_line(mu, tmp_path, monkeypatch):
    """A network that its own options forbid was a traceback, as it was made in this process."""

    def fail(config):
        raise RuntimeError("mat1 and mat2\nshapes cannot be multiplied")

    monkeypatch.setattr("mu.training.timing.expected_seconds", fail)
    found = mu(*WORDS, "seeds=1", store=tmp_path / "store")
    assert found.code == 2
    assert found.err == "mu: RuntimeError: mat1 and mat2 shapes cannot be multiplied\n"
