"""Decides of each step whether it is done, and has it done if not."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

from mu.artifact import digest
from mu.errors import MuError
from mu.running.code import code_digest, targets_in
from mu.running.jobs import Job, Ref
from mu.running.pool import InlinePool, Pool
from mu.storing.request_log import RequestLog
from mu.storing.store import CorruptArtifact, Store

CHEAP = (
    "describe",
    "load",
    "start",
    "holdout",
    "select",
)  # run even in a plan: they say what the others are, or that files do not fit
COST_PARTS = ("data", "model", "recipe", "method", "scores")  # of a key: they decide how long


class Waiting(MuError):
    """A plan cannot look further: a selection needs a model that is not trained yet."""


class Watcher:
    """Is told what happens; the terminal's progress display overrides it."""

    def started(self, job: Job) -> None:
        """A step was handed to the pool."""

    def progressed(self, job: Job, done: int, total: int) -> None:
        """A step is this far."""

    def finished(self, job: Job) -> None:
        """A step ended, well or not."""

    def say(self, message: str) -> None:
        """Something the user must know."""


class Runner:
    """Runs steps once each and remembers what it did.

    Args:
        store: Where results are.
        pool: Where steps run; None plans only.
        watcher: Told about progress.
        log: Takes a line for every request that a method has served.
    """

    def __init__(
        self,
        store: Store,
        pool: Pool | None,
        watcher: Watcher | None = None,
        log: RequestLog | None = None,
    ) -> None:
        self.store, self.pool, self.watcher = store, pool, watcher or Watcher()
        self.log = log
        self.plan = InlinePool(store) if pool is None else None
        self.steps: dict[str, asyncio.Future[Ref]] = {}
        self.counts: dict[str, Counter[str]] = {"cached": Counter(), "run": Counter()}
        self.missing: set[str] = set()
        self.families: Counter[tuple[str, str]] = Counter()
        self.examples: dict[tuple[str, str], Job] = {}  # a missing job of each family

    async def step(
        self,
        step: str,
        call: str,
        *,
        key: Mapping[str, Any],
        config: dict[str, Any],
        inputs: Mapping[str, Ref | list[Ref]] | None = None,
        label: str = "",
    ) -> Ref:
        """The reference of a finished step.

        Args:
            step: Name of the step.
            call: "module:function".
            key: Everything that decides the result; code is added here.
            config: What the function gets; may hold more than the key (device, paths).
            inputs: Artifacts the function gets.
            label: For people.

        Raises:
            MuError: The step failed, now or earlier in this run.
        """
        code = code_digest(call.partition(":")[0], *targets_in(dict(key)))
        name = digest({"step": step, "code": code, **key})
        family = digest({"step": step, **{part: key.get(part) for part in COST_PARTS}})
        job = Job(step, name, call, config, dict(inputs or {}), label or step, family)
        if name not in self.steps:
            self.steps[name] = asyncio.ensure_future(self._run(job))
        return await asyncio.shield(self.steps[name])

    async def _run(self, job: Job) -> Ref:
        ref = (job.step, job.key)
        try:
            if self.store.has(*ref):
                self.counts["cached"][job.step] += 1
                return ref
        except CorruptArtifact as error:
            self.watcher.say(f"corrupt artifact, computed again: {error}")
        self.counts["run"][job.step] += 1
        cheap = job.step in CHEAP and not job.inputs.get("learners")  # nothing is trained for it
        if self.pool is not None:
            self.store.check_writable(f", and does not have {job.label}")
        plan = self.plan if cheap and self._ready(job) and not self.store.unwritable else None
        pool = self.pool or plan
        if pool is None:
            self.missing.add(job.key)
            self.families[job.step, job.family] += 1
            self.examples[job.step, job.family] = job
            return ref
        self.watcher.started(job)
        loop = asyncio.get_running_loop()

        def progress(done: int, total: int) -> None:
            loop.call_soon_threadsafe(self.watcher.progressed, job, done, total)

        try:
            await pool.run(job, progress)
        finally:
            self.watcher.finished(job)
        return ref

    def _ready(self, job: Job) -> bool:
        refs = [r for v in job.inputs.values() for r in (v if isinstance(v, list) else [v])]
        return not any(key in self.missing for _, key in refs)

    def facts(self, ref: Ref, missing: dict[str, Any] | None = None) -> dict[str, Any]:
        """JSON facts of a finished step; in a plan ``missing`` stands for those not there yet.

        Raises:
            Waiting: This is a plan, the step has not run, and nothing stands for its facts.
        """
        if ref[1] in self.missing:
            if missing is None:
                raise Waiting(f"{ref[0]} has not run")
            return missing
        return self.store.facts(*ref)

    def manifest(self, ref: Ref) -> dict[str, Any]:
        """Versions and device of a finished step; empty in a plan for what has not run."""
        return {} if ref[1] in self.missing else self.store.manifest(*ref)
