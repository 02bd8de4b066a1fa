"""What decides the result of each step, and what does not."""

import asyncio
from types import SimpleNamespace

import pytest

from mu.configuration.experiment import Block
from mu.errors import CellFailed, UsageError
from mu.steps import Comparison, State, Steps

FACTS = {
    "describe": {
        **{"fingerprint": "f", "model_facts": {"n": 3}, "kept": "all", "view": "whole"},
        **{"n_validation": 5, "names": "n"},
    },
    "select/a": {"kept": "no a", "view": "without a", "forget_digest": "a", "whole_classes": True},
    "select/b": {"kept": "no b", "view": "without b", "forget_digest": "b"},
    "score": {"values": {"ua": 0.5}, "details": {"samples": [1]}, "sizes": {"ua": 9}},
    "trunk": {"values": {"s": 0.8}, "sizes": {}, "warnings": ["no head"]},
    "holdout": {"kept": "a half", "forget_digest": "h"},
}
A, B = ("select", "a"), ("select", "b")
UA = {"_target_": "mu.evaluation.accuracy.UnlearningAccuracy"}
SILHOUETTE = {"_target_": "mu.evaluation.silhouette.Silhouette"}


class Recorder:
    """Stands for the runner: remembers every step it is asked for."""

    def __init__(self, facts):
        self.asked, self.own = [], facts

    async def step(self, step, call, **options):
        self.asked.append(SimpleNamespace(step=step, call=call, **options))
        return (step, str(len(self.asked)))

    def facts(self, ref, missing=None):
        return self.own.get("/".join(ref), self.own.get(ref[0], missing))


def block(original=None, **changes):
    config = {
        "data": {"_target_": "x.Data", "title": "For people", "panel": "p", "seed": 0},
        "model": {"_target_": "x.Model", "n": "???"},
        "recipe": {"epochs": 5, "batch_size": 8, "precision": "32-true", "threads": 1}
        | {"channels_last": False, "augment": None, "checkpoint": None},
        "evaluation": {"batch_size": 16, "scores": {"ua": UA}, "headline": ["ua"]},
        "device": "cpu",
    }
    for name, value in changes.items():
        group, _, key = name.partition("__")
        config[group] = config[group] | {key: value} if key else value
    methods = {
        "m": {"config": {"_target_": "x.M", "alpha": 1}},
        "n": {"config": {"_target_": "x.M", "alpha": 2}},
    }
    names = {"data": "d", "model": "m", "recipe": "r", "evaluation": "e"}
    return Block(
        config=config,
        methods=methods,
        seeds=[4, 7],
        oracles=3,
        names=names,
        requests={},
        original=original,
        places=[0, 1],
    )


def asked(call, pair=0, facts=FACTS, **changes):
    """The last step asked for when ``call`` is made on the steps of a block."""

    async def made():
        recorder = Recorder(facts)
        steps = Steps(recorder, block(**changes), "request", pair)
        await steps.describe()
        await call(steps)
        return recorder.asked[-1]

    return asyncio.run(made())


def fit(removed=(), seed=4, epochs=None):
    return lambda steps: steps.fit(list(removed), seed, epochs)


def unlearn(name="m", learner="1", before=(), selection=A):
    state = State(("fit", learner))
    return lambda steps: steps.unlearn(name, state, before, selection, state)


def predict(learner="1", removed=()):
    return lambda steps: steps.predict(State(("fit", learner), tuple(removed)))


def select(before=(), **request):
    return lambda steps: steps.select({"_target_": "x.S", **request}, before)


def all_differ(*steps) -> bool:
    keys = [repr(sorted(step.key.items(), key=str)) for step in steps]
    return len(set(keys)) == len(keys)


def test_training_is_decided_by_data_kept_model_recipe_and_seed():
    other = FACTS | {"describe": FACTS["describe"] | {"fingerprint": "other"}}
    assert all_differ(
        asked(fit()),
        asked(fit([A])),
        asked(fit([B])),
        asked(fit(seed=5)),
        asked(fit(epochs=0)),
        asked(fit(), recipe__epochs=6),
        asked(fit(), recipe__threads=2),
        asked(fit(), recipe__precision="bf16-mixed"),
        asked(fit(), model__width=3),
        asked(fit(), data__seed=1),
        asked(fit(), facts=other),
    )


