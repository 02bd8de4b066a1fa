"""Words, YAML, files of ids, results, archives and checkpoints, drawn and changed at random."""

import contextlib
import random
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from faults.tally import Tally
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from mu.verbs.known import VERBS

OPTIONS = (
    *("--help", "--step", "--sort", "--yes", "--older-than", "--keep-results", "--resend", "--x"),
    *("ls", "gc", "verify", "export", "import", "size", "-1", "nan", "1e9", "x.tar", "x.zip"),
    *("methods", "metrics", "datasets", "experiments", "modes", "ua", "ssd", "ids", "bash"),
    *("quickstart", "experiment=quickstart", "methods=ssd", "methods=", "requests=class"),
    *("seeds=1", "seeds=0,x", "oracles=99", "recipe.epochs=x", "recipe.=3", "data=digits"),
    *("data=", "model=x", "out=", "out=.", "compute.workers=x", "compute.device=tpu", "=", "a=b"),
    *("[", "{a: [}", "+a=1", "~a", "a.b.c=1", "null", "None", "''", '"', "\\", "$HOME", "*", "~"),
    *("net=x.pt", "forget=class_3", "pairs=3", "trials=0", "original=/dev/zero", "fish", "..."),
)  # fmt: skip
COUNTS = {
    "archives: bytes": 700,
    "archives: forged": 450,
    "results: verbs": 250,
    "results: page": 40,
    "results: commands": 500,
    "YAML": 350,
    "words": 900,
    "ids": 600,
    "checkpoints": 500,
}


def words_are_obeyed_or_refused(store: Path, place: Path, data: st.DataObject) -> None:
    """Whatever would compute is given a word that is none; ``/dev/null`` and such are files too."""
    from verbs.test_fuzz_foreign import TEXTS, called

    verb = data.draw(st.sampled_from([*VERBS, "mu", "", "-", "--version"]))
    word = st.sampled_from(OPTIONS) | st.sampled_from(TEXTS) | st.text(max_size=6)
    given_words = data.draw(st.lists(word, max_size=4))
    if verb in ("run", "plan", "tune", "audit", "calibrate", "reproduce", "doctor", "data"):
        given_words.append(data.draw(st.sampled_from(["model=trap", "--nothing", "nowhere.yaml"])))
    if "export" in given_words or "weights" in verb:
        given_words.append("/nowhere/at/all")
    called([verb, *given_words], place, MU_STORE=store)


def drawn(case: Callable[[st.DataObject], object], count: int, seed: int, found: Tally) -> None:
    """Cases of a property drawn by hypothesis; one that does not hold stops nothing."""

    @seeded(seed)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def every(data: st.DataObject) -> None:
        counted(found, lambda: case(data))

    every()


def counted(found: Tally, case: Callable[[], object]) -> None:
    name = f"case {found.cases + 1}"
    try:
        case()
    except HypothesisException:
        raise
    except Exception as error:
        found.add(name, error)
    else:
        found.add(name)


@contextlib.contextmanager
def quiet_place() -> Iterator[Path]:
    """A folder where nothing may be written, apart from where the cases work."""
    from verbs.test_fuzz_foreign import guarded

    with warnings.catch_warnings(), guarded(Path(tempfile.mkdtemp())) as place:
        warnings.simplefilter("ignore")
        yield place


def tally(kind: str, results: dict[str, Any], seed: int, share: float = 1.0) -> Tally:
    """All cases of one kind.

    Args:
        kind: One of `COUNTS`.
        results: Sound ones, as they lie in results.json.
        seed: Of what is drawn.
        share: Of the number of cases.
    """
    from verbs import test_fuzz_foreign as foreign

    found, count = Tally(f"fuzz, {kind}"), max(1, int(share * COUNTS[kind]))
    folder = Path(tempfile.mkdtemp()) / "work"
    folder.mkdir()
    chance = random.Random(seed)
    if kind == "ids":
        from forget_sets.test_id_files import judged

        for _ in range(count):
            counted(found, lambda: judged(folder, chance.getrandbits(40)))
        return found
    if kind == "checkpoints":
        from models.test_weights_file import Learner, loaded_or_refused, network

        learner = Learner(network())
        with quiet_place():
            for _ in range(count):
                counted(found, lambda: loaded_or_refused(learner, folder, chance))
        return found
    inner = {
        "archives: bytes": foreign.test_bytes_of_an_archive,
        "archives: forged": foreign.test_facts_in_an_archive_whose_digests_are_right,
        "results: verbs": foreign.test_results_of_any_shape_are_read_or_refused_by_every_verb,
        "results: page": foreign.test_results_are_reported_or_refused,
        "results: commands": foreign.commands_are_refused,
        "YAML": foreign.yaml_is_planned_or_refused,
    }
    if kind in inner and hasattr(inner[kind], "hypothesis"):
        inner[kind] = inner[kind].hypothesis.inner_test
    with quiet_place() as place:
        if kind.startswith("archives"):
            foreign.with_archive(folder)
        if kind.startswith("results"):
            foreign.with_results(folder, results)
        if kind == "YAML":
            with foreign.only_planned():
                drawn(lambda data: inner[kind](folder, folder.parent / "store", place, data),
                      count, seed, found)  # fmt: skip
        elif kind == "words":
            store = folder.parent / "store"
            drawn(lambda d: words_are_obeyed_or_refused(store, place, d), count, seed, found)
        else:
            drawn(lambda data: inner[kind](folder, place, data), count, seed, found)
    return found
