"""The command line."""

import sys

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

    0 when every cell finished, 1 when one failed, 2 for bad usage, 130 after Ctrl-C.
    """
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
    from mu.errors import MuError
    from mu.verbs.help import HELP

    if words[0] in HELP and ASKED & set(words):
        print(HELP[words[0]], end="")
        return 0
    try:
        return dispatch(words[0], words[1:])
    except SystemExit:  # argparse has printed the options of a verb
        return 0
    except MuError as error:
        from mu.results.format import printable

        print(f"mu: {printable(error)}", file=sys.stderr)
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
    from importlib import import_module

    from mu.configuration.choices import unknown

    if verb not in VERBS:
        raise unknown("verb", verb, VERBS)
    code: int = import_module(VERBS[verb]).command(words)
    return code


if __name__ == "__main__":
    sys.exit(main())