def test_training_is_not_decided_by_who_is_forgotten_how_nor_by_the_machine():
    plain = asked(fit([A])).key
    twin = FACTS | {"select/b": FACTS["select/b"] | {"kept": "no a"}}
    assert asked(fit([B]), facts=twin).key == plain
    assert asked(fit([A]), device="cuda").key == plain
    assert asked(fit([A]), data__title="Another", data__panel="q").key == plain
    assert asked(fit([A]), evaluation__batch_size=3).key == plain
    assert asked(fit([A]), pair=1).key == plain
    assert asked(fit([A]), device="cuda").config["device"] == "cuda"


def test_untrained_weights_are_shared_by_all_requests():
    assert asked(fit([A], epochs=0)).key == asked(fit([], epochs=0)).key


def test_a_checkpoint_counts_by_content(tmp_path):
    first, second = tmp_path / "a.pt", tmp_path / "b.pt"
    first.write_bytes(b"1")
    second.write_bytes(b"1")
    plain = asked(fit(), recipe__checkpoint=str(first))
    assert asked(fit(), recipe__checkpoint=str(second)).key == plain.key
    assert plain.config["checkpoint"] == str(first)
    second.write_bytes(b"2")
    assert all_differ(plain, asked(fit(), recipe__checkpoint=str(second)), asked(fit()))
    untrained = asked(fit(epochs=0), recipe__checkpoint=str(first))
    assert untrained.config["checkpoint"] is None
    with pytest.raises(UsageError, match="nowhere"):
        asked(fit(), recipe__checkpoint="/nowhere")


def test_a_selection_is_decided_by_request_history_seed_and_file(tmp_path):
    path = tmp_path / "ids.txt"
    path.write_text("1")
    first = asked(select(path=str(path)))
    path.write_text("2")
    assert all_differ(
        first,
        asked(select(path=str(path))),
        asked(select(share=0.1)),
        asked(select(share=0.2)),
        asked(select([A], share=0.1)),
        asked(select([B], share=0.1)),
        asked(select(share=0.1), pair=1),
    )
    moved = tmp_path / "moved.txt"
    moved.write_text("1")
    assert asked(select(path=str(moved))).key == first.key


def test_values_are_dealt_out_to_pairs():
    def label(pair: int) -> int:
        return asked(select(per_pair={"label": [3, 5]}), pair=pair).config["request"]["label"]

    assert [label(0), label(1)] == [3, 5]
    assert "per_pair" not in asked(select(per_pair={"label": [3, 5]})).key["request"]


def test_unlearning_is_decided_by_state_method_and_what_is_forgotten():
    assert all_differ(
        asked(unlearn()),
        asked(unlearn("n")),
        asked(unlearn(learner="2")),
        asked(unlearn(selection=B)),
        asked(unlearn(before=[B])),
        asked(unlearn(), pair=1),
        asked(unlearn(), recipe__augment="crop_flip"),
        asked(unlearn(), recipe__threads=2),
    )
    # Epochs and batch size of training are part of the state already.
    assert asked(unlearn(), recipe__epochs=9).key == asked(unlearn()).key
    assert asked(unlearn(), device="cuda").key == asked(unlearn()).key


def test_a_failed_state_is_not_unlearned_further():
    async def further(steps):
        await steps.unlearn("m", CellFailed("why"), [], A, State(("fit", "1")))

    with pytest.raises(CellFailed, match="why"):
        asked(further)


def test_predictions_are_decided_by_state_and_view():
    assert all_differ(
        asked(predict()),
        asked(predict("2")),
        asked(predict(removed=[A])),
        asked(predict(removed=[B])),
        asked(predict(), evaluation__batch_size=3),
        asked(predict(), evaluation__embeddings=True),
    )
    assert asked(predict(), evaluation__embeddings=False).key == asked(predict()).key
    held = FACTS | {"select/a": FACTS["select/a"] | {"asks_more": False}}
    more = FACTS | {"select/a": FACTS["select/a"] | {"asks_more": True}}

    async def of_a_request(steps):
        await steps.predict(State(("fit", "1")), A)

    assert asked(of_a_request).key == asked(of_a_request, facts=held).key == asked(predict()).key
    assert asked(of_a_request, facts=more).key != asked(predict()).key
    assert asked(of_a_request, facts=more).inputs["asked"] == A
    twin = FACTS | {"select/b": FACTS["select/b"] | {"view": "without a"}}
    assert asked(predict(removed=[B]), facts=twin).key == asked(predict(removed=[A])).key


