"""The audit of one model: what it says, and what it finds wrong with what it is given."""

import json
import sys
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

import mu
from mu.auditing.verdict import ANSWERS, CLEAR, KNOWN, SILENT
from mu.errors import UsageError


def audited(scene, net, **more):
    given = {"original": scene.original, "oracles": scene.oracles, **scene.parts, **more}
    return mu.audit(net, **given)


def nudged(net):
    """The same answers from other weights."""
    new = deepcopy(net)
    with torch.no_grad():
        new[2].bias += 1e-4
    return new


def test_random_samples_that_are_still_known_are_found(blobs):
    found = audited(blobs.random, nudged(blobs.random.original), drawn=True)
    assert found.case.word == KNOWN and not found.case.same
    assert found.case.tests[0].p < 0.001 and found.case.rank == 1
    assert "5 of 100" in found.verdict and "like the oracle" not in found.verdict
    assert found.alarms[0].hits > 5


def test_a_retrained_model_is_not_accused_and_what_is_left_is_bounded(blobs):
    found = audited(blobs.random, blobs.random.retrained, drawn=True)
    assert found.case.word == CLEAR
    assert found.case.left < 0.6
    assert f"at most {100 * found.case.left:.0f} %" in found.verdict
    assert "no proof of retraining" in found.verdict


def test_the_original_itself_is_known_for_sure(blobs):
    found = audited(blobs.random, blobs.random.original)
    assert found.verdict.startswith("still known: it is the original, weight for weight")


def test_a_class_is_judged_by_where_retrained_models_lie(blobs):
    scene = blobs.group
    original = audited(scene, nudged(scene.original))
    assert original.case.kind == "class" and original.case.word == KNOWN
    retrained = audited(scene, scene.retrained)
    assert retrained.case.word in (CLEAR, ANSWERS)
    assert [one.name for one in retrained.case.tests] == ["accuracy", "trunk"]
    masked = deepcopy(scene.original)  # the head alone forgets
    with torch.no_grad():
        masked[2].bias[2] = -99.0
    hidden = audited(scene, masked)
    assert hidden.case.tests[0].value == 0.0
    assert hidden.case.word != CLEAR


def test_few_oracles_say_nothing_of_a_class(blobs):
    found = audited(blobs.group, blobs.group.retrained, oracles=blobs.group.oracles[:2])
    assert found.case.word == SILENT
    assert "2 oracles are too few to say (3 at least)" in found.verdict
    assert all(one.p is None for one in found.scores)


def test_without_oracles_membership_is_still_tested(blobs):
    found = audited(blobs.random, nudged(blobs.random.original), oracles=(), drawn=True)
    assert found.case.word == KNOWN and found.case.rank == 0
    assert "Any comparison with retrained models: there was none." in found.untested


def test_samples_that_were_chosen_are_not_tested_as_if_drawn(blobs):
    (x, y), scene = blobs.random.parts["forget"][0], blobs.random
    with torch.no_grad():
        said = sum(one(x).log_softmax(1) for one in scene.oracles)
    hard = said[torch.arange(len(y)), y].argsort()[:20]
    found = audited(scene, scene.retrained, forget=[(x[hard], y[hard])])
    assert found.case.kind == "chosen" and found.case.tests[0].name == "rmia"
    assert "not like a random draw" in found.verdict
    assert audited(scene, scene.retrained, drawn=False).case.kind == "chosen"


def test_overlaps_are_named_and_left_out(blobs):
    scene = blobs.random
    (x, y), (kept, labels) = scene.parts["forget"][0], scene.parts["retain"][0]
    (unseen, truth) = scene.parts["test"][0]
    found = audited(
        scene,
        scene.retrained,
        retain=[(torch.cat([kept, x[:3]]), torch.cat([labels, y[:3]]))],
        test=[(torch.cat([unseen, x[3:4], kept[:2]]), torch.cat([truth, y[3:4], labels[:2]]))],
        drawn=True,
    )
    notes = " ".join(found.notes)
    assert "3 forgotten samples are retained as well" in notes
    assert "1 forgotten sample is in the test set as well" in notes
    assert "3 samples of the test set are not unseen" in notes
    clean = audited(scene, scene.retrained, drawn=True, forget=[(x[3:], y[3:])])
    assert found.case.tests[0].value == clean.case.tests[0].value


