"""Checkpoints inside a training, so that one that was killed goes on after its last epoch."""

import logging
import os
import platform
import random
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import is_zipfile

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins.io import CheckpointIO
from torch import Tensor

from mu.artifact import digest_of_file
from mu.training.hidden_state import into_modules, into_optimizer, of_modules, of_optimizer
from mu.trust.arrays import check_arrays

SECONDS = 60.0  # at least, between two
OWN = "mu"  # the key of what is mu's in a checkpoint of Lightning
Payload: TypeAlias = dict[str, Any]
log = logging.getLogger("mu")


class NotResumed(Exception):
    """A checkpoint that looked whole could not be brought back; training has to start anew."""


class Checkpoints(Checkpoint):
    """Writes the state of a training at the end of an epoch, and brings it back bit for bit.

    Lightning's own checkpoint holds weights, optimiser, schedule, callbacks and the number of the
    epoch. Beside them stand the random states, the epoch that is drawn next, what was counted, and
    what optimisers and modules hold outside of their state dicts.

    Args:
        folder: Where; the training's own. It is made when the first is written.
        seconds: At least so many between two; None writes none.
        device: "cpu" or "cuda".

    Attributes:
        counted: The batches that are trained on, with their meter (`mu.training.fit.Counted`).
        earlier: Seconds that processes before this one spent.
        writing: Seconds spent on writing.
    """

    def __init__(self, folder: Path, seconds: float | None = SECONDS, device: str = "cpu") -> None:
        self.folder, self.seconds, self.device = folder, seconds, device
        self.start = self.last = time.perf_counter()
        self.earlier = self.writing = 0.0
        self.io, self.under_way, self.written = Files(), False, False
        self.counted: Any = None
        self.brought: Payload | None = None

    def run(
        self, trainer: pl.Trainer, module: pl.LightningModule, batches: Any, path: Path | None
    ) -> None:
        """Train, from a checkpoint that `found` gave.

        Raises:
            NotResumed: It could not be brought back; it is gone, and the module is spoilt.
        """
        self.counted = batches
        try:
            trainer.fit(module, batches, ckpt_path=path)
        except Exception as error:
            if path is None or self.under_way:
                raise
            path.unlink()
            raise NotResumed(" ".join(str(error).split())[:200]) from error
        finally:
            self.io.payload = None

    def found(self, module: pl.LightningModule) -> Path | None:
        """The last checkpoint that can be gone on from; of others it is said why not."""
        for path in sorted(self.folder.glob("*.ckpt"), reverse=True):
            try:
                payload = read_payload(path)
                check_payload(payload, module, made_with(self.device))
            except Exception as error:  # a broken file raises anything
                reason = " ".join(str(error).split())[:200] or type(error).__name__
                log.warning("mu: a checkpoint is not used (%s): %s", reason, path)
                continue
            self.io.payload = payload
            return path
        return None

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: Payload
    ) -> None:
        checkpoint.pop("hyper_parameters", None)  # of any kind, and the recipe has them
        meter = self.counted.meter
        checkpoint[OWN] = {
            "made": made_with(self.device),
            "counts": [meter.forward, meter.backward, self.counted.done],
            "epoch": getattr(self.counted.batches, "epoch", None),
            "seconds": self.spent(time.perf_counter() - self.start),
            "random": random_state(),
            "modules": of_modules(pl_module),
            "optimizers": [of_optimizer(one) for one in trainer.optimizers],
        }

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: Payload
    ) -> None:
        self.brought = checkpoint[OWN]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.brought is not None:
            brought, meter = self.brought, self.counted.meter
            meter.forward, meter.backward, self.counted.done = brought["counts"]
            self.earlier = brought["seconds"]
            if brought["epoch"] is not None:
                self.counted.batches.epoch = brought["epoch"]
            for optimizer, more in zip(trainer.optimizers, brought["optimizers"], strict=True):
                into_optimizer(optimizer, more)
            into_modules(pl_module, brought["modules"])
        elif trainer.current_epoch and self.due():
            self.write(trainer, trainer.current_epoch)
        self.under_way = True

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.brought is not None:  # last of all, as whatever else starts may draw
            set_random_state(self.brought["random"])
            self.brought = None

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        done = trainer.current_epoch + 1
        if not trainer.should_stop and done < (trainer.max_epochs or 0) and self.due():
            self.write(trainer, done)

    def due(self) -> bool:
        """Whether the next is to be written."""
        return self.seconds is not None and time.perf_counter() - self.last >= self.seconds

    def write(self, trainer: pl.Trainer, epochs: int) -> None:
        """Write what a Trainer holds after so many epochs; a word where that cannot be."""
        start = time.perf_counter()
        try:
            trainer.save_checkpoint(self.folder / f"{epochs:08d}.ckpt")
            if not self.written:  # said now, and not only after hours
                self.written = bool(read_payload(newest(self.folder)))
        except Exception as error:  # a full disk, or what nobody can write down
            log.warning("mu: this training writes no checkpoints: %s", error)
            self.seconds = None
        self.last = time.perf_counter()
        self.writing += self.last - start

    def spent(self, seconds: float) -> float:
        """Seconds of the training, earlier processes and all, of those since it began here."""
        return self.earlier + seconds - self.writing


