"""The whole path as one fold: fit → select → unlearn → predict → score → card.

Nothing here asks which modality the data have: elements, views and signals are all it knows.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from mu.config import Block
from mu.data.facts import data_files, resolved
from mu.errors import MuError, UsageError
from mu.evaluation.cost import cost_values
from mu.jobs import Ref, one_line
from mu.runner import Runner, Waiting

SCHEMA = 1


@dataclass(frozen=True)
class State:
    """A learner in the store and the selections taken out of the view it is scored on."""

    learner: Ref
    removed: tuple[Ref, ...] = ()


class Cell:
    """One (block, request, seed): every method on the same sequence of requests.

    Args:
        run: Decides and runs steps.
        index: Number of the block.
        block: What to do.
        request: Name of the request.
        pair: Number of the pair; ``block.seeds[pair]`` is its training seed.
    """

    def __init__(self, run: Runner, index: int, block: Block, request: str, pair: int) -> None:
        self.run, self.index, self.block, self.pair = run, index, block, pair
        self.request, self.seed = request, block.seeds[pair]
        self.config = block.config
        self.device = block.config["device"]

    async def cards(self) -> list[dict[str, Any]]:
        """The fold: result cards of every row after every request of the sequence."""
        rows = ["original", "random_weights", "oracle", *self.block.methods]
        requests = self.block.requests[self.request]
        selections: list[Ref] = []
        cards: list[dict[str, Any]] = []
        try:
            self.data = await self.describe()
            self.facts = self.run.facts(self.data)
            original = State(await self.fit([], self.seed))
            untrained = await self.fit([], self.seed, epochs=0)
            states: dict[str, State | MuError] = dict.fromkeys(self.block.methods, original)
        except (UsageError, Waiting):
            raise
        except MuError as error:
            return [self.card(row, 0, error=error) for row in rows]
        for number, request in enumerate(requests):
            try:
                selection = await self.select(request, selections)
                after = (*selections, selection)
                seeds = [
                    self.seed,
                    *(10_000 * (self.seed + 1) + k for k in range(1, self.block.oracles)),
                ]
                self.run.facts(selection)
                oracles = [
                    State(ref, after)
                    for ref in await asyncio.gather(*(self.fit(after, seed) for seed in seeds))
                ]
            except (UsageError, Waiting):
                raise
            except MuError as error:
                return cards + [self.card(row, number, error=error) for row in rows]
            names = list(states)
            results = await asyncio.gather(
                *(self.unlearn(name, states[name], selections, selection) for name in names),
                return_exceptions=True,
            )
            states = dict(zip(names, map(failure_or_state, results), strict=True))
            selections.append(selection)
            fixed = {"original": original, "random_weights": State(untrained, after)}
            cards += await self.scored({**fixed, **states}, oracles, selection, number)
        return cards

    async def scored(
        self,
        states: dict[str, State | MuError],
        oracles: list[State],
        selection: Ref,
        number: int,
    ) -> list[dict[str, Any]]:
        """Cards of all rows after one request; the oracles are scored against each other."""

        async def card(name: str, state: State | MuError) -> dict[str, Any]:
            try:
                if isinstance(state, MuError):
                    raise state
                score = await self.score(state, oracles, states["original"], selection)
                values = self.run.facts(score)["values"]
            except (UsageError, Waiting):
                raise
            except MuError as error:
                return self.card(name, number, selection, error=error)
            return self.card(name, number, selection, state, values, floor, oracles)

        floor = []
        try:
            scores = await asyncio.gather(
                *(
                    self.score(o, [x for x in oracles if x is not o], states["original"], selection)
                    for o in oracles
                )
            )
            floor = [self.run.facts(score)["values"] for score in scores]
        except (UsageError, Waiting):
            raise
        except MuError as error:
            names = ["original", "random_weights", "oracle", *self.block.methods]
            return [self.card(name, number, selection, error=error) for name in names]
        mean = {name: mean_of([f[name] for f in floor]) for name in floor[0]}
        oracle = self.card("oracle", number, selection, oracles[0], mean, floor, oracles)
        return [oracle, *await asyncio.gather(*(card(n, s) for n, s in states.items()))]

    # The steps. Each says what decides its result (key) and what it is given (config, inputs).

    async def describe(self) -> Ref:
        """What the pipeline knows of the data."""
        data = self.config["data"]
        return await self.run.step(
            "describe",
            "mu.data.base:describe",
            key={"data": self.data_key, "files": data_files(data.get("files") or [])},
            config={"data": data},
            label=f"read {self.block.names['data']}",
        )

    async def fit(self, removed: Sequence[Ref], seed: int, epochs: int | None = None) -> Ref:
        """A model trained on everything but what was removed."""
        recipe = dict(self.config["recipe"])
        checkpoint = recipe.pop("checkpoint", None)
        if epochs is not None:
            recipe, checkpoint = recipe | {"epochs": epochs}, None
        kept = self.run.facts(removed[-1])["kept"] if removed else self.facts["kept"]
        kind = "untrained" if epochs == 0 else "oracle" if removed else "original"
        return await self.run.step(
            "fit",
            "mu.training.fit:step",
            key={
                "data": [self.data_key, self.facts["fingerprint"]],
                "kept": kept if recipe["epochs"] else "",
                "model": self.model,
                "recipe": recipe,
                "seed": seed,
                "checkpoint": file_digest(checkpoint),
            },
            config=self.base(recipe=recipe, seed=seed, checkpoint=checkpoint),
            inputs={"removed": list(removed)},
            label=f"train {kind}, seed {seed}",
        )

    async def select(self, request: dict[str, Any], before: Sequence[Ref]) -> Ref:
        """Who is to be forgotten next."""
        request = dict(request)
        for name, values in request.pop("per_pair", {}).items():
            request[name] = values[self.pair % len(values)]
        path = request.get("path")
        return await self.run.step(
            "select",
            "mu.forget_sets.request:step",
            key={
                "data": [self.data_key, self.facts["fingerprint"]],
                "request": {k: v for k, v in request.items() if k != "path"},
                "file": file_digest(path),
                "before": [self.run.facts(ref)["forget_digest"] for ref in before],
                "seed": self.seed,
            },
            config={"data": self.config["data"], "request": request, "seed": self.seed},
            inputs={"removed": list(before)},
            label=f"select {self.request}",
        )

    async def unlearn(
        self, name: str, state: State | MuError, before: Sequence[Ref], selection: Ref
    ) -> State:
        """The state after one request, by one method; its view is the retained one."""
        if isinstance(state, MuError):
            raise state
        method = self.block.methods[name]["config"]
        facts = self.run.facts
        recipe = {k: v for k, v in self.config["recipe"].items() if k != "checkpoint"}
        learner = await self.run.step(
            "unlearn",
            "mu.unlearning.request:step",
            key={
                "data": [self.data_key, self.facts["fingerprint"]],
                "state": state.learner[1],
                "model": self.model,
                "method": method,
                "forget": [facts(ref)["forget_digest"] for ref in (*before, selection)],
                "precision": {k: recipe.get(k) for k in RUNTIME},
                "seed": self.seed,
            },
            config=self.base(method=method, recipe=recipe, seed=self.seed),
            inputs={"state": state.learner, "before": list(before), "selection": selection},
            label=f"unlearn {self.request} by {name}, seed {self.seed}",
        )
        return State(learner, (*before, selection))

    async def predict(self, state: State) -> Ref:
        """Signals of a state on the whole universe, seen through its own view."""
        view = self.run.facts(state.removed[-1])["view"] if state.removed else self.facts["view"]
        batch_size = self.config["evaluation"]["batch_size"]
        return await self.run.step(
            "predict",
            "mu.models.predict:step",
            key={
                "data": [self.data_key, self.facts["fingerprint"]],
                "state": state.learner[1],
                "model": self.model,
                "view": view,
                "batch_size": batch_size,
            },
            config=self.base(batch_size=batch_size),
            inputs={"state": state.learner, "removed": list(state.removed)},
            label=f"predict {self.request}, seed {self.seed}",
        )

    async def score(
        self, state: State, oracles: list[State], original: State | MuError, selection: Ref
    ) -> Ref:
        """Values of the panel for one state."""
        assert isinstance(original, State)
        own, first, *others = await asyncio.gather(*map(self.predict, (state, original, *oracles)))
        evaluation = self.config["evaluation"]
        return await self.run.step(
            "score",
            "mu.evaluation.scoring:step",
            key={
                "evaluation": {"scores": evaluation["scores"]},
                "signals": [own[1], first[1], *(ref[1] for ref in others)],
                "weights": [state.learner[1], original.learner[1]],
                "selection": selection[1],
                "data": self.data[1],
            },
            config={"evaluation": evaluation},
            inputs={
                "signals": own,
                "original": first,
                "oracles": others,
                "selection": selection,
                "data": self.data,
                "weights": state.learner,
                "original_weights": original.learner,
            },
            label=f"score {self.request}, seed {self.seed}",
        )

    # What the steps share.

    @property
    def data_key(self) -> dict[str, Any]:
        """The data configuration without what only people read."""
        return {
            k: v for k, v in self.config["data"].items() if k not in ("title", "panel", "files")
        }

    @property
    def model(self) -> dict[str, Any]:
        """The model configuration with the facts of the data filled in."""
        return resolved(self.config["model"], self.facts["model_facts"])

    def base(self, **more: Any) -> dict[str, Any]:
        """Configuration that every step on a model gets."""
        threads = self.config["recipe"].get("threads", 1)
        shared = {"data": self.config["data"], "model": self.model, "device": self.device}
        return shared | {"threads": threads} | more

    def card(
        self,
        method: str,
        number: int,
        selection: Ref | None = None,
        state: State | None = None,
        values: dict[str, float | None] | None = None,
        floor: Sequence[dict[str, float | None]] = (),
        oracles: Sequence[State] = (),
        error: MuError | None = None,
    ) -> dict[str, Any]:
        """The result card of one row."""
        facts = self.run.facts(selection) if selection else {}
        own = self.run.facts(state.learner) if state else {}
        options = self.block.methods.get(method, {"changed": []})
        costs = {}
        if state is not None:
            whole = [self.run.facts(o.learner)["cost"] for o in oracles]
            retrain = {name: sum(c[name] for c in whole) / len(whole) for name in whole[0]}
            nothing = dict.fromkeys(retrain, 0.0)
            spent = own["cost"] if method not in ("original", "random_weights") else nothing
            costs = cost_values(retrain if method == "oracle" else spent, retrain)
        return {
            "schema": SCHEMA,
            "block": self.index,
            **self.block.names,
            "panel": self.block.names["evaluation"],
            "title_data": self.config["data"].get("title", self.block.names["data"]),
            "request": self.request,
            "step": number,
            "steps": len(self.block.requests[self.request]),
            "request_kind": facts.get("kind"),
            "n_forget": facts.get("n_forget"),
            "n_retain": facts.get("n_retain"),
            "forget_digest": facts.get("forget_digest"),
            "method": method,
            "seed": self.seed,
            "pair": self.pair,
            "defaults": not options["changed"],
            "values": (values or {}) | {k: v if v == v else None for k, v in costs.items()},
            "oracle": {name: [f[name] for f in floor] for name in (floor[0] if floor else {})},
            "facts": own.get("facts", {}),
            "warnings": own.get("warnings", []),
            "error": one_line(error) if error else None,
            "method_config": options.get("config"),
            "recipe_config": self.config["recipe"],
            **self.provenance(state),
        }

    def provenance(self, state: State | None) -> dict[str, Any]:
        """Versions and device the state was made with."""
        if state is None:
            return {"versions": {}, "device": None, "learner": None}
        manifest = self.run.store.manifest(*state.learner)
        return {
            "versions": manifest.get("versions", {}),
            "device": manifest.get("device"),
            "learner": state.learner[1],
        }


RUNTIME = ("precision", "channels_last", "augment", "threads")


def failure_or_state(result: State | BaseException) -> State | MuError:
    """A method's failure becomes part of its row; anything else is raised."""
    if isinstance(result, State):
        return result
    if isinstance(result, MuError) and not isinstance(result, UsageError | Waiting):
        return result
    raise result


def mean_of(values: Sequence[float | None]) -> float | None:
    """Mean of the numbers there are."""
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def file_digest(path: str | None) -> str | None:
    """Digest of a file's content, so that the key knows the file and not its place."""
    if path is None:
        return None
    try:
        return blake2b(Path(path).read_bytes(), digest_size=16).hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


async def run_cells(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Cards of all cells, run side by side; a usage error ends everything at once."""
    work: list[Awaitable[list[dict[str, Any]]]] = [cell.cards() for cell in cells]
    return [card for cards in await asyncio.gather(*work) for card in cards]