def test_a_retain_loader_that_holds_all_of_it_is_refused(blobs):
    parts = blobs.random.parts
    with pytest.raises(UsageError, match="all samples of forget= are in retain= as well"):
        audited(blobs.random, blobs.random.retrained, retain=[*parts["retain"], *parts["forget"]])
    with pytest.raises(UsageError, match="forget= has no batches"):
        audited(blobs.random, blobs.random.retrained, forget=[])
    with pytest.raises(UsageError, match="oracles takes a list"):
        audited(blobs.random, blobs.random.retrained, oracles=blobs.random.original)


def test_oracles_that_are_none_are_named_and_left_out(blobs):
    scene = blobs.random
    given = [scene.original, scene.oracles[0], deepcopy(scene.oracles[0]), *scene.oracles[1:]]
    found = audited(scene, scene.retrained, oracles=given, drawn=True)
    assert found.case.oracles == 3
    assert list(found.notes[:2]) == [
        "oracle 0 is the original, weight for weight, and was left out",
        "oracle 2 is oracle 1, weight for weight, and was left out",
    ]
    clean = audited(scene, scene.retrained, drawn=True)
    assert found.case.tests[0].p == clean.case.tests[0].p


def test_what_was_forgotten_before_must_not_be_back(blobs):
    scene = blobs.random
    x, y = scene.parts["forget"][0]
    halves = {"forget": [(x[:30], y[:30])], "before": [[(x[30:], y[30:])]]}
    found = audited(scene, nudged(scene.original), drawn=True, **halves)
    back = next(one for one in found.case.tests if one.request == 1)
    assert back.found and "what was forgotten before" in found.verdict
    assert "before" in {one.score for one in found.scores}
    panel = mu.evaluate(scene.original, **{**scene.parts, **halves}, oracles=scene.oracles)
    assert panel["before"] == 1.0 > panel["oracle/before"]
    with pytest.raises(UsageError, match=r"before takes a list of loaders"):
        mu.evaluate(scene.original, **scene.parts, before=scene.parts["forget"])


def thirds(scene):
    x, y = scene.parts["forget"][0]
    one, two, today = ([(x[i : i + 20], y[i : i + 20])] for i in (0, 20, 40))
    return one, two, today


