"""The steps of one pair: of each, what decides its result (key) and what it is given."""

import os
from asyncio import gather
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mu.artifact import digest_of_file
from mu.configuration.experiment import Block
from mu.configuration.oracle_files import oracle_paths
from mu.configuration.words import placed, words_of
from mu.data.facts import (
    check_augmentation,
    cut_in,
    data_files,
    data_root,
    resolved,
    without_pretrained,
)
from mu.errors import CellFailed, UsageError
from mu.evaluation.panels import panel_name, panel_of
from mu.evaluation.scoring import build_scores, reading_features
from mu.forget_sets.wants import wants
from mu.running.code import targets_in
from mu.running.jobs import Ref, transferable
from mu.running.runner import Runner
from mu.trust.classes import check_plain

NOT_KEYED = (
    "title",
    "panel",
    "files",
    "memory_gb",
    "groups",
)  # options of data that change no number
RUNTIME = ("precision", "channels_last", "augment", "threads")
PLAIN_FIT = "mu.training.fit:step"  # a recipe's ``fit`` may name another step
ANALYTIC_FIT = "mu.training.analytic:step"
OWN_FIT = "mu.training.own:step"  # or a function of the user's, which this one calls
SELECTING = 5_000  # first of a pair's seeds that only models of a selection have
START = ("checkpoint", "checkpoint_skip")  # of a recipe: what training starts from
RETRAINED = "retrained"  # under ``stored`` of a method: a model that never saw the request
SELECT, SEARCH = "mu.forget_sets.select:step", "mu.forget_sets.search.step:step"


@dataclass(frozen=True)
class State:
    """A learner in the store and the selections taken out of the view it is scored on.

    ``past`` holds what each request so far has left, this one last.
    """

    learner: Ref
    removed: tuple[Ref, ...] = ()
    past: tuple[Ref, ...] = ()


@dataclass(frozen=True)
class Scored:
    """What scoring one state gave.

    Attributes:
        values: A number for each score.
        details: Vectors for the report.
        sizes: Samples that a share is counted over, by score.
        warnings: Why scores are missing, for readers.
    """

    values: dict[str, float | None]
    details: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Helpers:
    """The models that help one selection, never scored.

    Attributes:
        signals: What each says of the data; those of ``learners`` are the last.
        holdouts: What the first were trained without; empty where all saw everything.
        learners: Those that are handed over themselves.
    """

    signals: list[Ref]
    holdouts: list[Ref]
    learners: list[Ref]


@dataclass(frozen=True)
class Comparison:
    """One request of the sequence, with the models that its rows are compared with."""

    number: int
    selection: Ref
    original: State
    untrained: State
    oracles: Sequence[State]
    twin: State | None = None  # retrained from the original's own seed, where something asks


