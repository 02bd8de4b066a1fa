"""The command line."""

import argparse
import sys
from typing import NoReturn

VERBS = ("run", "plan", "list", "report")
GUIDE = """\
mu: did this method make this model forget these data, and at what cost?

  mu run experiment=NAME [key=value ...] [out=DIR]   run it, print the table
  mu plan experiment=NAME [key=value ...]            what is cached, what is to run
  mu list methods|metrics|datasets|models|experiments
  mu report DIR                                      write the report of a run anew

Keys: methods=a,b  requests=a,b  seeds=3 or seeds=0,4  oracles=3 choose;
a group's name (model=resnet20) replaces a choice; any other key
(recipe.epochs=3, method.alpha=5) overrides every block that has it.
Environment: MU_STORE (default .mu), MU_DATA_ROOT (default data), MU_CONFIGS.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; the exit code.

    0 when every cell finished, 1 when one failed, 2 for bad usage, 130 after Ctrl-C.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] == "help" or {"-h", "--help"} & set(words):
        print(GUIDE, end="")
        return 0
    if words[0] == "--version":
        from mu import __version__

        print(__version__)
        return 0
    from mu.errors import MuError

    try:
        return dispatch(words[0], words[1:])
    except MuError as error:
        print(f"mu: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("mu: stopped; what is finished stays in the store", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0


def dispatch(verb: str, words: list[str]) -> int:
    """Hand the words to a verb.

    Raises:
        UsageError: No such verb.
    """
    from mu import commands
    from mu.choices import unknown

    if verb not in VERBS:
        raise unknown("verb", verb, VERBS)
    parser = Parser(prog=f"mu {verb}", add_help=True)
    if verb == "list":
        parser.add_argument("what", nargs="?", default="")
        return commands.list_choices(parser.parse_args(words).what)
    if verb == "report":
        parser.add_argument("folder", nargs="?", default="")
        return commands.report(parser.parse_args(words).folder)
    return {"run": commands.run, "plan": commands.plan}[verb](words)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, like all others."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        from mu.errors import UsageError

        raise UsageError(message)


if __name__ == "__main__":
    sys.exit(main())
