"""Archives and results of others, and YAML, with something changed: refused in a line, or read.

`make fuzz` draws ten times as many.
"""

import contextlib
import copy
import io
import json
import shutil
import sys
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
import yaml
from faults.tally import ELSEWHERE, TRACEBACK, Wrong
from hypothesis import given, settings
from hypothesis import strategies as st

import mu
from mu.__main__ import main
from mu.artifact import Artifact
from mu.storing.packing import write_archive
from mu.storing.store import Store

KEY = "a" * 32
TEXTS = (
    *("", "\x1b[2J", "=HYPERLINK(1)", "[/]", "[red]x", "../../x", "/tmp/x", "${oc.env:HOME}"),
    *("<script>", "\\input{x}", "trap.Net", "os.system", "mu run trap", "\x00", "a" * 300, "💣"),
)
TRAPS = (
    *({"_target_": name, "_args_": ["touch ran"]} for name in ("os.system", "trap.Net")),
    {"_target_": "torch.nn.Sequential", "_args_": [{"_target_": "trap.Net"}]},
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.sampled_from(TEXTS),
    st.sampled_from(TRAPS).map(copy.deepcopy),
    st.just([]),
    st.just({}),
    st.just([[[]]]),
)


@contextlib.contextmanager
def guarded(place):
    """Where nothing may be written, with a package that may not be imported."""
    (place / "trap.py").write_text(f"open({str(place / 'imported')!r}, 'w').close()\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(place)
        patch.chdir(place)
        yield place


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with guarded(tmp_path_factory.mktemp("place")) as place:
        yield place


def called(words, place, **environment):
    """The exit code and what was said: never a traceback, nothing imported, run or written."""
    said, complained = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MU_CONFIGS", "MU_STORE", "MU_DEBUG", "MU_TRUST"):
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, str(value))
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            code = main([str(word) for word in words])
    assert code in (0, 1, 2)
    if code == 2:
        *_, last = lines = complained.getvalue().splitlines()
        assert last.startswith("mu: ") and sum(line.startswith("mu: ") for line in lines) == 1
    said.write(complained.getvalue())
    if "Traceback" in said.getvalue():
        raise Wrong(TRACEBACK, said.getvalue())
    assert "\x1b" not in said.getvalue() and "\x00" not in said.getvalue()
    assert "trap" not in sys.modules
    if (found := [p.name for p in place.iterdir()]) != ["trap.py"]:
        raise Wrong(ELSEWHERE, str(found))
    return code, said.getvalue()


def paths(value, at=()):
    """Every place in JSON, its keys and numbers on the way."""
    yield at
    inner = value if isinstance(value, dict) else {}
    if isinstance(value, list):
        inner = dict(enumerate(value))
    for key, one in inner.items():
        yield from paths(one, (*at, key))


def changed(plain, draw, times=3):
    """A copy with up to three values replaced, renamed or taken away, the upper ones most often."""
    plain = copy.deepcopy(plain)
    for _ in range(draw(st.integers(1, times))):
        found = sorted(paths(plain), key=lambda at: (len(at), str(at)))
        at = found[min(draw(st.integers(0, len(found) - 1)), draw(st.integers(0, len(found) - 1)))]
        if not at:
            continue
        holder = plain
        for step in at[:-1]:
            holder = holder[step]
        if draw(st.integers(0, 4)):
            holder[at[-1]] = draw(leaves)
        else:
            del holder[at[-1]]
    return plain


# --- archives --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return with_archive(tmp_path_factory.mktemp("archive"))


def with_archive(folder):
    """A folder to work in; an archive of two artifacts lies in it."""
    store = Store(folder / "theirs")
    facts = {"cost": {"forward": 3}, "model": {"_target_": "torch.nn.Identity"}, "warnings": ["a"]}
    store.write("unlearn", KEY, Artifact(facts, {"ids": np.arange(9)}), label="x", seconds=1.0)
    store.write("score", "b" * 32, Artifact({"values": {"ua": 1.0}, "sizes": {"ua": 3}}))
    path = folder / "theirs.tar"
    write_archive(store, list(store.entries()), path, lambda _: None)
    return folder