def fitted_again(net, batches, steps=200):
    """The network trained on some samples until it knows them."""
    new = deepcopy(net)
    optimizer = torch.optim.Adam(new.parameters(), 0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        sum(nn.functional.cross_entropy(new(x), y) for x, y in batches).backward()
        optimizer.step()
    return new.eval()


def test_each_earlier_request_is_judged_by_itself(blobs, tmp_path):
    scene = blobs.random
    one, two, today = thirds(scene)
    net = fitted_again(scene.retrained, [*two, *scene.parts["retain"]])  # only the second is back
    found = audited(scene, net, drawn=True, drawn_before=[True, True], forget=today,
                    before=[one, two])  # fmt: skip
    case = found.case
    assert [one.request for one in case.tests] == [0, 1, 2] and case.before == 40
    assert [one.found for one in case.tests] == [False, False, True]
    assert case.word == case.word_of(2) == KNOWN and case.word_of(1) != KNOWN != case.word_of(0)
    assert "what earlier request 2 forgot" in found.verdict and "request 1" not in found.verdict
    table = found.frame()
    assert table[table.request == 0].score.tolist().count("before") == 0
    rows = table[table.score == "before"].set_index("request")
    assert rows.n.tolist() == [20, 20] and rows.value[2] == 1.0 > rows.value[1]
    assert rows.verdict[2] == KNOWN != rows.verdict[1]
    text = str(found)
    assert "Earlier request 1 (20 samples)" in text and "BA, request 2" in text
    page = found.page(tmp_path / "audit.html").read_text(encoding="utf-8")
    assert "told from unseen samples, earlier request 2" in page and "BA, request 1" in page
    assert page.count('<th scope="row">request ') == 2
    assert [one["forgotten"] for one in found.plain()["case"]["earlier"]] == [20, 20]


def test_what_is_said_of_earlier_requests_that_are_not_back(blobs):
    scene = blobs.random
    one, two, today = thirds(scene)
    found = audited(scene, scene.retrained, drawn=True, forget=today, before=[one, two])
    assert found.case.word == found.case.word_of(0) != KNOWN
    assert "earlier request" in found.verdict
    alone = audited(scene, scene.retrained, drawn=True, forget=today)
    assert "earlier" not in alone.verdict and alone.case.earlier == []


def test_a_clean_earlier_request_does_not_clear_what_nobody_tested(blobs):
    """A class cannot be judged by two oracles; that an earlier request is clean changes nothing."""
    scene, (one, _, _) = blobs.group, thirds(blobs.random)
    kept = [(x, y) for x, y in scene.parts["retain"]]
    found = audited(scene, scene.retrained, oracles=scene.oracles[:2], before=[one], retain=kept)
    assert [test.request for test in found.case.tests] in ([1], [])
    assert found.case.word_of(0) == SILENT and found.case.word in (SILENT, KNOWN)


def test_an_earlier_class_is_held_against_where_retrained_models_lie(blobs):
    scene = blobs.group
    gone = scene.parts["forget"]
    today = [(x[y == 1], y[y == 1]) for x, y in scene.parts["retain"]]
    rest = [(x[y != 1], y[y != 1]) for x, y in scene.parts["retain"]]
    found = audited(scene, nudged(scene.original), forget=today, retain=rest, before=[gone])
    names = [(one.name, one.request) for one in found.case.tests]
    assert ("accuracy", 1) in names and ("trunk", 1) in names
    assert found.case.earlier[0].kind == "class" and found.case.word_of(1) == KNOWN


def test_scores_are_those_of_evaluate(blobs):
    scene = blobs.random
    found = {one["score"]: one for one in audited(scene, scene.retrained).rows()}
    panel = mu.evaluate(
        scene.retrained, **scene.parts, original=scene.original, oracles=scene.oracles
    )
    assert {name: one["value"] for name, one in found.items()} == {
        name: value for name, value in panel.items() if not name.startswith("oracle/")
    }
    assert found["rmia"]["oracle_mean"] == pytest.approx(panel["oracle/rmia"])
    assert found["ua"]["low"] < found["ua"]["value"] < found["ua"]["high"]
    assert found["rmia_tpr"]["low"] is None and found["kl_forget"]["p"] is None


def test_losses_of_ones_own():
    torch.manual_seed(0)
    x = torch.randn(90, 5)
    y = x @ torch.randn(5, 2)
    parts = {"forget": slice(0, 20), "retain": slice(20, 60), "test": slice(60, 90)}
    loaders = {name: [(x[at], y[at])] for name, at in parts.items()}
    net, *oracles = (nn.Linear(5, 2) for _ in range(4))
    found = mu.audit(net, oracles=oracles, loss=nn.MSELoss(), **loaders)
    assert [one.name for one in found.case.tests] == ["membership"]
    assert "loss_forget" in {one.score for one in found.scores}


def test_it_shows_itself(blobs, monkeypatch):
    found = audited(blobs.group, blobs.group.retrained)
    assert max(map(len, str(found).splitlines())) <= 80
    assert "Not tested:" in str(found)
    plain = json.loads(found.json())
    assert plain["word"] == found.case.word and len(plain["digests"]) == 8
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="pip install pandas"):
        found.frame()


def test_the_frame_has_a_row_a_score(blobs):
    pandas = pytest.importorskip("pandas")
    found = audited(blobs.group, blobs.group.retrained)
    frame = found.frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["score"]) == [one.score for one in found.scores]


def test_digests_follow_content_and_not_order(blobs):
    (x, y), scene = blobs.random.parts["forget"][0], blobs.random
    again = torch.randperm(len(y))
    one, other = (
        audited(scene, scene.retrained, forget=[(x[at], y[at])]).digests
        for at in (torch.arange(len(y)), again)
    )
    assert one == other
    changed = audited(scene, scene.retrained, forget=[(x, (y + 1) % 4)]).digests
    assert changed["forget samples"] != one["forget samples"]
    assert changed["model"] == one["model"]


def test_nothing_is_touched(blobs):
    scene = blobs.random
    state = torch.get_rng_state(), np.random.get_state()[1].copy()
    audited(scene, scene.retrained)
    assert torch.equal(state[0], torch.get_rng_state())
    assert (state[1] == np.random.get_state()[1]).all()
