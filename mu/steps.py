"""The steps of one pair: of each, what decides its result (key) and what it is given."""

from asyncio import gather
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from mu.config import Block
from mu.data.facts import data_files, resolved
from mu.errors import CellFailed, UsageError
from mu.jobs import Ref
from mu.runner import Runner

FOR_PEOPLE = ("title", "panel", "files")
RUNTIME = ("precision", "channels_last", "augment", "threads")


@dataclass(frozen=True)
class State:
    """A learner in the store and the selections taken out of the view it is scored on."""

    learner: Ref
    removed: tuple[Ref, ...] = ()


class Steps:
    """The steps of one (block, request, pair).

    Args:
        run: Decides and runs steps.
        block: Configuration of data, model, recipe and methods.
        request: Name of the request, for labels.
        pair: Number of the pair.
    """

    def __init__(self, run: Runner, block: Block, request: str, pair: int) -> None:
        self.run, self.block, self.request, self.pair = run, block, request, pair
        self.seed, self.config = block.seeds[pair], block.config
        further = (10_000 * (self.seed + 1) + k for k in range(1, block.oracles))
        self.oracle_seeds = [self.seed, *further]

    async def describe(self) -> None:
        """What the pipeline has to know of the data; called before any other step."""
        data = self.config["data"]
        key = {k: v for k, v in data.items() if k not in FOR_PEOPLE}
        self.data = await self.run.step(
            "describe",
            "mu.data.describe:step",
            key={"data": key, "files": data_files(data.get("files") or [])},
            config={"data": data},
            label=f"read {self.block.names['data']}",
        )
        self.facts = self.run.facts(self.data)
        self.data_key = [key, self.facts["fingerprint"]]
        self.model = resolved(self.config["model"], self.facts["model_facts"])

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
                "data": self.data_key,
                "kept": kept if recipe["epochs"] else "",
                "model": self.model,
                "recipe": recipe,
                "seed": seed,
                "checkpoint": file_digest(checkpoint),
            },
            config=self.given(recipe=recipe, seed=seed, checkpoint=checkpoint),
            inputs={"removed": list(removed)},
            label=f"train {kind}, seed {seed}",
        )

    async def select(self, request: dict[str, Any], before: Sequence[Ref]) -> Ref:
        """Who is to be forgotten next."""
        request = dict(request)
        for name, values in request.pop("per_pair", {}).items():
            request[name] = values[self.pair % len(values)]
        return await self.run.step(
            "select",
            "mu.forget_sets.request:step",
            key={
                "data": self.data_key,
                "request": {k: v for k, v in request.items() if k != "path"},
                "file": file_digest(request.get("path")),
                "before": [self.run.facts(ref)["forget_digest"] for ref in before],
                "seed": self.seed,
            },
            config={"data": self.config["data"], "request": request, "seed": self.seed},
            inputs={"removed": list(before)},
            label=f"select {self.request}",
        )

    async def unlearn(
        self, name: str, state: State | CellFailed, before: Sequence[Ref], selection: Ref
    ) -> State:
        """The state after one request, by one method; its view is the retained one."""
        if isinstance(state, CellFailed):
            raise state
        method = self.block.methods[name]["config"]
        recipe = {k: v for k, v in self.config["recipe"].items() if k != "checkpoint"}
        removed = (*before, selection)
        learner = await self.run.step(
            "unlearn",
            "mu.unlearning.request:step",
            key={
                "data": self.data_key,
                "state": state.learner[1],
                "model": self.model,
                "method": method,
                "forget": [self.run.facts(ref)["forget_digest"] for ref in removed],
                "recipe": {k: recipe.get(k) for k in RUNTIME},
                "seed": self.seed,
            },
            config=self.given(method=method, recipe=recipe, seed=self.seed),
            inputs={"state": state.learner, "before": list(before), "selection": selection},
            label=f"unlearn {self.request} by {name}, seed {self.seed}",
        )
        return State(learner, removed)

    async def predict(self, state: State) -> Ref:
        """Signals of a state on the whole universe, seen through its own view."""
        view = self.run.facts(state.removed[-1])["view"] if state.removed else self.facts["view"]
        batch_size = self.config["evaluation"]["batch_size"]
        return await self.run.step(
            "predict",
            "mu.models.predict:step",
            key={
                "data": self.data_key,
                "state": state.learner[1],
                "model": self.model,
                "view": view,
                "batch_size": batch_size,
            },
            config=self.given(batch_size=batch_size),
            inputs={"state": state.learner, "removed": list(state.removed)},
            label=f"predict {self.request}, seed {self.seed}",
        )

    async def score(
        self,
        state: State | CellFailed,
        oracles: Sequence[State],
        original: State,
        selection: Ref,
    ) -> dict[str, float | None]:
        """Values of the panel for one state."""
        if isinstance(state, CellFailed):
            raise state
        own, first, *others = await gather(*map(self.predict, (state, original, *oracles)))
        scores = self.config["evaluation"]["scores"]
        ref = await self.run.step(
            "score",
            "mu.evaluation.scoring:step",
            key={
                "scores": scores,
                "signals": [own[1], first[1], *(ref[1] for ref in others)],
                "weights": [state.learner[1], original.learner[1]],
                "selection": selection[1],
                "data": self.data[1],
            },
            config={"evaluation": {"scores": scores}},
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
        values: dict[str, float | None] = self.run.facts(ref, missing={}).get("values", {})
        return values

    def given(self, **more: Any) -> dict[str, Any]:
        """Configuration that every step on a model gets."""
        threads = self.config["recipe"].get("threads", 1)
        shared = {"data": self.config["data"], "model": self.model, "threads": threads}
        return shared | {"device": self.config["device"]} | more


def file_digest(path: str | None) -> str | None:
    """Digest of a file's content, so that the key knows the file and not its place."""
    if path is None:
        return None
    try:
        return blake2b(Path(str(path)).read_bytes(), digest_size=16).hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
