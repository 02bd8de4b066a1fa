"""The hostile archives of `tests/storing/test_sharing.py`, counted: none leaves a trace."""

import inspect
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from faults.tally import Tally

from mu.storing.packing import write_archive
from mu.storing.store import Store


def hostile() -> Iterator[tuple[str, Callable[[Path], object]]]:
    """Every test there by which an archive is refused, with each of its parameters."""
    from storing import test_sharing as tests

    for name, test in inspect.getmembers(tests, inspect.isfunction):
        asked = set(inspect.signature(test).parameters)
        if not name.startswith("test_") or not asked & {"archive", "other"} or asked & {"capsys"}:
            continue
        if "refused" in inspect.getsource(test) and "monkeypatch" not in asked:
            for number, given in enumerate(parameters(test)):
                yield f"{name} {number}", with_folder(test, given)


def parameters(test: Any) -> list[dict[str, Any]]:
    """What pytest would hand to a test by its marks."""
    sets = []
    for mark in getattr(test, "pytestmark", []):
        names, values = mark.args
        names = [n.strip() for n in names.split(",")] if isinstance(names, str) else names
        rows = [v if len(names) > 1 else (v,) for v in values]
        sets.append([dict(zip(names, row, strict=True)) for row in rows])
    return [{k: v for one in chosen for k, v in one.items()} for chosen in itertools.product(*sets)]


def with_folder(test: Callable[..., object], given: dict[str, Any]) -> Callable[[Path], object]:
    def run(folder: Path) -> object:
        from storing.test_sharing import filled, quiet

        found = {"store": filled(folder / "store"), "other": Store(folder / "other")}
        found |= {"tmp_path": folder, "archive": folder / "all.tar"}
        write_archive(found["store"], list(found["store"].entries()), found["archive"], quiet)
        asked = inspect.signature(test).parameters
        return test(**{n: given[n] if n in given else found[n] for n in asked})

    return run


def tally(folder: Path) -> Tally:
    found = Tally("hostile archives")
    for name, run in hostile():
        place = folder / str(found.cases) / "inside"
        place.mkdir(parents=True)
        try:
            run(place)
            assert [p.name for p in place.parent.iterdir()] == ["inside"]
        except Exception as error:
            found.add(name, error)
        else:
            found.add(name)
    return found