class Steps:
    """The steps of one (block, request, pair).

    Args:
        run: Decides and runs steps.
        block: Configuration of data, model, recipe and methods.
        request: Name of the request, for labels.
        pair: Number of the pair.
        index: Number of the block.
    """

    def __init__(self, run: Runner, block: Block, request: str, pair: int, index: int = 0) -> None:
        self.index = index
        self.run, self.block, self.request, self.pair = run, block, request, pair
        self.seed, self.config = block.seeds[pair], block.config
        self.data: Ref = ("describe", "")
        self.facts: dict[str, Any] = {}
        self.cut: dict[str, Any] | None = None
        self.trunk_ref: Ref | None = None  # what the frozen trunk makes of the data
        # All that is retrained has other seeds than the original, as a method's luck has nothing to
        # do with an oracle's; models that select have seeds that none of these ever have.
        self.null_seed = self._seed(0)
        trained = 0 if block.oracle_files else block.oracles
        self.oracle_seeds = [self._seed(k) for k in range(1, trained + 1)]

    def _seed(self, k: int) -> int:
        return 10_000 * (self.seed + 1) + k

    @property
    def analytic(self) -> bool:
        """Whether models are analytic heads, on a trunk or each on a backbone of its seed."""
        fit = self.config["recipe"].get("fit") or {}
        return bool(fit.get("backbone")) or fit.get("step") == ANALYTIC_FIT

    async def describe(self) -> None:
        """What the pipeline has to know of the data; called before any other step."""
        data = self.config["data"]
        key = by_content({k: v for k, v in data.items() if k not in NOT_KEYED})
        groups = file_digest(data.get("groups"))
        self.data = await self.run.step(
            "describe",
            "mu.data.describe:step",
            key={
                "data": key,
                "files": data_files(data.get("files") or []),
                **({"groups": groups} if groups else {}),
            },
            config={"data": data},
            label=f"read {self.block.names['data']}",
        )
        self.facts = self.run.facts(self.data)
        self.data_key = [key, self.facts["fingerprint"]]
        check_plain(self.facts["model_facts"], "what the store says of the data")
        self.model = resolved(self.config["model"], self.facts["model_facts"])
        if not self.facts["n_validation"]:
            refuse_unvalidated(self.config)
        self.cut = cut_in(self.model)
        if self.cut:
            await self.through_trunk(self.cut)

    async def through_trunk(self, cut: dict[str, Any]) -> None:
        """What the frozen trunk of the model makes of the data; it stands in their place then.

        Raises:
            UsageError: The weights are not there, or the recipe changes images.
        """
        check_augmentation(self.config["recipe"].get("augment"))
        weights = cut.get("weights")
        flips = self.config["recipe"].get("augment") is not None
        found = await self.run.step(
            "activations",
            "mu.models.activations:step",
            key={
                "data": self.data_key,
                "cut": {name: cut[name] for name in ("trunk", "cut")},
                "weights": file_digest(weights and str(data_root() / weights)),
                "flips": flips,
            },
            config=self.given(cut=cut, flips=flips),
            label=f"the trunk up to {cut['cut']} on {self.block.names['data']}",
        )
        self.trunk_ref, self.data_key = found, [*self.data_key, found[1]]

    @property
    def activations(self) -> dict[str, str]:
        """The option of data whose place a frozen trunk's activations take; none without one."""
        folder = self.trunk_ref and self.run.store.path(*self.trunk_ref)
        return {"activations": str(folder)} if folder else {}

    @property
    def warnings(self) -> list[str]:
        """What is to be said of the trunk, in the row of the original."""
        facts = self.run.facts(self.trunk_ref, missing={}) if self.trunk_ref else {}
        return list(facts.get("warnings", []))

    async def original(self) -> Ref:
        """The model before any request: trained here, or read from the user's file."""
        if self.block.original is None:
            return await self.fit([], self.seed)
        return await self.load(self.block.original, 1)

    async def load(self, path: str, step: int) -> Ref:
        """A model from a file of the user's that must fit the network."""
        path = placed(path, self.pair, self.request, step)
        known = self.facts.get("normalisation")
        return await self.run.step(
            "load",
            "mu.training.external:step",
            key={
                "model": self.model,
                "weights": file_digest(path),
                "normalisation": known,
                "trunk": self.trunk_ref and self.trunk_ref[1],
            },
            config=self.given(weights=path, normalisation=known, cut=self.cut),
            inputs={"trunk": self.trunk_ref} if self.trunk_ref else {},
            label=f"read {path}",
        )

    async def start(self) -> list[str]:
        """What is to be said of the checkpoint that training starts from.

        Raises:
            UsageError: It does not fit, or the recipe has no use for one.
        """
        path, skip = (self.config["recipe"].get(key) for key in START)
        if not path:
            if skip:
                raise UsageError(f"recipe.checkpoint_skip={skip}: there is no recipe.checkpoint")
            return []
        if self.cut:
            raise UsageError(f"recipe.checkpoint={path}: a tail starts from model.weights")
        if self.analytic:
            raise UsageError(f"recipe.checkpoint={path}: an analytic fit starts from its backbone")
        known = {
            "checkpoint_skip": words_of(skip),
            "normalisation": self.facts.get("normalisation"),
        }
        found = await self.run.step(
            "start",
            "mu.training.start:step",
            key={"model": self.model, "checkpoint": file_digest(path), **known},
            config=self.given(checkpoint=str(path), **known),
            label=f"read {path}",
        )
        return list(self.run.facts(found)["warnings"])

    async def oracles(self, removed: Sequence[Ref], step: int) -> list[State]:
        """Models that never saw what was removed: trained here, or read from the user's files.

        Args:
            removed: Selections in order, the last one that of ``step``; none where nothing is
                judged.
            step: Number of the request in a row, from 1.
        """
        if not removed:
            return []
        if not self.block.oracle_files:
            found = await gather(*(self.fit(removed, seed) for seed in self.oracle_seeds))
        else:
            found = await gather(*(self.load(path, step) for path in self.oracle_paths(step)))
        return [State(fit, tuple(removed)) for fit in found]

    def oracle_paths(self, step: int) -> list[str]:
        """The user's files of oracles after a request in a row, from 1."""
        return oracle_paths(self.block.oracle_files, self.pair, self.request, step)

    async def fit(
        self, removed: Sequence[Ref], seed: int, epochs: int | None = None, role: str = ""
    ) -> Ref:
        """A model trained on everything but what was removed."""
        recipe = dict(self.config["recipe"])
        checkpoint, skip = (recipe.pop(key, None) for key in START)
        model, parents = self.model, {}
        if self.analytic and epochs is None:
            fit = dict(recipe["fit"])
            if backbone := fit.pop("backbone", None):
                elsewhere = await self.others(backbone)
                parents["backbone"] = await elsewhere.fit([], seed, role="backbone")
            recipe["fit"] = fit
        call, code = fit_call(recipe)
        if epochs is not None:
            recipe, checkpoint, skip = recipe | {"epochs": epochs}, None, None
            model = without_pretrained(model)
            if call != OWN_FIT:
                recipe.pop("fit", None)
                call = PLAIN_FIT
        kept = self.run.facts(removed[-1])["kept"] if removed else self.facts["kept"]
        kind = role or ("untrained" if epochs == 0 else "oracle" if removed else "original")
        return await self.run.step(
            "fit",
            call,
            key={
                **code,
                "data": self.data_key,
                "kept": kept if recipe["epochs"] else "",
                "model": model,
                "recipe": recipe,
                "seed": seed,
                "checkpoint": file_digest(checkpoint),
                "checkpoint_skip": words_of(skip),
                **{name: ref[1] for name, ref in parents.items()},
            },
            config=self.given(
                recipe=recipe,
                seed=seed,
                checkpoint=checkpoint,
                checkpoint_skip=words_of(skip),
                model=model,
                checkpoint_seconds=self.config.get("checkpoint_seconds"),
            ),
            inputs={"removed": list(removed), **parents},
            label=f"train {kind}, seed {seed}",
        )

    async def others(self, config: dict[str, Any]) -> "Steps":
        """Steps of the same pair with other data, model or recipe: for models that only help."""
        block = replace(self.block, config=self.config | config)
        found = Steps(self.run, block, self.request, self.pair, self.index)
        await found.describe()
        return found

    def reads_models(self, request: dict[str, Any]) -> bool:
        """Whether models have to be trained before this request can be selected."""
        return bool(wants(request))

    async def select(self, request: dict[str, Any], before: Sequence[Ref]) -> Ref:
        """Who is to be forgotten next."""
        request = dict(request)
        for name, values in request.pop("per_pair", {}).items():
            request[name] = values[self.block.places[self.pair] % len(values)]
        surrogate, asked = request.pop("surrogate", None), wants(request)
        trainer = await self.others(surrogate) if surrogate else self
        found = await trainer.helpers(asked, before, bool(request.get("same_seed")))
        config = {"data": self.config["data"], "request": request, "seed": self.seed}
        more: dict[str, Any] = {}
        if found.learners:
            batch_size = self.config["evaluation"]["batch_size"]
            more = {"model": trainer.model, "recipe": self.runtime(), "batch_size": batch_size}
            config = trainer.given(**config, **more)
            config["data"] = config["data"] | trainer.activations
        return await self.run.step(
            "select",
            SEARCH if found.learners else SELECT,
            key={
                "data": self.data_key,
                "request": {k: v for k, v in request.items() if k != "path"},
                "file": file_digest(request.get("path")),
                "names": self.facts["names"],
                "before": [self.run.facts(ref)["forget_digest"] for ref in before],
                "seed": self.seed,
                "signals": [key for _, key in found.signals],
                **more,
            },
            config=config,
            inputs={
                "removed": list(before),
                "signals": found.signals,
                "holdouts": found.holdouts,
                "learners": found.learners,
            },
            label=f"select {self.request}",
        )

    async def helpers(
        self, asked: dict[str, int], before: Sequence[Ref], same_seed: bool
    ) -> Helpers:
        """Train the models that a request asks for.

        Args:
            asked: What `mu.forget_sets.wants.wants` says.
            before: The selections before.
            same_seed: Whether the first learner is the very model that is scored.
        """
        folds = asked.get("folds", 0)
        which = [{"half": k} for k in range(asked.get("halves", 0))]
        which += [{"fold": k, "folds": folds} for k in range(folds)]
        holdouts = await gather(*(self.holdout(before, SELECTING, **one) for one in which))
        without: Sequence[Ref | None] = holdouts or [None] * asked.get("models", 0)
        seeds = [SELECTING + n for n in range(asked.get("learners", 0))]
        if same_seed:
            seeds[0] = 0
        found = await gather(
            *(
                self.helper((*before, part) if part else before, before, SELECTING + n)
                for n, part in enumerate(without)
            ),
            *(self.helper(before, before, n) for n in seeds),
        )
        signals, learners = [one for _, one in found], [one for one, _ in found]
        return Helpers(signals, holdouts, learners[len(without) :])

    async def holdout(self, before: Sequence[Ref], number: int, **which: int) -> Ref:
        """What a model of a selection is trained without: the other half, or a fold."""
        seed = self._seed(number)
        return await self.run.step(
            "holdout",
            "mu.forget_sets.partition:step",
            key={
                "data": self.data_key,
                "before": [self.run.facts(ref)["forget_digest"] for ref in before],
                **which,
                "seed": seed,
            },
            config={"data": self.config["data"], **which, "seed": seed},
            inputs={"removed": list(before)},
            label=f"hold out for {self.request}",
        )

    async def helper(
        self, removed: Sequence[Ref], before: Sequence[Ref], number: int
    ) -> tuple[Ref, Ref]:
        """A model that helps to select, trained without ``removed``, and its signals.

        All of them are looked at in one view, that of what is kept.
        """
        seed = self._seed(number) if number else self.seed
        learner = await self.fit(removed, seed, role="selector")
        return learner, await self.predict(State(learner, tuple(before)))

    async def union(self, selections: Sequence[Ref]) -> Ref:
        """Several requests as one to the original."""
        return await self.run.step(
            "union",
            "mu.forget_sets.union:step",
            key={
                "data": self.data_key,
                "removed": [self.run.facts(ref)["forget_digest"] for ref in selections],
            },
            config={"data": self.config["data"]},
            inputs={"removed": list(selections)},
            label=f"join {self.request}",
        )

    def method(self, row: str) -> dict[str, Any]:
        """The options of a row for this request."""
        options = self.block.methods[row]
        return dict(options.get("configs", {}).get(self.request, options["config"]))

    async def prepare(self, what: dict[str, Any], state: State) -> Ref:
        """What a method computes once of a state, from all that the state was trained on."""
        recipe = self.runtime()
        return await self.run.step(
            "prepare",
            "mu.unlearning.stored:step",
            key={
                "data": self.data_key,
                "state": state.learner[1],
                "model": self.model,
                "stored": what,
                "recipe": recipe,
                "seed": self.seed,
            },
            config=self.given(stored=what, recipe=recipe, seed=self.seed),
            inputs={"state": state.learner, "removed": list(state.removed)},
            label=f"prepare {what['_target_'].rpartition('.')[2]}, seed {self.seed}",
        )

    async def stored(
        self, method: dict[str, Any], state: State, original: State, removed: Sequence[Ref]
    ) -> dict[str, Ref]:
        """What a method is handed beside its data, by name; taken out of its options.

        What is prepared of the original serves it alone, unless the method takes it as stale. The
        word `RETRAINED` stands for the model of the null row, where the option of that name is not
        0.
        """
        found: dict[str, Awaitable[Ref]] = {}
        for name, what in method.pop("stored", {}).items():
            if what == RETRAINED and method[name]:
                found[name] = self.fit(removed, self.null_seed)
            elif what != RETRAINED and (state == original or method.get("stale")):
                found[name] = self.prepare(what, original)
        return dict(zip(found, await gather(*found.values()), strict=True))

    async def unlearn(
        self,
        name: str,
        state: State | CellFailed,
        before: Sequence[Ref],
        selection: Ref,
        original: State,
    ) -> State:
        """The state after one request, by one method; its view is the retained one."""
        if isinstance(state, CellFailed):
            raise state
        method, removed = self.method(name), (*before, selection)
        stored = await self.stored(method, state, original, removed)
        if "weights" in method:
            step = len(before) + 1
            method["weights"] = placed(str(method["weights"]), self.pair, self.request, step)
        trajectory = self.config["evaluation"].get("trajectory")
        recipe = {k: v for k, v in self.config["recipe"].items() if k not in START}
        learner = await self.run.step(
            "unlearn",
            "mu.unlearning.serve:step",
            key={
                "data": self.data_key,
                "state": state.learner[1],
                "model": self.model,
                "method": by_content(method),
                "trajectory": trajectory,
                "forget": [self.run.facts(ref)["forget_digest"] for ref in removed],
                "recipe": {k: recipe.get(k) for k in RUNTIME},
                "seed": self.seed,
                "stored": {part: ref[1] for part, ref in stored.items()},
            },
            config=self.given(
                method=method,
                recipe=recipe,
                seed=self.seed,
                trajectory=trajectory,
                stored=list(stored),
            ),
            inputs={
                "state": state.learner,
                "before": list(before),
                "selection": selection,
                "stored": list(stored.values()),
            },
            label=f"unlearn {self.request} by {name}, seed {self.seed}",
        )
        return State(learner, removed, (*state.past, learner))

    def log(self, method: str, before: State, selection: Ref, after: State) -> None:
        """Note a served request, with the models before and after it.

        Raises:
            StepFailed: The log cannot be written.
        """
        log, run = self.run.log, self.run
        if log is None or after.learner[1] in run.missing:
            return
        facts = run.facts(selection)
        entry = {
            "block": self.index,
            "request": self.request,
            "step": len(after.removed),
            "seed": self.seed,
            "kind": facts["kind"],
            "elements": facts["n_elements"],
            "ids": facts["forget_digest"],
            "data": self.facts["fingerprint"],
            "method": method,
            "options": self.method(method),
            "before": self.model_digest(before),
            "after": self.model_digest(after),
        }
        try:
            log.add(entry)
        except OSError as error:
            raise transferable(error) from error

    def model_digest(self, state: State) -> dict[str, str | None]:
        """Store key of a state, and the digest of the file of its weights."""
        files = self.run.manifest(state.learner).get("files", {})
        return {"key": state.learner[1], "weights": files.get("tensors.safetensors")}

    def seen(self, state: State) -> dict[str, Any]:
        """What decides the outputs of a state: its weights, and the view that it is scored on."""
        view = self.run.facts(state.removed[-1])["view"] if state.removed else self.facts["view"]
        return {
            "data": self.data_key,
            "state": state.learner[1],
            "model": self.model,
            "view": view,
            "batch_size": self.config["evaluation"]["batch_size"],
        }

    async def predict(self, state: State, selection: Ref | None = None) -> Ref:
        """Signals of a state on the whole universe, seen through its own view.

        Args:
            state: Who is asked.
            selection: The request that it is scored on, which may ask for nodes of no part.
        """
        kept = {"embeddings": True} if self.config["evaluation"].get("embeddings") else {}
        more = {}
        if selection is not None and self.run.facts(selection, missing={}).get("asks_more"):
            more = {"asked": selection}
        return await self.run.step(
            "predict",
            "mu.models.predict:step",
            key={**self.seen(state), **kept, **{name: ref[1] for name, ref in more.items()}},
            config=self.given(
                batch_size=self.config["evaluation"]["batch_size"],
                channels_last=self.config["recipe"].get("channels_last", False),
                **kept,
            ),
            inputs={"state": state.learner, "removed": list(state.removed), **more},
            label=f"predict {self.request}, seed {self.seed}",
        )

    def panel(self, selection: Ref) -> tuple[str, dict[str, Any]]:
        """Name and configuration of the panel that a request is judged by."""
        whole = self.run.facts(selection, missing={}).get("whole_classes", False)
        name, evaluation = self.block.names["evaluation"], self.config["evaluation"]
        return panel_name(name, evaluation, whole), panel_of(evaluation, whole)

    async def score(
        self,
        request: Comparison,
        state: State | CellFailed,
        oracles: Sequence[State],
        left_out: bool = False,
    ) -> Scored:
        """Scores of a state of a request against some of its oracles, and the details shown.

        Args:
            request: What is forgotten, and the models it is compared with.
            state: What is scored.
            oracles: What it is scored against.
            left_out: Whether the state is an oracle itself, and these are the others.
        """
        if isinstance(state, CellFailed):
            raise state
        _, panel = self.panel(request.selection)
        reading = reading_features(panel["scores"])
        of_trunk = {name: one for name, one in panel["scores"].items() if name in reading}
        plain = {name: one for name, one in panel["scores"].items() if name not in reading}
        asked = [self.compared(request, state, oracles, panel | {"scores": plain}, left_out)]
        if of_trunk:
            asked.append(self.trunk(request.selection, state, of_trunk))
        # the runner hands every reader the same facts
        found = [self.run.facts(ref, missing={}) for ref in await gather(*asked)]
        if not all(found):  # a plan, after a run that was stopped between the two
            return Scored({})
        return Scored(
            {name: value for one in found for name, value in one.get("values", {}).items()},
            found[0].get("details", {}),
            {name: size for one in found for name, size in one.get("sizes", {}).items()},
            [said for one in found for said in one.get("warnings", [])],
        )

    async def trunk(self, selection: Ref, state: State, scores: dict[str, Any]) -> Ref:
        """Scores of what the head of a state reads."""
        batch_size = self.config["evaluation"]["batch_size"]
        return await self.run.step(
            "trunk",
            "mu.models.trunk:step",
            key={**self.seen(state), "selection": selection[1], "scores": scores},
            config=self.given(batch_size=batch_size, evaluation={"scores": scores}),
            inputs={
                "state": state.learner,
                "removed": list(state.removed),
                "selection": selection,
                "data": self.data,
            },
            label=f"score the trunk {self.request}, seed {self.seed}",
        )

    async def compared(
        self,
        request: Comparison,
        state: State,
        oracles: Sequence[State],
        evaluation: dict[str, Any],
        left_out: bool,
    ) -> Ref:
        """Scores of the signals of a state beside those of other models."""
        original, selection = request.original, request.selection
        states = (state, original, request.untrained, *oracles)
        asked = (self.predict(one, selection) for one in states)
        own, first, random, *others = await gather(*asked)
        panel = {k: evaluation.get(k) for k in ("scores", "details")}
        return await self.run.step(
            "score",
            "mu.evaluation.scoring:step",
            key={
                **panel,
                "left_out": left_out,
                "signals": [own[1], first[1], random[1], *(ref[1] for ref in others)],
                "weights": [state.learner[1], original.learner[1]],
                "selection": selection[1],
                "data": self.data_key,
            },
            config={
                "evaluation": {k: v for k, v in panel.items() if v is not None},
                "left_out": left_out,
            },
            inputs={
                "signals": own,
                "original": first,
                "untrained": [random],
                "oracles": others,
                "selection": selection,
                "data": self.data,
                "weights": state.learner,
                "original_weights": original.learner,
            },
            label=f"score {self.request}, seed {self.seed}",
        )

    async def gallery(self, selection: Ref) -> dict[str, Any]:
        """Pictures of a few forgotten samples; empty where there are none to show."""
        ref = await self.run.step(
            "gallery",
            "mu.evaluation.details.gallery:step",
            key={"data": self.data_key, "selection": selection[1]},
            config={"data": self.config["data"]},
            inputs={"selection": selection},
            label=f"pictures for {self.request}",
        )
        found: dict[str, Any] = self.run.facts(ref, missing={}).get("gallery", {})
        return found

    def runtime(self) -> dict[str, Any]:
        """What of the recipe says how a model is run."""
        return {k: v for k, v in self.config["recipe"].items() if k in RUNTIME}

    @cached_property
    def named(self) -> list[str]:
        """Every class and function that the block names."""
        return targets_in([self.config, self.block.methods])

    def given(self, **more: Any) -> dict[str, Any]:
        """Configuration that every step on a model gets."""
        threads = self.config["recipe"].get("threads", 1)
        data = self.config["data"] | self.activations
        shared = {"data": data, "model": self.model, "threads": threads}
        shared["named"] = self.named
        return shared | {"device": self.config["device"]} | more