class Files(CheckpointIO):
    """Checkpoints as files that carry the digest of their content in their name.

    Attributes:
        payload: What was read and looked at, handed to Lightning in place of the file.
    """

    def __init__(self) -> None:
        self.payload: Payload | None = None

    def save_checkpoint(
        self, checkpoint: Payload, path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a file next to its place, then move it there; those before it go."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".half")
        with half.open("wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
        before = list(path.parent.glob("*.ckpt"))
        whole = path.with_name(f"{path.stem}-{digest_of_file(half)}.ckpt")
        half.replace(whole)
        for old in before:
            if old != whole:
                old.unlink()

    def load_checkpoint(self, path: str | Path, *_: Any, **__: Any) -> Payload:
        """What `read_payload` made of the file."""
        return read_payload(Path(path)) if self.payload is None else self.payload

    def remove_checkpoint(self, path: str | Path) -> None:
        """Nobody asks for it: the whole folder goes with its step."""


def newest(folder: Path) -> Path:
    """The last checkpoint in a folder."""
    return max(folder.glob("*.ckpt"))


def read_payload(path: Path) -> Payload:
    """What a checkpoint holds; nothing in it is run.

    Raises:
        ValueError: It is not what its name says, or holds more than numbers, words and tensors.
    """
    if path.stem.partition("-")[2] != digest_of_file(path) or not is_zipfile(path):
        raise ValueError("it is not whole")
    check_arrays(path)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"it holds more than plain data: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get(OWN), dict):
        raise ValueError("it is none of mu")
    return found


def check_payload(payload: Payload, module: pl.LightningModule, made: Mapping[str, str]) -> None:
    """Refuse the checkpoint of another network, or of a process that may compute other bits.

    Raises:
        ValueError: Saying what differs.
    """
    theirs, optimizers = payload[OWN]["made"], len(payload[OWN]["optimizers"])
    for name in made.keys() | theirs.keys():
        if made.get(name) != theirs.get(name):
            raise ValueError(f"made with {name} {theirs.get(name)}, here is {made.get(name)}")
    if _shapes(payload["state_dict"]) != _shapes(module.state_dict()):
        raise ValueError("it is of another network")
    if any(len(payload[name]) != optimizers for name in ("optimizer_states", "lr_schedulers")):
        raise ValueError("it lacks the state of an optimiser or a schedule")


def _shapes(state: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: one for name, one in state.items() if isinstance(one, Tensor)}
    return {name: (tuple(one.shape), one.dtype) for name, one in plain.items()}


def made_with(device: str) -> dict[str, str]:
    """What the bits depend on beside what a store key holds."""
    cuda = device.startswith("cuda")
    name = torch.cuda.get_device_name() if cuda else torch.backends.cpu.get_cpu_capability()
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": str(torch.__version__),
        "lightning": metadata.version("pytorch-lightning"),
        "device": f"{platform.machine()} {name}",
        "threads": str(torch.get_num_threads()),
    }


def random_state() -> Payload:
    """The random states of Python, numpy and torch, of GPUs too where they are used."""
    numpy: Any = np.random.get_state()
    kind, words, *rest = numpy
    return {
        "python": random.getstate(),
        "numpy": [kind, torch.from_numpy(words.astype(np.int64)), *rest],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_state(state: Payload) -> None:
    """Bring back what `random_state` found."""
    random.setstate(state["python"])
    kind, words, *rest = state["numpy"]
    np.random.set_state((kind, words.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