def imported(folder, place, data):
    path, mine = folder / "changed.tar", folder / "mine"
    path.write_bytes(data)
    shutil.rmtree(mine, ignore_errors=True)
    before = sorted(p.name for p in folder.iterdir())
    code, _ = called(["store", "import", path], place, MU_STORE=mine)
    assert sorted(p.name for p in folder.iterdir()) == sorted([*before, "mine"])
    entered = {(e.step, e.key) for e in Store(mine).entries()}
    assert (code == 0) == bool(entered)
    assert list((mine / "tmp").iterdir()) == []
    return code


@given(st.data())
def test_bytes_of_an_archive(archive, place, data):
    folder, found = archive, bytearray((archive / "theirs.tar").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        spot = data.draw(st.integers(0, len(found) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "drop", "twice", "zero"])):
            case "flip":
                found[spot] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del found[max(spot, 1) :]
            case "drop":
                del found[spot : spot + data.draw(st.sampled_from([1, 512, 1024]))]
            case "twice":
                found[spot:spot] = found[spot : spot + 512]
            case "zero":
                found[spot : spot + 64] = bytes(len(found[spot : spot + 64]))
        if not found:
            break
    imported(folder, place, bytes(found))


@given(st.data())
def test_facts_in_an_archive_whose_digests_are_right(archive, place, data):
    """What a stranger writes who knows the format: every digest fits."""
    folder, store = archive, Store(archive / "forged")
    facts = {
        "cost": {"forward": 3, "backward": 2, "seconds_setup": 0.1},
        "model": {
            "_target_": "mu.models.base.Learner",
            "network": {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 2},
        },
        "values": {"ua": 0.5, "zrf": None},
        "sizes": {"ua": 3},
        "kind": "samples",
        "warnings": ["a"],
        "model_facts": {"num_classes": 3},
    }
    store.write("unlearn", KEY, Artifact({}), label="x", seconds=1.0, inputs={"a": []})
    here = store.path("unlearn", KEY)
    text = json.dumps(changed(facts, data.draw))
    (here / "facts.json").write_text(text)
    manifest = json.loads((here / "manifest.json").read_text())
    files = {"facts.json": blake2b(text.encode(), digest_size=16).hexdigest()}
    manifest = changed(manifest | {"files": files}, data.draw, 1)
    if data.draw(st.booleans()) and isinstance(manifest, dict):
        manifest["files"] = files
    (here / "manifest.json").write_text(json.dumps(manifest))
    path = folder / "forged.tar"
    try:
        write_archive(store, list(store.entries()), path, lambda _: None)
    except Exception:  # what not even the writer takes
        return
    code = imported(folder, place, path.read_bytes())
    bad = '"trap.Net"' in text or '"os.system"' in text or "${" in text
    named = json.loads(text)
    looked_at = json.dumps([named.get("model"), named.get("model_facts")])
    if bad and any(word in looked_at for word in ("_args_", "${")):
        assert code == 1
    called(["store", "ls"], place, MU_STORE=folder / "mine")
    called(["store", "verify"], place, MU_STORE=folder / "mine")


# --- results ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results(tiny, tmp_path_factory):
    """A folder to work in; small results, each method once, lie beside it."""
    return with_results(tmp_path_factory.mktemp("results"), tiny.results)


def with_results(path, plain):
    plain = copy.deepcopy(plain)
    plain["cards"] = [card for card in plain["cards"] if card["request"] == "class"]
    plain["rows"] = plain["verdicts"] = []
    (path.parent / "whole.json").write_text(json.dumps(plain))
    return path  # and not the results, which hypothesis would print


def written(folder: Path, plain) -> Path:
    target = folder / "theirs"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    (target / "results.json").write_text(json.dumps(plain))
    return target