def fit_call(recipe: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The step that a recipe trains by, and what a key needs to know the user's code in it.

    Example:
        >>> fit_call({"fit": {"step": "my.module:train"}})
        ('mu.training.own:step', {'train': {'_target_': 'my.module.train'}})
    """
    fit = recipe.get("fit") or {}
    step = str(fit.get("step", PLAIN_FIT))
    if "training" in fit:  # handed over in Python: named by its content
        return OWN_FIT, {}
    if step.startswith("mu."):
        return step, {}
    return OWN_FIT, {"train": {"_target_": step.replace(":", ".")}}


def refuse_unvalidated(config: dict[str, Any]) -> None:
    """Refuse what looks at validation data where there are none.

    Raises:
        UsageError: A recipe that stops by them, or a panel whose headline reads them.
    """
    way = "these data have none: hold some out (data.validation), or choose another"
    if config["recipe"].get("plateau"):
        raise UsageError(f"recipe.plateau stops by the loss on validation data, and {way} recipe")
    scores = build_scores(config["evaluation"])
    reading = [name for name in config["evaluation"].get("headline", []) if name in scores]
    reading = [name for name in reading if "validation" in scores[name].reads]
    if reading:
        raise UsageError(f"the score {reading[0]} is taken on validation data, and {way} panel")


def by_content(options: dict[str, Any]) -> dict[str, Any]:
    """Options in which a file is known by what is in it and not by where it lies."""
    return {
        k: file_digest(v) if isinstance(v, str) and os.path.isfile(v) else v
        for k, v in options.items()
    }


def file_digest(path: str | None) -> str | None:
    """Digest of a file's content, so that the key knows the file and not its place."""
    if path is None:
        return None
    try:
        return digest_of_file(Path(str(path)))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
