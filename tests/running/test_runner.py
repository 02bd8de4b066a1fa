"""The runner: each step once, whoever asks for it."""

import asyncio

import pytest

from mu.errors import UsageError
from mu.running.pool import InlinePool
from mu.running.runner import Runner, Waiting, Watcher
from mu.storing.store import Store

STEPS = """
from mu.artifact import Artifact
from mu.errors import UsageError

def fine(config, inputs, progress):
    progress(1, 1)
    return Artifact({"n": config["n"]})

def wrong(config, inputs, progress):
    raise UsageError("no such word")
"""


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    (tmp_path / "runsteps.py").write_text(STEPS)
    monkeypatch.syspath_prepend(tmp_path)
    return Store(tmp_path / "store")


def asked(n: int = 1, step: str = "fit", name: str = "fine", **more) -> dict:
    return {"step": step, "call": f"runsteps:{name}", "key": {"n": n}, "config": {"n": n}} | more


class Told(Watcher):
    """Writes down what it is told."""

    def __init__(self):
        self.seen = []

    def started(self, job):
        self.seen.append("started")

    def progressed(self, job, done, total):
        self.seen.append((done, total))

    def finished(self, job):
        self.seen.append("finished")

    def say(self, message):
        self.seen.append(message)


def test_a_step_is_run_once_and_fails_for_all(store):
    async def several() -> Runner:
        runner = Runner(store, InlinePool(store))
        refs = await asyncio.gather(*(runner.step(**asked()) for _ in range(3)))
        assert len(set(refs)) == 1
        assert runner.facts(refs[0]) == {"n": 1}
        failing = [runner.step(**asked(2, name="wrong")) for _ in range(2)]
        errors = await asyncio.gather(*failing, return_exceptions=True)
        assert [(type(e), str(e)) for e in errors] == [(UsageError, "no such word")] * 2
        return runner

    counts = asyncio.run(several()).counts
    assert (counts["run"]["fit"], counts["cached"]["fit"]) == (2, 0)
    counts = asyncio.run(several()).counts
    assert (counts["run"]["fit"], counts["cached"]["fit"]) == (1, 1)


def test_the_key_decides_and_the_rest_does_not(store):
    async def keys() -> list[str]:
        runner = Runner(store, InlinePool(store))
        steps = [
            asked(1),
            asked(1, config={"n": 1, "device": "elsewhere"}, label="another"),
            asked(1, step="score"),
            asked(2),
        ]
        return [(await runner.step(**step))[1] for step in steps]

    first, same, *others = asyncio.run(keys())
    assert first == same
    assert len({first, *others}) == 3


def test_the_code_is_part_of_the_key(store, monkeypatch):
    async def key() -> str:
        return (await Runner(store, InlinePool(store)).step(**asked()))[1]

    first = asyncio.run(key())
    seen = []
    monkeypatch.setattr(
        "mu.running.runner.code_digest", lambda *names: seen.append(names) or "edited"
    )
    assert asyncio.run(key()) != first

    async def with_classes() -> None:
        more = {"model": {"_target_": "x.Model"}, "method": [{"_target_": "x.Method"}]}
        await Runner(store, InlinePool(store)).step(**asked(key=more))

    asyncio.run(with_classes())
    assert seen == [("runsteps",), ("runsteps", "x.Method", "x.Model")]


def test_a_watcher_is_told(store):
    async def watched() -> list:
        told = Told()
        await Runner(store, InlinePool(store), told).step(**asked())
        await asyncio.sleep(0)
        return told.seen

    assert set(asyncio.run(watched())) == {"started", (1, 1), "finished"}
    assert asyncio.run(watched()) == []


def test_a_plan_runs_only_what_says_what_to_do(store):
    async def planned() -> Runner:
        runner = Runner(store, None)
        cheap = await runner.step(**asked(step="describe"))
        assert runner.facts(cheap) == {"n": 1}
        dear = await runner.step(**asked(step="fit"))
        with pytest.raises(Waiting, match="fit"):
            runner.facts(dear)
        assert runner.facts(dear, missing={"n": 0}) == {"n": 0}
        assert runner.manifest(dear) == {}
        chosen = await runner.step(**asked(step="select", inputs={"state": dear}))
        with pytest.raises(Waiting, match="select"):
            runner.facts(chosen)
        return runner

    runner = asyncio.run(planned())
    assert dict(runner.counts["run"]) == {"describe": 1, "fit": 1, "select": 1}
    assert not (store.root / "fit").exists()
