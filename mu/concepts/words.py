"""Lists of concept words: those that ship with mu, and a user's own."""

from collections.abc import Iterable
from pathlib import Path

from mu.configuration.choices import unknown
from mu.errors import UsageError

ARTICLES = ("a", "an", "the")
LONGEST = 2  # words of a phrase


def shipped_lists() -> dict[str, Path]:
    """Name → file of the lists that ship with mu.

    Example:
        >>> sorted(shipped_lists())
        ['cifar10', 'generic']
    """
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.txt"))}


def read_words(source: str | Path, class_names: Iterable[str] = ()) -> list[str]:
    """A list of concept words.

    The result of a ranking depends on the list, so it is a fixed file and never asked of a service.

    Args:
        source: Name of a shipped list, or a text file: one word or phrase a line, ``#`` for
            comments.
        class_names: Names that are no concepts.

    Raises:
        UsageError: There is no such list or file, it is not text, or it holds fewer than two words.
    """
    known, path = shipped_lists(), Path(source)
    if str(source) in known:
        path = known[str(source)]
    elif not path.is_file():
        raise unknown("list of concept words", str(source), known)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not text in UTF-8, one concept word a line") from error
    found = clean_words((line.partition("#")[0] for line in lines), class_names)
    if len(found) < 2:
        raise UsageError(f"{path} holds {len(found)} concept words; ranking needs two or more")
    return found


def clean_words(words: Iterable[str], class_names: Iterable[str] = ()) -> list[str]:
    """Words in lower case, each once, without articles, class names and phrases of three or more.

    Example:
        >>> clean_words(["a Wing", "wing", "the deer", "very long phrase", ""], ["deer"])
        ['wing']
    """
    names = {name.lower() for name in class_names}
    found: dict[str, None] = {}
    for entry in words:
        parts = [part for part in entry.lower().split() if part not in ARTICLES]
        phrase = " ".join(parts)
        if phrase and len(parts) <= LONGEST and phrase not in names:
            found[phrase] = None
    return list(found)