def score(learner="1", oracles=("2", "3"), untrained="8", selection=A, left_out=False, told=None):
    """Score a state; what is found goes to the list ``told``."""
    states = [State(("fit", o), (selection,)) for o in oracles]
    own, original = State(("fit", learner), (selection,)), State(("fit", "0"))

    async def call(steps):
        # Predictions are named by their key here, as a store would.
        async def named(state, selection=None):
            return ("predict", f"{state.learner[1]} {state.removed}")

        steps.predict = named
        random = State(("fit", untrained), (selection,))
        request = Comparison(0, selection, original, random, states)
        found = await steps.score(request, own, states, left_out)
        (told if told is not None else []).append(found)

    return call


def test_scores_are_decided_by_signals_selection_and_panel():
    told = []
    asked(score(told=told))
    (found,) = told
    assert (found.values, found.details, found.sizes) == ({"ua": 0.5}, {"samples": [1]}, {"ua": 9})
    assert all_differ(
        asked(score()),
        asked(score("9")),
        asked(score(oracles=("2",))),
        asked(score(oracles=("3", "2"))),
        asked(score(untrained="7")),
        asked(score(), evaluation__details={"per_class": {}}),
        asked(score(selection=B)),
        asked(score(left_out=True)),
        asked(score(), evaluation__scores={"ra": UA}),
    )
    assert asked(score(left_out=True)).config["left_out"] is True
    # The headline is chosen when tables are made.
    assert asked(score(), evaluation__headline=[]).key == asked(score()).key


def of_features(call, **changes):
    """The steps of a panel with a score that reads features where whole classes leave."""
    extra = {"scores": {"s": SILHOUETTE}, "headline": ["s"], "decisive": ["s"]}
    return everything_asked(call, evaluation__of_class=extra, **changes)


def test_scores_of_features_are_a_step_of_their_own_where_a_request_asks_for_them():
    told = []
    _, trunk, plain = of_features(score(told=told))
    assert (plain.step, trunk.step) == ("score", "trunk")
    assert plain.config["evaluation"]["scores"] == {"ua": UA}
    assert trunk.config["evaluation"]["scores"] == {"s": SILHOUETTE}
    assert (told[0].values, told[0].warnings) == ({"ua": 0.5, "s": 0.8}, ["no head"])
    assert told[0].sizes == {"ua": 9}
    # No class leaves with the other selection.
    told.clear()
    steps = of_features(score(selection=B, told=told))
    assert "trunk" not in {step.step for step in steps} and told[0].values == {"ua": 0.5}


def test_scores_of_features_are_decided_by_state_view_selection_and_panel():
    def trunk(call, **changes):
        return next(step for step in of_features(call, **changes) if step.step == "trunk")

    first = trunk(score())
    assert all_differ(
        first,
        trunk(score("9")),
        trunk(score(), evaluation__batch_size=3),
        trunk(score(), model__width=3),
        trunk(score(), data__seed=1),
    )
    # Neither the other models nor the other scores decide them.
    assert trunk(score(oracles=("2",), left_out=True)).key == first.key
    assert trunk(score(), evaluation__scores={"ra": UA}).key == first.key


def test_the_panel_follows_from_whether_whole_classes_leave():
    named = []

    async def call(steps):
        named.extend(steps.panel(one)[0] for one in (A, B))
        await steps.describe()

    of_features(call)
    assert named == ["e, a class", "e"]
    named.clear()
    everything_asked(call)
    assert named == ["e", "e"]


def everything_asked(call, **changes):
    async def made():
        recorder = Recorder(FACTS)
        steps = Steps(recorder, block(**changes), "request", 0)
        await steps.describe()
        await call(steps)
        return recorder.asked

    return asyncio.run(made())


def test_models_that_select_are_neither_originals_nor_oracles():
    order = {"order": "highest", "share": 0.1, "count": None}
    for more, number in ({"models": 2}, 2), ({"halves": 4}, 4), ({"folds": 3}, 3):
        made = everything_asked(select(**order, **more))
        fits = [step for step in made if step.step == "fit"]
        steps = Steps(Recorder(FACTS), block(), "r", 0)
        assert len(fits) == number
        assert len({fit.key["seed"] for fit in fits}) == number
        assert not {fit.key["seed"] for fit in fits} & {steps.seed, *steps.oracle_seeds}
        assert len(made[-1].inputs["signals"]) == number
        assert {fit.key["kept"] for fit in fits} == {"all" if "models" in more else "a half"}
        assert len(made[-1].inputs["holdouts"]) == (0 if "models" in more else number)


