"""Step ``prepare``: what a method computes once of the original and reads at every request."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from mu.artifact import Artifact
from mu.data.base import Batch, removed_elements
from mu.data.build import build, build_data
from mu.doors.guest import seed_everything
from mu.errors import StepFailed, UsageError
from mu.models.base import Learner, Progress, evaluation_mode
from mu.models.channels_last import use_channels_last
from mu.models.weights import rebuild
from mu.parts.part import DataPart, Part, move
from mu.training.fit import Counted, Meter
from mu.training.peak_memory import peak_into

Read = Callable[..., Iterator[Batch]]
SEAL = "seal/"  # tensors that say what a stored result belongs to


class Stored(Protocol):
    """What is stored with the original; named under ``stored:`` in the YAML of a method."""

    def __call__(self, learner: Learner, read: Read) -> dict[str, Tensor]:
        """Tensors made of the model and of all it was trained on.

        Args:
            learner: The original, in evaluation mode.
            read: ``read(batch_size=…, shuffle=…)`` yields batches of D, counted.
        """
        ...


def prepare(
    make: Stored,
    learner: Learner,
    part: Part,
    *,
    seed: int = 0,
    device: str = "cpu",
    precision: str = "32-true",
    progress: Progress | None = None,
) -> tuple[dict[str, Tensor], Meter]:
    """Compute and seal what a method stores.

    Args:
        make: What to compute.
        learner: The original; not changed.
        part: Everything it was trained on.
        seed: Of an order that is drawn.
        device: "cpu" or "cuda".
        precision: "32-true" or "bf16-mixed".
        progress: Called with (batches done, batches in all).

    Returns:
        Tensors on the CPU, with a seal that names the weights and the samples, and the cost.
    """
    meter, start = Meter(), time.perf_counter()
    seen: list[Tensor] = []

    def read(**options: Any) -> Iterator[Batch]:
        loader = part.batches(**({"seed": seed} | options))
        total = len(loader) if hasattr(loader, "__len__") else 0
        seen.clear()
        for batch in Counted(loader, meter, total, progress):
            seen.append(batch.index.clone())
            yield move(batch, device)

    learner.to(device)
    with (
        evaluation_mode(learner),
        torch.autocast(device, torch.bfloat16, enabled=precision == "bf16-mixed"),
        peak_into(meter.memory, "setup", device),
    ):
        found = make(learner, read)
    learner.cpu()
    meter.seconds["setup"] = time.perf_counter() - start
    tensors = {name: tensor.detach().cpu() for name, tensor in found.items()}
    ids = torch.cat(seen).numpy() if seen else np.empty(0, np.int64)
    return tensors | {f"{SEAL}weights": seal(learner), f"{SEAL}ids": seal_of_ids(ids)}, meter


def seal(model: nn.Module) -> Tensor:
    """(16,) bytes: digest of the weights and buffers of a model."""
    value = blake2b(digest_size=16)
    for name, tensor in sorted(model.state_dict().items()):
        value.update(name.removeprefix("network.").encode())
        value.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return torch.frombuffer(bytearray(value.digest()), dtype=torch.uint8)


def seal_of_ids(ids: np.ndarray) -> Tensor:
    """(16,) bytes: digest of a set of ids, whatever their order."""
    value = blake2b(np.sort(np.asarray(ids, np.int64)).tobytes(), digest_size=16)
    return torch.frombuffer(bytearray(value.digest()), dtype=torch.uint8)


def unsealed(
    name: str, tensors: Mapping[str, Tensor], learner: Learner, part: Any, stale: bool
) -> dict[str, Tensor]:
    """The tensors without their seal, after a look at it.

    Args:
        name: What they are called in messages.
        tensors: As `prepare` returned them.
        learner: The model before the request.
        part: What it was trained on, or None where the method does not see it.
        stale: Whether the model may be another one than they were made of.

    Raises:
        UsageError: They belong to other weights or other samples.
    """
    weights, ids = tensors.get(f"{SEAL}weights"), tensors.get(f"{SEAL}ids")
    if weights is not None and not stale and not torch.equal(weights.cpu(), seal(learner)):
        raise UsageError(f"the stored {name} belongs to other weights; prepare it of this model")
    known = getattr(part, "ids", None)
    sealed = known is not None and not stale
    if sealed and ids is not None and not torch.equal(ids.cpu(), seal_of_ids(np.asarray(known))):
        raise UsageError(f"the stored {name} belongs to other samples; prepare it of these")
    return {n: t for n, t in tensors.items() if not n.startswith(SEAL)}


@contextmanager
def failing_the_row() -> Iterator[None]:
    """Turn a usage error into the failure of one cell.

    Options are checked when a method is built, and a wrong one ends a run at once. What is refused
    later depends on the pair: a model that diverged has no finite importances, and the other pairs
    may be well.

    Example:
        >>> with failing_the_row():
        ...     raise UsageError("no finite gradient")
        Traceback (most recent call last):
        mu.errors.StepFailed: no finite gradient
    """
    try:
        yield
    except UsageError as error:
        raise StepFailed(str(error)) from error


def step(config: dict[str, Any], inputs: dict[str, Any], progress: Progress | None) -> Artifact:
    """Compute what a method stores; ``inputs["state"]`` is the state it belongs to."""
    data, recipe = build_data(config["data"]), config["recipe"]
    seed_everything(config["seed"])
    learner = rebuild(config["model"], inputs["state"], config.get("named", ()))
    if recipe["channels_last"]:
        use_channels_last(learner)
    kept = data.without(removed_elements(inputs["removed"]))
    make: Stored = build(config["stored"])
    with failing_the_row():
        tensors, meter = prepare(
            make,
            learner,
            DataPart(data, kept.ids, kept.view),
            seed=config["seed"],
            device=config["device"],
            precision=recipe["precision"],
            progress=progress,
        )
    return Artifact({"cost": meter.facts()}, tensors=tensors)
