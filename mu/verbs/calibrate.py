"""``mu calibrate``: how often each verdict falls on rows whose truth is known."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from mu.configuration.choices import choices
from mu.configuration.words import count_of, spelled_out, words_of
from mu.errors import UsageError
from mu.results.results import folder_of, read_results, readable
from mu.storing.whole_files import write_text
from mu.verbs.cells import experiment_of
from mu.verbs.folder import RATES, folder_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mu.rates.rates import Rate

DEFAULT = "experiment=null"
OWN = ("draws", "pairs")


def command(words: list[str]) -> int:
    """``mu calibrate``: run the experiment, unless a folder has its results; then the rates.

    Raises:
        UsageError: A word is wrong, or there are too few pairs.
    """
    from mu.rates.aims import EXPERIMENT
    from mu.rates.rates import rates
    from mu.reporting.rates import rates_markdown, rates_text

    own = {key: text for key, _, text in (w.partition("=") for w in words) if key in OWN}
    others = [word for word in words if word.partition("=")[0] not in OWN]
    pairs, draws = sizes_of(own.get("pairs")), draws_of(own.get("draws"))
    given = [word for word in others if is_folder(word)]
    if given and len(others) > 1:
        raise UsageError(f"{given[0]} is read as it is: words that choose are for an experiment")
    code, folder = (0, Path(given[0])) if given else run_first(others, min(pairs))
    with readable(folder):
        results = read_results(folder)
        found = rates(results, pairs, draws)
    aims = results.experiment.partition("_")[0] == EXPERIMENT
    print(rates_text(found, aims))
    out = folder_of(folder)
    with folder_for(out, RATES, named=""):
        write_text(out / "rates.json", rates_json(results.experiment, found))
        write_text(out / "rates.md", rates_markdown(found, results.title, aims))
    print(f"rates: {out / 'rates.md'}")
    return code


def is_folder(word: str) -> bool:
    """Whether a word names results and no experiment."""
    path = Path(word)
    known = "=" in word or word in choices("experiment") or path.suffix == ".yaml"
    return not known and (path.is_dir() or path.suffix == ".json")


def sizes_of(given: str | None) -> list[int]:
    """Sizes of groups, the smallest first.

    Raises:
        UsageError: Something else than positive numbers.
    """
    from mu.rates.rates import PAIRS

    if given is None:
        return list(PAIRS)
    found = sorted({count_of("pairs", word) for word in words_of(given.strip("[]"))})
    if not found or found[0] < 1:
        raise UsageError(f"pairs={given} must be sizes of groups, as in pairs=3,5,10")
    return found


def draws_of(given: str | None) -> int:
    """How many groups.

    Raises:
        UsageError: Not a positive number.
    """
    from mu.rates.rates import DRAWS

    found = DRAWS if given is None else count_of("draws", given)
    if found < 1:
        raise UsageError("draws=0: at least one group is needed")
    return found


def run_first(words: list[str], least: int) -> tuple[int, Path]:
    """Run an experiment as ``mu run`` does: the exit code and the folder.

    Args:
        words: As for ``mu run``; without an experiment it is `null`.
        least: The smallest group.

    Raises:
        UsageError: No block has twice as many pairs.
    """
    from mu.rates.rates import FEWEST_GROUPS
    from mu.verbs.run import command as run

    words = spelled_out(words)
    if not any(word.startswith("experiment=") for word in words):
        words = [DEFAULT, *words]
    experiment, out = experiment_of(words)
    needed = FEWEST_GROUPS * least
    most = max(len(block.seeds) for block in experiment.blocks)
    if most < needed:
        raise UsageError(f"{most} pairs are too few for groups of {least}: seeds={needed} at least")
    return run(words), out


def rates_json(name: str, found: "Sequence[Rate]") -> str:
    """The rates as JSON."""
    record = {"schema": 1, "experiment": name, "rates": [one.plain() for one in found]}
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"
