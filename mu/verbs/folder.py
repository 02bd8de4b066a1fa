"""A folder of results: one process at a time writes there, and nothing of others is overwritten."""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from mu.errors import UsageError
from mu.storing.holding import holding

Files = Mapping[str, tuple[str, ...]]
# What a verb writes: a record, by which its files are known, and files made of the record.
RUN: Files = {
    "results.json": ("results.csv", "results_pairs.csv", "table.md", "table.tex", "report.html")
}
AUDIT: Files = {"audit.json": ("audit.html",)}
TUNE: Files = {"tuning.json": ()}
RATES: Files = {"rates.json": ("rates.md",)}
LOCK = ".lock"
BEGINNING = re.compile(rb'\s*\{\s*"(schema|experiment)":')  # of every record
LONGEST = 100  # bytes in which a beginning ends


@contextmanager
def folder_for(out: Path, files: Files = RUN, named: str = "out=") -> Iterator[None]:
    """Make a folder and hold it before anything is computed; bad usage leaves no new folder.

    Args:
        out: The folder.
        files: What is to be written there.
        named: What the folder is called before its name, in messages.

    Raises:
        UsageError: It cannot be made or written, another process writes there, or it has files of
            these names that mu did not write.
    """
    new: list[Path] = []
    try:
        with ExitStack() as until_the_end:
            try:
                new += [folder for folder in (out, *out.parents) if not folder.exists()]
                out.mkdir(parents=True, exist_ok=True)
                mine = until_the_end.enter_context(holding(out / LOCK))
            except OSError as error:
                raise UsageError(f"{named}{out} cannot be written ({error.strerror})") from error
            if not mine:
                raise UsageError(
                    f"another mu writes to {named}{out} just now: wait for it, or name another "
                    "folder"
                )
            check_own(out, files, named)
            yield
    except UsageError:
        for folder in new:
            with suppress(OSError):
                folder.rmdir()
        raise


def check_own(out: Path, files: Files, named: str = "out=") -> None:
    """Refuse a folder with files of these names that mu did not write.

    Raises:
        UsageError: Naming the file.
    """
    for record, made in files.items():
        known = _is_record(out / record)
        foreign = [name for name in (record, *made) if not known and _is_there(out / name)]
        if foreign:
            raise UsageError(
                f"{named}{out} has a file {foreign[0]} that mu did not write; move it away, or "
                "name another folder"
            )


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _is_record(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return BEGINNING.match(file.read(LONGEST)) is not None