# A page takes most of a second.
@settings(max_examples=settings.default.max_examples // 4)
@given(st.data())
def test_results_are_reported_or_refused(results, place, data):
    folder, plain = results, json.loads((results.parent / "whole.json").read_text())
    theirs = written(folder, changed(plain, data.draw))
    code, _ = called(["report", theirs], place)
    assert [p.name for p in folder.iterdir()] == ["theirs"]
    for path in theirs.glob("*.csv"):
        for line in path.read_text().splitlines():
            assert not any(cell.startswith(("=", "+", "@")) for cell in line.split(","))
    if code == 0:
        called(["reproduce", theirs, "--against", theirs], place)


words = st.lists(
    st.sampled_from(
        [
            *("quickstart", "experiment=quickstart", "nowhere", "x.yaml", "requests=class"),
            *("methods=ssd", "seeds=1", "oracles=2", "model=trap", "data=digits", "mode=smoke"),
            "model.network._target_=trap.Net",
            "recipe.optimizer._target_=trap.Net",
            "data._target_=os.system",
            "method._target_=trap.Net",
            "evaluation.scores={a: {_target_: trap.Net}}",
            "recipe={_target_: trap.Net}",
            "recipe.fit={step: 'trap:step'}",
            "recipe.fit.step=trap:step",
            "recipe=analytic_small",
            *("original=/etc/passwd", "recipe.checkpoint=/etc/passwd", "out=/tmp/x", "+out=/tmp/x"),
            *("~model", "-m", "--help", "track=wandb", "compute=slurm", "[", "a=b=c", "=", "${a}"),
            *("requests=../../x", "methods=[[]]", "seeds=-1", "recipe.epochs=1e9999", "\x1b[2J"),
        ]
    ),
    max_size=5,
)


@given(st.data())
def test_commands_of_results(results, place, data):
    commands_are_refused(results, place, data)


def commands_are_refused(results, place, data):
    """None of these is run: each names something that is not there, or that may not be named."""
    import shlex

    found, hostile = data.draw(words), data.draw(st.booleans())
    folder, plain = results, json.loads((results.parent / "whole.json").read_text())
    own = [*found, "model.network._target_=trap.Net" if hostile else "model=trap"]
    theirs = written(folder, plain | {"command": "mu run " + shlex.join(own)})
    code, said = called(["reproduce", theirs], place, MU_STORE=folder.parent / "none")
    assert code == 2, said
    assert [p.name for p in folder.iterdir()] == ["theirs"]
    shutil.rmtree(folder.parent / "none", ignore_errors=True)


@settings(max_examples=settings.default.max_examples // 4)
@given(st.data())
def test_results_of_any_shape_are_read_or_refused_by_every_verb(results, place, data):
    folder = results
    theirs = written(folder, None)
    plain = reshaped(json.loads((folder.parent / "whole.json").read_text()), data.draw)
    text = json.dumps(plain).encode()
    (theirs / "results.json").write_bytes(data.draw(st.just(text) | odd(text)))
    row = data.draw(st.sampled_from(["ssd", "original", "oracle"]))
    verbs = [
        ["store", "gc", "--keep-results", theirs],
        ["store", "export", folder / "theirs" / "x.tar", "--results", theirs],
        ["weights", theirs, row, folder / "theirs" / "net.safetensors"],
        ["calibrate", theirs],
        ["report", theirs],
        ["reproduce", theirs, "--against", theirs],
    ]
    store = folder.parent / "a store"
    Store(store).write("fit", KEY, Artifact({"n": 1}))
    called(data.draw(st.sampled_from(verbs)), place, MU_STORE=store)
    assert [p.name for p in folder.iterdir()] == ["theirs"]


# --- YAML ------------------------------------------------------------------------------------

CONFIGS = Path(mu.__file__).parents[1] / "configs"
SHIPPED = sorted(str(path.relative_to(CONFIGS)) for path in CONFIGS.glob("*/*.yaml"))
DEEP: list = []
for _ in range(60):
    DEEP = [DEEP]
SHAPES = (DEEP, 10**400, "${nowhere}", "${", "???", {None: 1}, {1: {"a": 2}}, ["x"], [None], 2.5)
KEYS = ("extra", 1, None, "_target_", "defaults", "set", "search", "tuned", "fit", "files")
DOUBLED = [(n + 1, n + 1, n, n) for n in range(24)]  # aliases: 2²⁴ values in a few lines
NO_CONFIGURATION = (
    *(b"", b"3", b"- 1", b"a: 2024-01-01", b"a: 2024-99-99", b"a: .nan", b"? [1]\n: 2", b"\x00"),
    *(b"a: &x [*x]", b"a: !!binary aGFsbG8=", b"a: !!python/object:os.system {}", b"a: !!set {b}"),
    b"a0: &a0 [1]\n" + b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % one for one in DOUBLED),
    *(b"[" * 3000, b"{" * 3000, b"a: " + b"{b: " * 2000, b"a: " + b"9" * 5000),
)  # fmt: skip


def reshaped(plain, draw):
    """A copy as of `changed`, and with a key more, or a value in a list or of another shape."""
    plain = changed(plain, draw, 2)
    inside = [at for at in paths(plain) if at]
    if not inside or draw(st.booleans()):
        return plain
    at = draw(st.sampled_from(inside[:200]))
    holder = plain
    for step in at[:-1]:
        holder = holder[step]
    match draw(st.sampled_from(["list", "shape", "more"])):
        case "list":
            holder[at[-1]] = [holder[at[-1]]]
        case "shape":
            holder[at[-1]] = copy.deepcopy(draw(st.sampled_from(SHAPES)))
        case "more" if isinstance(holder, dict):
            holder[draw(st.sampled_from(KEYS))] = draw(leaves)
    return plain


def odd(text):
    """The same text cut, or no longer UTF-8; or something else altogether."""
    cut = st.integers(0, len(text)).map(lambda n: text[:n])
    return cut | st.just(text + b"\xff\xfe") | st.sampled_from(NO_CONFIGURATION)


@pytest.fixture(scope="module")
def planning(tmp_path_factory):
    with only_planned():
        yield tmp_path_factory.mktemp("planning")


@contextlib.contextmanager
def only_planned():
    """A plan runs and times nothing, so that no data set is built."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mu.running.runner.CHEAP", ())
        patch.setattr("mu.verbs.plan.fit_seconds", lambda job: 1.0)
        patch.setattr("mu.verbs.plan.seconds_of_trunk", lambda job: 1.0)
        yield


def words_for(group, name, own):
    """What plans with a configuration: its own experiment, or a small one that takes it."""
    few = ("seeds=1", "oracles=2")
    if group in ("experiment", "request"):
        return [str(own / "experiment" / f"{name}.yaml"), *few]
    if group == "method":
        return ["quickstart", f"methods={name}", *few]
    return ["quickstart", "methods=ssd", f"{group}={name}", *few]


@given(st.data())
def test_yaml_of_any_shape_is_planned_or_refused(planning, tiny, place, data):
    yaml_is_planned_or_refused(planning, tiny.store, place, data)


def yaml_is_planned_or_refused(planning, store, place, data):
    file = data.draw(st.sampled_from(SHIPPED))
    group, name = Path(file).parent.name, Path(file).stem
    text = yaml.safe_dump(
        reshaped(yaml.safe_load((CONFIGS / file).read_text()), data.draw), sort_keys=False
    ).encode()
    own = planning / "own"
    shutil.rmtree(own, ignore_errors=True)
    (own / group).mkdir(parents=True)
    (own / file).write_bytes(data.draw(st.just(text) | st.just(text) | odd(text)))
    if group == "request":
        block = {"data": "digits", "model": "small_cnn", "recipe": "digits", "methods": ["ssd"]}
        block |= {"requests": {"some": {"request": name}}, "seeds": 1, "oracles": 2}
        (own / "experiment").mkdir()
        (own / "experiment" / f"{name}.yaml").write_text(yaml.safe_dump({"blocks": [block]}))
    words = words_for(group, name, own)
    called(["plan", *words], place, MU_STORE=store, MU_CONFIGS=own)
    assert [p.name for p in planning.iterdir()] == ["own"]


@pytest.mark.parametrize("text", NO_CONFIGURATION)
@pytest.mark.parametrize("group", ["experiment", "model", "recipe", "method", "evaluation"])
def test_what_is_no_configuration_is_refused(planning, tiny, place, text, group):
    own = planning / "own"
    shutil.rmtree(own, ignore_errors=True)
    (own / group).mkdir(parents=True)
    (own / group / "mine.yaml").write_bytes(text)
    words = words_for(group, "mine", own)
    code, said = called(["plan", *words], place, MU_STORE=tiny.store, MU_CONFIGS=own)
    assert code == 2
    assert "mine" in said
