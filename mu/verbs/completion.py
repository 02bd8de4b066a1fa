"""``mu completion``: the words of the command line for the Tab key of a shell."""

from collections.abc import Iterable

from mu.configuration.choices import choices, unknown
from mu.verbs.known import VERBS

SCRIPTS = {
    "bash": """\
_mu() {
    local line="${COMP_LINE:0:COMP_POINT}" word
    word="${line##* }"
    COMPREPLY=($(compgen -W "$(mu completion words "$line" 2>/dev/null)" -- "$word"))
    [[ "${COMPREPLY[0]}" == *= ]] && compopt -o nospace
    [[ "$word" == *=* && "$COMP_WORDBREAKS" == *=* ]] && COMPREPLY=("${COMPREPLY[@]#*=}")
    return 0
}
complete -o default -F _mu mu
""",
    "zsh": """\
#compdef mu
_mu() {
    local -a found
    found=(${(f)"$(mu completion words "${words[1,CURRENT]}" 2>/dev/null)"})
    compadd -Q -S '' -- $found
}
compdef _mu mu
""",
    "fish": """\
complete -c mu -f -a '(mu completion words (commandline -cp | string collect) 2>/dev/null)'
""",
}
NAMED = ("run", "plan", "tune", "calibrate")  # verbs that take an experiment and keys
GROUPS = ("data", "model", "recipe", "evaluation", "compute", "mode")
CHOICES = {group: group for group in GROUPS}
CHOICES |= {"experiment": "experiment", "methods": "method", "method": "method"}
KEYS = ("requests", "seeds", "oracles", "scale", "null", "compare", "out", "weights", "original")


def command(words: list[str]) -> int:
    """``mu completion``: the script of a shell.

    Raises:
        UsageError: Another shell.
    """
    if words[:1] == ["words"]:
        print("\n".join(completions(" ".join(words[1:]))))
        return 0
    if len(words) != 1 or words[0] not in SCRIPTS:
        raise unknown("shell", words[0] if words else "", SCRIPTS)
    print(SCRIPTS[words[0]], end="")
    return 0


def completions(line: str) -> list[str]:
    """What the last word of a line may become.

    Args:
        line: From ``mu`` to the cursor.

    Example:
        >>> completions("mu pl")
        ['plan']
        >>> completions("mu run quickstart methods=ssd,neg")
        ['methods=ssd,neggrad_plus']
    """
    *before, last = line.split(" ")
    before = [word for word in before if word]
    return [word for word in _known(before, last) if word.startswith(last)]


def _known(before: list[str], last: str) -> Iterable[str]:
    """Words that may stand after others."""
    from mu.verbs.listing import KINDS

    if len(before) < 2:
        return VERBS
    verb = before[1]
    if verb == "list":
        return KINDS
    if verb == "completion":
        return SCRIPTS
    if verb not in NAMED:
        return ()
    key, equals, value = last.partition("=")
    if equals:
        start = "".join(value.rpartition(",")[:2]) if key == "methods" else ""
        return [f"{key}={start}{name}" for name in choices(CHOICES[key])] if key in CHOICES else ()
    keys = [f"{key}=" for key in (*CHOICES, *KEYS)]
    return [*(choices("experiment") if len(before) == 2 else ()), *keys]
