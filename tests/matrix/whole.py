"""All cells, group by group: what `python -m matrix` runs on all cores and `test_core` in part."""

import gc
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from traceback import format_exc
from typing import Any

import numpy as np
import torch
from matrix import graphs
from matrix.cell import (
    TRACEBACK,
    Outcome,
    compare,
    evaluated,
    facts_of,
    method_names,
    one_line,
    unlearned,
)
from matrix.loaders import LOADERS, Loaded, plain
from matrix.models import MODELS, problem
from matrix.problem import Problem, forgotten

SUBJECTS = ("normalised: batchnorm1d", "plain: smallcnn")
GRAPH_ONLY = {"gif", "utu"}
FEW = ["ssd", "random_labels", "scrub", "finetune", "influence", "unsir", "evaluate"]


@dataclass
class Cell:
    """Where a cell stands in the table, and how it ended."""

    axis: str
    subject: str
    method: str
    outcome: Outcome

    @property
    def key(self) -> str:
        return f"{self.axis} | {self.subject} | {self.method}"


def cell(axis: str, subject: str, method: str, run: Callable[[], Outcome]) -> Cell:
    """A cell without its result, which other processes cannot take; it never raises."""
    try:
        outcome = run()
    except Exception as error:
        words = f"in the judging: {one_line(error)}"
        outcome = Outcome(TRACEBACK, message=words, detail=format_exc())
    outcome.value = None
    return Cell(axis, subject, method, outcome)


def image_methods() -> list[str]:
    """Methods for samples, and two of those for graphs only, which must refuse them."""
    names = method_names()
    for_graphs = {n for n in names if (r := facts_of(n).requests) and "samples" not in r}
    return [n for n in names if n not in for_graphs - GRAPH_ONLY] + ["evaluate"]


def graph_methods() -> list[str]:
    return method_names()


def groups() -> list[tuple[str, str]]:
    """Independent pieces of work; the slow ones first."""
    found = [("model", name) for name in MODELS]
    found += [("loader", f"{name} @ {subject}") for subject in SUBJECTS for name in LOADERS]
    found += [("graph", name) for name in graphs.NETWORKS]
    found += [("graph door", name) for name in graphs.DOORS]
    return [*found, ("graph request", "handed")]


def cells(axis: str, subject: str, methods: list[str] | None = None) -> Iterator[Cell]:
    """The cells of a group."""
    if axis == "model":
        yield from model_cells(subject, methods or image_methods())
    elif axis == "loader":
        name, _, network = subject.partition(" @ ")
        few = FEW if name == "workers" else image_methods()
        yield from loader_cells(name, network, methods or few)
    elif axis == "graph":
        yield from graph_cells(subject, methods or graph_methods())
    elif axis == "graph door":
        yield from door_cells(subject, methods or ["finetune", "gradient_ascent", "ssd"])
    else:
        for name in graphs.HANDED:
            yield cell("graph request", name, "ssd", partial(graphs.handed, name))


def one(method: str, problem_name: str, make_loaded: Any) -> tuple[Outcome, Problem]:
    """A call on a problem made anew, in a random state of the caller's own."""
    found = problem(problem_name)
    loaded: Loaded = make_loaded(found)
    seeded()
    if method == "evaluate":
        others = [problem(problem_name, seed).net for seed in (1, 2)]
        return evaluated(found, others, loaded), found
    return unlearned(method, found, loaded), found


def seeded() -> None:
    """The random state of the caller: one that no call sets by itself."""
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)


def model_cells(name: str, methods: list[str]) -> Iterator[Cell]:
    for method in methods:
        yield cell("model", name, method, partial(model_outcome, name, method))
    gc.collect()


def model_outcome(name: str, method: str) -> Outcome:
    """Judged beside the same problem in plainer words, where there is one."""
    outcome, mine = one(method, name, plain)
    if outcome.value is not None and mine.same:
        plainer, other = one(method, mine.same, plain)
        asked = mine.rows(forgotten())[0], other.rows(forgotten())[0]
        compare(outcome, plainer, *asked, mine.nearly, mine.strict)
    return outcome


def loader_cells(name: str, network: str, methods: list[str]) -> Iterator[Cell]:
    for method in methods:
        run = partial(loader_outcome, name, network, method)
        yield cell("loader", f"{name} @ {network}", method, run)


def loader_outcome(name: str, network: str, method: str) -> Outcome:
    """Judged beside the same samples as plain pairs, where they are the same."""
    outcome, mine = one(method, network, LOADERS[name])
    loaded = LOADERS[name](mine)
    if outcome.value is not None and loaded.same is not None:
        plainer, other = one(method, network, lambda p: LOADERS[name](p).same)
        asked = mine.rows(forgotten())[0], other.rows(forgotten())[0]
        compare(outcome, plainer, *asked, loaded.nearly, loaded.strict)
    return outcome


def graph_cells(name: str, methods: list[str]) -> Iterator[Cell]:
    asked = {"node classes": ["nodes"], "links": ["edges"]}
    if name in ("GCNConv", "SAGEConv", "mu's GCN"):
        asked = {"node classes": ["nodes", "features", "edges"], "links": ["edges", "nodes"]}
    for kind, elements in asked.items():
        subject = f"{name}, {kind}"
        if name != "without Encoder":
            yield cell("graph", subject, "predict", partial(graphs.predicted, name, kind))
        for element in elements:
            for method in methods:
                seeded()
                run = partial(graphs.unlearned, method, name, kind, element)
                yield cell("graph", f"{subject}, {element}", method, run)


def door_cells(name: str, methods: list[str]) -> Iterator[Cell]:
    for method in ["predict", *methods]:
        seeded()
        yield cell("graph door", name, method, partial(graphs.through_door, name, method))
