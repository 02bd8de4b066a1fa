"""``mu store``: what is in the store, is it whole, what can go, and taking it elsewhere."""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from mu.configuration.choices import unknown
from mu.errors import CellFailed, UsageError
from mu.results.format import plural, printable
from mu.storing.cleaning import (
    DAY,
    busy,
    by_reason,
    leftovers,
    logs,
    remove_all,
    superfluous,
    unfinished,
)
from mu.storing.inventory import Entry
from mu.storing.object_store import downloaded, uploaded
from mu.storing.packing import BadArchive, write_archive
from mu.storing.store import CorruptArtifact, Store, UnreadableArtifact, default_root
from mu.verbs.bar import bar
from mu.verbs.parser import Parser
from mu.verbs.reachable import needed

UNITS = ("B", "kB", "MB", "GB", "TB")
SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def command(words: list[str]) -> int:
    """``mu store ls|gc|verify|export|import``: 0, or 1 where an artifact or archive is damaged.

    Raises:
        UsageError: A word is wrong, or there is no store.
    """
    options = _parser().parse_args(words)
    verbs = {"ls": ls, "gc": gc, "verify": verify, "export": export, "import": import_}
    if options.verb not in verbs:
        raise unknown("verb of mu store", options.verb or "", verbs)
    if options.verb != "import" and not default_root().is_dir():
        raise UsageError(f"there is no store at {default_root()}; set MU_STORE to where it is")
    try:
        return verbs[options.verb](options)
    except (CellFailed, BadArchive) as error:
        print(f"mu: {printable(error)}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="mu store",
        description="What is in the store (MU_STORE), is it whole, what can go; and taking it "
        "elsewhere. mu store VERB --help says more.",
        epilog="example: mu store gc --older-than 30 --yes",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")

    def verb(name: str, about: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")

    listing = verb("ls", "what is in the store")
    listing.add_argument("--step", nargs="+", action="extend", help="only these steps")
    listing.add_argument("--sort", choices=("size", "age"), help="the largest, or oldest, first")
    cleaning = verb("gc", "what can go; removes it with --yes")
    cleaning.add_argument("--older-than", type=float, metavar="DAYS", help="only what is older")
    cleaning.add_argument(
        "--keep-results", nargs="+", action="extend", type=Path, metavar="DIR",
        help="whatever these results do not rest on can go",
    )  # fmt: skip
    how = cleaning.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="only say what would go (default)")
    how.add_argument("--yes", action="store_true", help="remove it")
    verb("verify", "compute every digest anew")
    leaving = verb("export", "artifacts as one .tar or .tar.gz")
    leaving.add_argument("file", metavar="FILE", help="a file, or a URL as s3://bucket/name.tar.gz")
    leaving.add_argument("keys", nargs="*", metavar="KEY", help="beginning of a key")
    leaving.add_argument("--step", nargs="+", action="extend", help="only these steps")
    leaving.add_argument(
        "--results", nargs="+", action="extend", type=Path, metavar="DIR",
        help="what these results rest on",
    )  # fmt: skip
    verb("import", "take in what export wrote").add_argument("file", metavar="FILE")
    return parser


def human(size: float) -> str:
    """Bytes with a unit.

    Example:
        >>> human(0), human(2_500), human(3_200_000_000)
        ('0 B', '2.5 kB', '3.2 GB')
    """
    unit = 0
    while size >= 999.95 and unit < len(UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.1f} {UNITS[unit]}" if unit else f"{size:.0f} B"


def age(seconds: float) -> str:
    """A span of time in its largest unit.

    Example:
        >>> age(3), age(7_300), age(200_000)
        ('3 s', '2 h', '2 d')
    """
    for span, unit in SPANS:
        if seconds >= span:
            return f"{seconds // span:.0f} {unit}"
    return "0 s"


def of_steps(found: Iterable[Entry], steps: Sequence[str] | None) -> list[Entry]:
    """Artifacts of the steps named.

    Raises:
        UsageError: There is none of a step.
    """
    found = list(found)
    known = sorted({entry.step for entry in found})
    for step in steps or ():
        if step not in known:
            raise unknown("step", step, known)
    return [entry for entry in found if not steps or entry.step in steps]


def ls(options: argparse.Namespace) -> int:
    """List artifacts, and how much there is of each step."""
    store, now = Store(default_root()), time.time()
    found = of_steps(store.entries(), options.step)
    if options.sort:
        found.sort(key=lambda e: -e.size if options.sort == "size" else e.written)
    print(f"{'step':<10}{'key':<14}{'size':>9}{'age':>8}{'seconds':>10}  made for")
    for entry in found:
        seconds = entry.manifest.get("seconds")
        took = f"{seconds:.1f}" if isinstance(seconds, int | float) else "?"
        label = str(entry.manifest.get("label") or entry.manifest.get("family") or "?")
        size, old = human(entry.size), age(now - entry.written)
        made_for = printable(label)[:26]
        print(f"{entry.step:<10}{entry.key[:12]:<14}{size:>9}{old:>8}{took:>10}  {made_for}")
    print()
    for step in dict.fromkeys(entry.step for entry in found):
        of_step = [entry for entry in found if entry.step == step]
        print(f"{step:<10}{len(of_step):>8} artifacts{human(_size(of_step)):>10}")
    print(f"{'all':<10}{len(found):>8} artifacts{human(_size(found)):>10}")
    return 0


def damaged(store: Store, found: Sequence[Entry]) -> tuple[dict[Entry, str], list[str]]:
    """Artifacts that are not whole, and why not; and why others could not be read."""
    reasons, unread = {}, []
    with bar("verifying", _size(found)) as advance:
        for entry in found:
            try:
                store.has(entry.step, entry.key)
            except CorruptArtifact as error:
                reasons[entry] = str(error)
            except UnreadableArtifact as error:
                unread.append(str(error))
            advance(entry.size)
    return reasons, unread


def verify(options: argparse.Namespace) -> int:
    """Verify everything; 1 when something is damaged."""
    store = Store(default_root())
    found = list(store.entries())
    reasons, unread = damaged(store, found)
    for reason in (*reasons.values(), *unread):
        print(reason)
    whole = len(found) - len(reasons) - len(unread)
    print(f"{whole} of {len(found)} artifacts are whole")
    if reasons:
        print("mu store gc --yes removes damaged artifacts; a run computes them again")
    if unread:
        print("what cannot be read stays: look at the disk and at who may read there")
    return 1 if whole < len(found) else 0


def gc(options: argparse.Namespace) -> int:
    """Say what can go and how much it is; remove it when told so."""
    if options.older_than is not None and not options.older_than >= 0:
        raise UsageError(f"--older-than {options.older_than} is not a number of days")
    store, gone = _opened()
    if gone:
        print(f"removed {gone} temporary folders of processes that are gone")
    found = list(store.entries())
    wanted = _wanted(store, options.keep_results) if options.keep_results else None
    before = None if options.older_than is None else time.time() - options.older_than * DAY
    going = superfluous(found, damaged(store, found)[0], wanted, before)
    stray = leftovers(store.root, time.time() - DAY)
    left = abandoned(store, found, before)
    for (reason, step), group in by_reason(going).items():
        print(f"{reason:<26}{step:<10}{len(group):>8} artifacts{human(_size(group)):>10}")
    if stray:
        print(f"{len(stray)} temporary folders older than a day")
    if left:
        size = human(sum(map(bytes_in, left)))
        print(f"what {len(left)} steps that never ended left to go on from, {size}")
    said = logs(store.root, time.time() - 7 * DAY)
    if said:
        print(f"logs of {plural(len(said), 'run')} on a cluster, older than a week")
    aside = [*stray, *left, *said]
    total = f"{len(going)} of {len(found)} artifacts, {human(_size(going))}"
    if not options.yes:
        print(f"can go: {total}; nothing was removed" + ("; add --yes" if going or aside else ""))
        return 0
    store.check_writable()
    if busy(store):
        raise UsageError("a run is computing with this store just now; nothing was removed")
    with bar("removing", len(going)) as advance:
        remove_all(store, list(going), aside, advance)
    print(f"removed: {total}")
    return 0


def abandoned(store: Store, found: Iterable[Entry], before: float | None) -> list[Path]:
    """Scratch folders of finished steps, and those that nobody wrote to for a week.

    Args:
        store: The store.
        found: Its artifacts.
        before: Unix time in place of a week ago.
    """
    week_ago = time.time() - 7 * DAY
    done = {entry.key for entry in found}
    return unfinished(store.root, week_ago if before is None else before, done)


def bytes_in(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def _opened() -> tuple[Store, int]:
    """The store, and how many temporary folders of ended processes opening it removed."""
    there = leftovers(default_root())
    store = Store(default_root())
    return store, sum(not path.exists() for path in there)


def _wanted(store: Store, folders: Sequence[Path]) -> set[str]:
    """Keys that the results of any of these folders rest on."""
    found: set[str] = set()
    with bar("looking up results", len(folders)) as advance:
        for folder in folders:
            found |= needed(store, folder)
            advance(1)
    return found


def _size(found: Iterable[Entry]) -> int:
    return sum(entry.size for entry in found)


def export(options: argparse.Namespace) -> int:
    """Write artifacts to one file."""
    store = Store(default_root())
    found = of_steps(store.entries(), options.step)
    if options.keys or options.results:
        for key in options.keys:
            if not any(entry.key.startswith(key) for entry in found):
                raise UsageError(
                    f"no artifact has a key that starts with {key!r}; mu store ls shows them, "
                    "--results DIR takes those that a run rests on"
                )
        wanted = _wanted(store, options.results or ())
        begun = tuple(options.keys)
        found = [e for e in found if e.key in wanted or e.key.startswith(begun)]
    if not found:
        raise UsageError("the store holds nothing of that; no file was written")
    with uploaded(store, options.file) as path, bar("writing", _size(found)) as advance:
        size = write_archive(store, found, path, advance)
    print(f"{len(found)} artifacts in {options.file} ({human(size)})")
    return 0


def import_(options: argparse.Namespace) -> int:
    """Take in the artifacts of a file."""
    from mu.storing.unpacking import read_archive

    store = Store(default_root())
    with downloaded(store, options.file) as path:
        plain = path.suffix == ".tar" and path.is_file()
        with bar("reading", path.stat().st_size if plain else 0) as advance:
            found = read_archive(store, path, advance)
    said = f"{found.entered} artifacts entered the store, {found.present} were there already"
    different = f" ({found.different} of them with other numbers: yours stay)"
    print(said + (different if found.different else ""))
    return 0