def test_a_selector_may_be_handed_learners_of_other_seeds_or_of_the_same():
    order = {"order": "highest", "share": 0.1, "count": None}
    made = everything_asked(select(**order, learners=2, folds=3))
    fits = [step for step in made if step.step == "fit"]
    assert len(fits) == 5 and len(made[-1].inputs["learners"]) == 2
    assert len(made[-1].inputs["signals"]) == 5
    assert made[-1].key["model"] and made[-1].config["device"] == "cpu"
    assert 4 not in {fit.key["seed"] for fit in fits}
    same = everything_asked(select(**order, learners=1, same_seed=True))
    assert [step.key["seed"] for step in same if step.step == "fit"] == [4]


def test_models_that_select_may_be_others_than_those_that_are_scored():
    order = {"order": "highest", "share": 0.1, "count": None, "models": 1}
    other = {"model": {"_target_": "x.Other", "n": "???"}}
    fits = [s for s in everything_asked(select(**order, surrogate=other)) if s.step == "fit"]
    assert [fit.key["model"]["_target_"] for fit in fits] == ["x.Other"]


def test_a_selection_is_decided_by_the_signals_it_reads():
    order = {"order": "highest", "share": 0.1, "count": None, "models": 1}
    one = asked(select(**order))
    assert all_differ(one, asked(select(**order | {"models": 2})))
    assert one.key["signals"]


def test_an_original_from_a_file_counts_by_content(tmp_path):
    first, second = tmp_path / "a.pt", tmp_path / "b_0.pt"
    first.write_bytes(b"1")
    second.write_bytes(b"1")
    plain = asked(lambda steps: steps.original(), original=str(first))
    again = asked(lambda steps: steps.original(), original=str(tmp_path / "b_{pair}.pt"))
    assert (plain.step, plain.key) == ("load", again.key)
    assert again.config["weights"] == str(second), "{pair} is the number of the pair"
    assert asked(lambda steps: steps.original()).step == "fit"


def test_a_checkpoint_to_score_counts_by_content(tmp_path):
    path = tmp_path / "mine.pt"
    path.write_bytes(b"1")
    external = {"external": {"config": {"_target_": "x.E", "weights": str(path)}}}

    async def call(steps):
        steps.block.methods.update(external)
        await steps.unlearn("external", State(("fit", "1")), [], A, State(("fit", "1")))

    first = asked(call)
    path.write_bytes(b"2")
    assert all_differ(first, asked(call))
    assert str(path) not in str(first.key)
    assert first.key["method"]["_target_"] == "x.E"
    assert first.config["method"]["weights"] == str(path)


def test_any_file_a_method_names_counts_by_content(tmp_path):
    path = tmp_path / "teacher.pt"
    path.write_bytes(b"1")
    method = {"_target_": "x.D", "teacher": str(path), "name": "no file"}

    async def call(steps):
        steps.block.methods["mine"] = {"config": method}
        await steps.unlearn("mine", State(("fit", "1")), [], A, State(("fit", "1")))

    first = asked(call)
    path.write_bytes(b"2")
    assert all_differ(first, asked(call))
    assert first.key["method"]["name"] == "no file"


def test_the_trajectory_is_noted_with_the_unlearning():
    shown = {"points": 3, "samples": 9}
    found = asked(unlearn(), evaluation__trajectory=shown)
    assert found.config["trajectory"] == shown
    assert all_differ(found, asked(unlearn()))


def test_oracles_have_seeds_of_their_own():
    first, second = (Steps(Recorder(FACTS), block(), "r", pair) for pair in (0, 1))
    own = [[one.seed, one.null_seed, *one.oracle_seeds] for one in (first, second)]
    assert first.seed == 4 and len(first.oracle_seeds) == 3
    assert len({seed for seeds in own for seed in seeds}) == 10


def test_a_retrained_model_is_handed_over_where_a_method_asks_for_it():
    def steps_of(weight):
        async def call(steps):
            method = {"_target_": "x.B", "retrained": weight, "stored": {"retrained": "retrained"}}
            steps.block.methods["b"] = {"config": method}
            await steps.unlearn("b", State(("fit", "1")), [B], A, State(("fit", "0")))

        return everything_asked(call)

    *_, fit, half = steps_of(0.5)
    steps = Steps(Recorder(FACTS), block(), "r", 0)
    assert (fit.key["seed"], fit.key["kept"]) == (steps.null_seed, "no a")
    assert fit.inputs["removed"] == [B, A]
    assert half.config["stored"] == ["retrained"]
    assert half.inputs["stored"] == [("fit", half.key["stored"]["retrained"])]
    whole = steps_of(0.0)
    assert "fit" not in [step.step for step in whole]
    assert whole[-1].key["stored"] == {} == dict.fromkeys(whole[-1].config["stored"])
    assert "stored" not in half.config["method"]
