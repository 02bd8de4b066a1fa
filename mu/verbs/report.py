"""``mu report``: tables and page from the cards of an earlier run."""

from pathlib import Path

from rich.console import Console

from mu.errors import UsageError
from mu.verbs.folder import folder_for
from mu.verbs.parser import Parser


def command(words: list[str]) -> int:
    """``mu report DIR``: tables and page from the cards of an earlier run.

    Raises:
        UsageError: No folder named, or it holds no results.
    """
    from mu.reporting.pictures.tuning import with_tuning
    from mu.reporting.report import print_report, write_report
    from mu.results.results import comparing, folder_of, read_results, readable, tabulated

    parser = Parser(
        prog="mu report",
        description="Write tables and page (report.html) of a run anew from its cards, and print "
        "the tables; nothing is computed.",
        epilog="example: mu report results/quickstart",
    )
    parser.add_argument("folder", nargs="?", default="", metavar="DIR", help="results of a run")
    parser.add_argument(
        "--compare",
        metavar="ROW",
        help="compare a row with every other: which is nearer to the oracle, pair by pair",
    )
    given = parser.parse_args(words)
    if not given.folder:
        raise UsageError("name the folder of a run: mu report DIR")
    path, folder = Path(given.folder), folder_of(Path(given.folder))
    with readable(folder):
        results = with_tuning(tabulated(read_results(path)), folder)
        results = comparing(results, given.compare or results.compare)
        with folder_for(folder, named=""):
            write_report(results, folder)
        print_report(results, Console())
    return 0
