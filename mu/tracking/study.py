"""The report run of a study: tables, charts, pictures, the page and the forgotten ids."""

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from statistics import fmean
from typing import Any

from mu.reporting.layout import sections, shown
from mu.results.judged import objective
from mu.results.results import Results
from mu.tracking import tables

MANY_CLASSES = 20  # more bars than that say nothing


def headline(results: Results) -> dict[str, Any]:
    """Summary of the report run: the objective, and counts of cells."""
    failures = [card.failure(results.scores(card)) for card in results.cards]
    found = {"cells": len(failures), "cells_failed": sum(map(bool, failures))}
    gap = objective(results)
    return found | ({} if gap is None else {"tune/objective": gap})


def tradeoffs(results: Results) -> Iterator[tuple[str, tables.Lines]]:
    """Per section: method, gap in forgetting, gap in utility, passes."""
    from mu.reporting.pictures.figures import tradeoff_scores

    for section in shown(sections(results)):
        if pair := tradeoff_scores(section):
            lines = []
            for method in section.methods:
                gaps = [section.number(method, score, "gap") for score in pair]
                if None not in gaps:
                    lines.append([method, *gaps, section.number(method, "cost/passes")])
            if lines:
                yield section.key, lines


def class_bars(results: Results) -> Iterator[tuple[str, tables.Lines]]:
    """Per section and method: class and its mean test accuracy over the pairs."""
    _, lines = tables.per_class(results)
    found: dict[str, dict[str, list[float]]] = {}
    for request, step, data, _, method, _, _, label, accuracy, _ in lines:
        if accuracy is not None:
            key = f"{data}-{request}-{step + 1}/{method}"
            found.setdefault(key, {}).setdefault(label, []).append(accuracy)
    for key, bars in found.items():
        if len(bars) <= MANY_CLASSES:
            yield key, [[label, fmean(values)] for label, values in bars.items()]


def figures(results: Results) -> dict[str, str]:
    """The pictures of the page as SVG, by kind and section."""
    from mu.reporting.pictures.chosen import MAIN, MORE
    from mu.reporting.pictures.look import looks

    style, found = looks(results), {}
    for section in shown(sections(results)):
        for kind, draw in (MAIN | MORE).items():
            found[f"figures/{kind}-{section.key}"] = draw(section, style)
    return {key: picture for key, picture in found.items() if picture}


def log_study(
    wandb: Any, run: Any, results: Results, cached: Mapping[str, bool], folder: Path | None
) -> None:
    """Log everything of a study into its report run.

    Args:
        wandb: The module.
        run: The report run.
        results: What ``results.json`` holds.
        cached: By run id, whether a cell was sent before and creates no run now.
        folder: Of the results; its page and id files become artifacts.
    """
    found = {
        "cells": tables.cells(results, cached),
        "aggregates": tables.aggregates(results),
        "per_class": tables.per_class(results),
        "roc": tables.operating_points(results),
        "gallery": tables.forgotten_pictures(results),
    }
    logged: dict[str, Any] = {
        f"tables/{key}": table(wandb, columns, lines)
        for key, (columns, lines) in found.items()
        if lines
    }
    for key, lines in tradeoffs(results):
        columns = ["method", "gap forgetting", "gap utility", "passes"]
        data = table(wandb, columns, lines)
        logged[f"charts/tradeoff-{key}"] = wandb.plot.scatter(
            data, columns[1], columns[2], title=f"Trade-off: {key}"
        )
    for key, lines in class_bars(results):
        data = table(wandb, ["class", "accuracy"], lines)
        logged[f"charts/per_class-{key}"] = wandb.plot.bar(data, "class", "accuracy", title=key)
    for key, picture in figures(results).items():
        logged[key] = wandb.Html(picture, inject=False)
    run.log(logged)
    run.summary.update(headline(results) | {"cells_cached": sum(cached.values())})
    log_files(wandb, run, results, folder)


def table(wandb: Any, columns: Sequence[str], lines: tables.Lines) -> Any:
    """A W&B table; bytes of a PNG become an image."""
    from PIL import Image

    def cell(entry: Any) -> Any:
        if not isinstance(entry, bytes):
            return entry
        return wandb.Image(Image.open(BytesIO(entry), formats=["PNG"]))

    data = [[cell(entry) for entry in line] for line in lines]
    return wandb.Table(columns=list(columns), data=data)


def _inside(path: Path, folder: Path) -> bool:
    """Whether a file lies in a folder, and no link leads out of it."""
    return path.resolve().is_relative_to(folder.resolve())


def log_files(wandb: Any, run: Any, results: Results, folder: Path | None) -> None:
    """The page and the exported id files as artifacts, where they are there."""
    if folder is None:
        return
    files = {
        "report": [folder / "report.html", folder / "results.json"],
        "forget_indices": sorted((folder / "forget_sets").rglob("*.txt")),
    }
    for kind, paths in files.items():
        present = [path for path in paths if path.is_file() and _inside(path, folder)]
        if present:
            artifact = wandb.Artifact(f"{kind}-{results.experiment}", type=kind)
            for path in present:
                artifact.add_file(str(path), name=path.relative_to(folder).as_posix())
            run.log_artifact(artifact)
