"""``mu completion``: the words of the command line for the Tab key of a shell."""

from collections.abc import Iterable, Mapping

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
    found=(${(f)"$(mu completion words "${(j: :)words[1,CURRENT-1]} $PREFIX" 2>/dev/null)"})
    if (( ! $#found )); then
        compset -P '*='
        _files
        return
    fi
    compadd -Q -S '' -- ${(M)found:#*=}
    compadd -Q -- ${found:#*=}
    return 0
}
if [[ $funcstack[1] == _mu ]]; then _mu "$@"; else compdef _mu mu; fi
""",
    "fish": """\
function __mu_words
    mu completion words (commandline -cp | string collect) 2>/dev/null
end
complete -c mu -f -a '(__mu_words)'
complete -c mu -n 'not string length -q -- (__mu_words)' -F
""",
}
NAMED = ("run", "plan", "tune", "calibrate")  # verbs that take an experiment and keys
GROUPS = ("data", "model", "recipe", "evaluation", "compute", "mode")
CHOICES = {group: group for group in GROUPS}
CHOICES |= {"experiment": "experiment", "methods": "method", "method": "method"}
KEYS = ("requests", "seeds", "oracles", "scale", "null", "compare", "out", "weights", "original")
AUDITED = {"data": "data", "model": "model", "evaluation": "evaluation", "forget": "request"}
AUDIT_KEYS = ("net", "original", "oracles", "before", "drawn", "device", "out")


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
    if verb == "explain":
        return choices("method")
    if verb == "audit":
        return _keys(last, AUDITED, AUDIT_KEYS)
    if verb not in NAMED:
        return ()
    experiments = choices("experiment") if len(before) == 2 and "=" not in last else ()
    return [*experiments, *_keys(last, CHOICES, KEYS)]


def _keys(last: str, groups: Mapping[str, str], others: Iterable[str]) -> list[str]:
    """Keys, or the values of the key that is typed already.

    Args:
        last: The word so far.
        groups: Key → folder of the YAML files that are its values.
        others: Keys whose values nobody knows.
    """
    key, equals, value = last.partition("=")
    if not equals:
        return [f"{name}=" for name in (*groups, *others)]
    start = "".join(value.rpartition(",")[:2]) if key == "methods" else ""
    return [f"{key}={start}{name}" for name in choices(groups[key])] if key in groups else []
