"""The only training stage: original, oracles, shadow models and baselines all come from here."""

import logging
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from mu.artifact import Artifact
from mu.data.base import Batch, removed_elements
from mu.data.build import build_data
from mu.doors.guest import seed_everything
from mu.errors import UsageError
from mu.models.base import Learner, Progress, as_batch, build_learner
from mu.models.channels_last import use_channels_last
from mu.models.starting import said, start_from
from mu.models.weights import read_weights
from mu.training.checkpoints import SECONDS, Checkpoints, NotResumed, log
from mu.training.lone_sample import lone_samples_served
from mu.training.loop import Loop, needs_no_trainer
from mu.training.peak_memory import peak_into
from mu.training.plateau import Plateau
from mu.training.recipe import check_recipe, optimisation


class Meter:
    """Counts passes in the data's unit (samples; encoder passes on graphs), seconds and memory.

    ``memory`` holds the peak in bytes of set-up and request, where the machine tells it.
    """

    def __init__(self) -> None:
        self.forward = self.backward = 0
        self.seconds = {"setup": 0.0, "request": 0.0}
        self.memory: dict[str, float] = {}
        self.best_epoch: int | None = None

    def count(self, batches: Iterable[Any], backward: bool = True) -> Iterator[Batch]:
        """The batches, each counted as one forward pass and, by default, one backward pass."""
        for item in batches:
            batch = as_batch(item)
            self.forward += batch.units
            self.backward += batch.units if backward else 0
            yield batch

    def facts(self) -> dict[str, Any]:
        """The cost entry of an artifact."""
        parts = self.seconds if self.memory else ()
        memory = {f"memory_{part}": self.memory.get(part, 0.0) for part in parts}
        return {
            "forward": self.forward,
            "backward": self.backward,
            "seconds_setup": self.seconds["setup"],
            "seconds_request": self.seconds["request"],
            **memory,
        }


class Counted:
    """Re-iterable batches that report each pass to a meter and each batch to the progress bar."""

    def __init__(
        self, batches: Any, meter: Meter, total: int = 0, progress: Progress | None = None
    ) -> None:
        self.batches, self.meter, self.total, self.progress = batches, meter, total, progress
        self.done = 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.meter.count(self.batches):
            self.done += 1  # at once: nobody comes back for more after the last of an epoch
            if self.progress is not None:
                self.progress(self.done, self.total)
            yield batch


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Lightning's banners and hints off inside; what mu has to say it says itself."""
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def train(
    module: pl.LightningModule,
    batches: Any,
    epochs: int,
    precision: str,
    device: str,
    callbacks: Sequence[pl.Callback] = (),
    checkpoints: Checkpoints | None = None,
) -> None:
    """Train and do nothing else: no logger, bar or summary.

    Where `mu.training.loop.needs_no_trainer`, this is a bare loop; else, and from the first of the
    ``checkpoints`` on, a Trainer. Both give the same bits. Batches of one sample are served; see
    `mu.training.lone_sample`. With ``checkpoints`` it goes on where an earlier process was killed.
    """
    more = {"plugins": [checkpoints.io]} if checkpoints else {}
    path, loop = checkpoints.found(module) if checkpoints else None, Loop(epochs)
    with quiet_lightning(), lone_samples_served():
        if path is None and needs_no_trainer(module, callbacks, precision, device):
            loop.fit(module, batches, callbacks, checkpoints.due if checkpoints else None)
            if loop.over:
                return
        trainer = pl.Trainer(
            max_epochs=epochs,
            precision=precision,  # type: ignore[arg-type]
            accelerator={"cuda": "gpu"}.get(device, device),
            devices=1,
            callbacks=[*callbacks, *([checkpoints] if checkpoints else [])],
            logger=False,
            enable_checkpointing=checkpoints is not None,
            enable_progress_bar=False,
            enable_model_summary=False,
            **more,  # type: ignore[arg-type]
        )
        if loop.current_epoch:
            assert isinstance(module, Learner)  # methods have no checkpoints
            loop.hand_over(trainer, module)
        if checkpoints is None:
            trainer.fit(module, batches)
        else:
            checkpoints.run(trainer, module, batches, path)


