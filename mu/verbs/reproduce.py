"""``mu reproduce``: run an experiment again and compare every number with the results of before."""

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from mu.errors import UsageError
from mu.results.format import printable
from mu.results.reproduced import MISSING, OUTSIDE, compare, notes, score_names
from mu.results.results import Results
from mu.results.tolerance import Tolerance, read_tolerances
from mu.verbs.parser import Parser
from mu.verbs.reachable import words_of_command

ELSEWHERE = ("compute", "track")  # keys that change no number: dropped, or given anew


def command(words: list[str]) -> int:
    """``mu reproduce DIR``: 0 when every number is reproduced, 1 when one is not or is missing.

    Raises:
        UsageError: A word is wrong, DIR holds no results, or they do not say how they were made.
    """
    from mu.reporting.reproduction import print_comparison, write_comparison
    from mu.results.results import folder_of, read_results, readable, tabulated

    parser = Parser(
        prog="mu reproduce",
        description="Run an experiment again and compare every number with the results in DIR. "
        "Exit code 1 when one is outside its tolerance or missing.",
        epilog="example: mu reproduce experiments/quickstart --out /tmp/again --elsewhere",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="results of a run")
    parser.add_argument("--out", type=Path, help="where the new results go (DIR/reproduced)")
    parser.add_argument("--against", type=Path, help="compare with these results, run nothing")
    parser.add_argument(
        "--tolerance",
        action="append",
        default=[],
        metavar="[SCORE=]NUMBER",
        help="what may differ, of one score or of all; may be repeated",
    )
    parser.add_argument("--elsewhere", action="store_true", help="do not expect the same bits")
    parser.add_argument("--fresh", action="store_true", help="take nothing from the store")
    parser.add_argument("words", nargs="*", metavar="compute.KEY=VALUE", help="where it runs")
    options = parser.parse_intermixed_args(words)
    with readable(options.folder):
        old = tabulated(read_results(options.folder))
    folder = folder_of(options.folder)
    tolerance = Tolerance(read_tolerances(options.tolerance), bits=not options.elsewhere)
    check_scores(tolerance, old)
    if options.against is not None:
        with readable(options.against):
            new, out = tabulated(read_results(options.against)), options.out
    else:
        out = options.out or folder / "reproduced"
        repeat(old, folder, out, options.words, fresh=options.fresh)
        new = tabulated(read_results(out))
    with readable(folder):
        numbers, remarks = compare(old, new, tolerance), notes(old, new)
        if out is not None:
            write_comparison(numbers, remarks, out)
        print_comparison(numbers, remarks)
    if out is not None:
        print(f"every number: {out / 'reproduction.csv'}")
    return 1 if any(number.word in (OUTSIDE, MISSING) for number in numbers) else 0


def check_scores(tolerance: Tolerance, results: Results) -> None:
    """Refuse a tolerance for a score that the results do not have.

    Raises:
        UsageError: There is none of that name.
    """
    from mu.configuration.choices import unknown

    known = score_names(results)
    for score in tolerance.given:
        if score and score not in known:
            raise unknown("score", score, known)


def repeat(results: Results, folder: Path, out: Path, words: Sequence[str], fresh: bool) -> None:
    """Run the command of results again, into another folder.

    Args:
        results: The original.
        folder: Where it lies; nothing there is overwritten.
        out: Where the new results go.
        words: ``compute`` keys for this run.
        fresh: Compute everything in a store that is thrown away afterwards.

    Raises:
        UsageError: The results do not say how they were made, ``out`` is their own folder, or a
            word is not a ``compute`` key.
    """
    from mu.verbs.run import command as run

    for word in words:
        if not word.startswith("compute"):
            raise UsageError(
                f"{word!r} would make another experiment; only compute keys can differ"
            )
    if out.resolve() == folder.resolve():
        raise UsageError(f"--out {out} is the folder of the original; name another one")
    if out.is_symlink():
        raise UsageError(f"{out} is a link to another place; name a folder with --out")
    own = [w for w in words_of_command(results) if not w.startswith(ELSEWHERE)]
    print("repeating: " + printable("mu run " + shlex.join([*own, *words])))
    with throwaway_store() if fresh else counted():
        run([*own, *words, f"out={out}"], f"the command in {folder / 'results.json'}")


@contextmanager
def throwaway_store() -> Iterator[None]:
    """A store for this run alone, in place of ``MU_STORE``."""
    before = os.environ.get("MU_STORE")
    with TemporaryDirectory(prefix="mu-store-") as folder:
        os.environ["MU_STORE"] = folder
        try:
            yield
        finally:
            os.environ.pop("MU_STORE")
            if before is not None:
                os.environ["MU_STORE"] = before


@contextmanager
def counted() -> Iterator[None]:
    """Say so when nothing was computed: numbers out of the store prove nothing."""
    from mu.storing.inventory import entries
    from mu.storing.store import default_root

    before = sum(1 for _ in entries(default_root()))
    yield
    if sum(1 for _ in entries(default_root())) == before:
        print("everything was in the store; --fresh computes it anew")
