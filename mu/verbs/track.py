"""``mu track``: the cards of an earlier run, mirrored to W&B."""

from pathlib import Path

from mu.errors import UsageError


def command(words: list[str]) -> int:
    """``mu track DIR``: send the cards of an earlier run, all of them with ``--resend``.

    Raises:
        UsageError: No folder named, it holds no results, or an option is wrong.
    """
    from mu.results.results import folder_of, read_results, readable, tabulated
    from mu.tracking.session import checked
    from mu.tracking.track import send
    from mu.verbs.parser import Parser

    parser = Parser(
        prog="mu track",
        description="Mirror the cards of a run to Weights & Biases.",
        epilog="example: mu track results/quickstart --resend --project mine",
    )
    parser.add_argument("folder", nargs="?", metavar="DIR", help="results of a run")
    parser.add_argument("--resend", action="store_true", help="also what was sent before")
    for key in ("project", "entity", "mode", "artifacts", "directory"):
        parser.add_argument(f"--{key}", help=f"as track.{key} of mu run")
    given = vars(parser.parse_args(words))
    if not given["folder"]:
        raise UsageError("name the folder of a run: mu track DIR --resend")
    path, again = Path(given.pop("folder")), given.pop("resend")
    folder = folder_of(path)
    with readable(path):
        results = tabulated(read_results(path))
    to = checked(given, results.experiment, folder)
    with readable(path):
        sent = send(results, given, folder, again)
    print(f"{len(sent)} runs sent to project {to['project']} ({to['mode']})")
    if to["mode"] == "offline":
        print(f"upload: wandb sync {to['directory'] / 'wandb'}/offline-run-*")
    return 0