def fit(
    learner: Learner,
    batches: Any,
    recipe: dict[str, Any],
    *,
    device: str = "cpu",
    progress: Progress | None = None,
    validation: Any = None,
    checkpoints: Checkpoints | None = None,
) -> Meter:
    """Train a learner in place.

    Args:
        learner: What to train.
        batches: Re-iterable batches of one epoch, with a length.
        recipe: ``epochs``, ``optimizer`` (a ``_target_``), ``precision``, ``channels_last`` and the
            schedule (see `mu.training.recipe.factors`). With ``plateau`` training ends before
            ``epochs`` where the validation loss stopped falling (`mu.training.plateau.Plateau`).
        device: "cpu" or "cuda".
        progress: Called with (batches done, batches in all).
        validation: Batches that ``plateau`` reads.
        checkpoints: Writes the state of the training and brings back that of an earlier process.

    Returns:
        The passes, seconds and memory it took, in all processes together.

    Raises:
        NotResumed: The training has to start anew, from a new learner.
    """
    meter, epochs = Meter(), recipe["epochs"]
    if recipe.get("plateau") and not validation:
        raise UsageError("recipe.plateau stops by the loss on validation data, and there are none")
    plateau = recipe.get("plateau") and Plateau(validation, **recipe["plateau"])
    start = time.perf_counter()
    if epochs and len(batches):
        if recipe.get("channels_last"):
            use_channels_last(learner)
        steps = epochs * len(batches)
        learner.training_plan = optimisation(recipe, steps)
        counted = Counted(batches, meter, steps, progress)
        precision, stops = recipe.get("precision", "32-true"), [plateau] if plateau else []
        with peak_into(meter.memory, "request", device):
            train(learner.train(), counted, epochs, precision, device, stops, checkpoints)
        learner.training_plan = None
        if plateau:
            meter.forward += plateau.passes
            meter.best_epoch = plateau.best_epoch
    learner.cpu().eval()
    spent = time.perf_counter() - start
    meter.seconds["request"] = checkpoints.spent(spent) if checkpoints else spent
    return meter


def step(config: dict[str, Any], inputs: dict[str, Any], progress: Progress | None) -> Artifact:
    """Step ``fit``: build the network from its seed and train it on what is kept.

    ``inputs["removed"]`` holds the selections (in order) whose elements are not in the data. A
    training that was killed goes on from its last checkpoint in ``config["scratch"]``.
    """
    try:
        return _trained(config, inputs, progress)
    except NotResumed as error:
        log.warning("mu: a checkpoint could not be brought back (%s): training starts anew", error)
        return step(config, inputs, progress)


def _trained(config: dict[str, Any], inputs: dict[str, Any], progress: Progress | None) -> Artifact:
    data, recipe, seed = build_data(config["data"]), config["recipe"], config["seed"]
    check_recipe(recipe)
    seed_everything(seed)
    learner = build_learner(config["model"], download=not config.get("checkpoint"))
    anew: list[str] = []
    if path := config.get("checkpoint"):
        skip, tensors = config.get("checkpoint_skip", ()), read_weights(Path(path))
        anew = start_from(learner, tensors, path, skip, data.normalised)
    kept = data.without(removed_elements(inputs["removed"]))
    batches = data.loader(
        kept.ids,
        kept.view,
        batch_size=recipe["batch_size"],
        train=True,
        seed=seed,
        augment=recipe.get("augment"),
    )
    size = recipe["batch_size"]
    validation = data.loader(data.stopping(kept), kept.view, batch_size=size)
    where: Any = {"device": config["device"], "progress": progress, "validation": validation}
    if "scratch" in config:
        seconds = config.get("checkpoint_seconds", SECONDS)
        folder = Path(config["scratch"])
        where["checkpoints"] = Checkpoints(folder, seconds, config["device"])
    meter = fit(learner, batches, recipe, **where)
    facts = {"cost": meter.facts(), "parameters": sum(p.numel() for p in learner.parameters())}
    if anew:
        facts["warnings"] = said(str(path), anew)
    if meter.best_epoch is not None:
        facts["best_epoch"] = meter.best_epoch
    return Artifact(facts, tensors=learner.state_dict())
