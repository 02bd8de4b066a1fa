"""The command line."""

import os
import sys
from contextlib import suppress

from mu.verbs.known import VERBS

ASKED = {"-h", "--help"}
GUIDE = """\
mu: did this method make this model forget these data, and at what cost?

  mu run NAME [key=value ...] [out=DIR]    run an experiment, print its tables
  mu plan NAME [key=value ...]             what is cached, what is to run; power
  mu audit data=D model=M net=FILE forget=F what one model of yours still knows
  mu calibrate NAME|DIR [pairs=3,5,10]     how often each verdict falls
  mu tune NAME [methods=a,b] [trials=20]   options from validation sets
  mu list methods|metrics|datasets|models|recipes|requests|experiments|modes
  mu explain NAME                          what a score or a method is
  mu data ids NAME [data.key=value ...]    id, part, class, file of each sample
  mu report DIR                            write the report of a run anew
  mu weights DIR ROW FILE                  the network of a row, as safetensors
  mu reproduce DIR                         run again, compare every number
  mu track DIR --resend                    send the cards of a run to W&B
  mu store ls|gc|verify|export|import      what is kept, and how to share it
  mu doctor                                versions, devices, data, store
  mu completion bash|zsh|fish              words for the Tab key of a shell

mu VERB --help says what a verb takes, with an example. NAME is one of
mu list experiments, or a YAML file; experiment=NAME says the same.
Keys: methods=a,b  requests=a,b  seeds=3 or seeds=0,4  oracles=3 choose;
scale=small or mode=smoke takes a smaller version; a group's name
(model=resnet20) replaces a choice; any other key (recipe.epochs=3,
method.alpha=5) overrides every block that has it.
Environment: MU_STORE (default .mu), MU_DATA_ROOT (default data), MU_CONFIGS,
MU_TRUST=PACKAGE (whose classes files of others may name; see SECURITY.md).
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; the exit code.

    0 when every cell finished, 1 when one failed, 2 for bad usage and for files that cannot be
    read or written, 130 after Ctrl-C, 143 after SIGTERM.
    """
    from mu.doors.interrupts import terminable

    with terminable() as came:
        code = answered(arguments)
    return 128 + came[0] if came else code


def answered(arguments: list[str] | None) -> int:
    """`main`, but for SIGTERM."""
    from mu.errors import MuError

    try:
        code = obeyed(arguments)
        if sys.stdout:  # None where it is closed
            sys.stdout.flush()
    except SystemExit as error:  # argparse has printed the options of a verb
        return error.code if isinstance(error.code, int) else 0
    except MuError as error:
        from mu.results.format import printable

        print(f"mu: {printable(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("mu: stopped; what is finished stays in the store", file=sys.stderr)
        return 130
    except OSError as error:
        return unusable(error)
    return code


def obeyed(arguments: list[str] | None) -> int:
    """Guide, version or help, or what a verb does."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["help"]:  # mu help run
        words = [*words[1:2], "--help"]
    if not words or words[0] in ASKED:
        print(GUIDE, end="")
        return 0
    if words[0] == "--version":
        from mu.version import __version__

        print(__version__)
        return 0
    from mu.verbs.help import HELP

    if words[0] in HELP and ASKED & set(words):
        print(HELP[words[0]], end="")
        return 0
    return dispatch(words[0], words[1:])


def unusable(error: OSError) -> int:
    """Say in one line which file cannot be read or written; nothing where nobody reads on."""
    from mu.results.format import printable

    try:
        sys.stdout.flush()
    except (OSError, ValueError):  # what is still to be written would be tried again at the end
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return 0
    if os.environ.get("MU_DEBUG"):
        raise error
    where = str(error.filename or "a file, or the output")
    short = where if len(where) <= 100 else f"{where[:60]}…{where[-30:]}"
    print(f"mu: {printable(short)}: {error.strerror or printable(error)}", file=sys.stderr)
    return 2


def dispatch(verb: str, words: list[str]) -> int:
    """Hand the words to a verb.

    Raises:
        UsageError: No such verb.
    """
    from importlib import import_module

    from mu.configuration.choices import unknown

    if verb not in VERBS:
        raise unknown("verb", verb, VERBS)
    code: int = import_module(VERBS[verb]).command(words)
    return code


if __name__ == "__main__":
    sys.exit(main())
