"""What a frozen trunk makes of the images of a data set, computed once and kept in the store."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mu.artifact import Artifact
from mu.data.activations import FLIPPED, PLAIN
from mu.data.base import Ids, TensorData
from mu.data.build import build_data
from mu.data.facts import without_pretrained
from mu.data.normalisation import Normalisation
from mu.errors import UsageError
from mu.models.base import Progress
from mu.models.channels_last import images_last
from mu.models.chunks import CHUNK, filled_up, size_of_chunks
from mu.models.cut import check_seam, trunk_digest
from mu.models.merging import starting_network
from mu.models.tail import trunk_and_tail


def step(config: dict[str, Any], inputs: dict[str, Any], progress: Progress | None) -> Artifact:
    """Step ``activations``: of everything scores may ask about, in order of its ids.

    ``config``: ``data``; ``cut``, the arguments of a `mu.models.tail.Tail`; ``flips``, whether
    mirrored images are wanted, too; ``device``; ``scratch``, a folder for files.

    Raises:
        UsageError: The data are no images, or the network cannot be cut.
    """
    data, cut = build_data(config["data"]), dict(config["cut"])
    if not isinstance(data, TensorData):
        raise UsageError(f"a trunk is computed once for images; {type(data).__name__} has none")
    network, trunk = frozen_trunk(cut)
    trunk = trunk.to(config["device"])
    folder, ids = Path(config["scratch"]), data.universe()
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {PLAIN: False, FLIPPED: True} if config["flips"] else {PLAIN: False}
    files, done, total = {}, 0, len(ids) * len(wanted)
    for name, mirrored in wanted.items():
        files[name], start = folder / name, 0
        for rows in activations(trunk, data, ids, mirrored, cut["cut"], config["device"]):
            if not start:
                shape = (len(ids), *rows.shape[1:])
                file = np.lib.format.open_memmap(files[name], "w+", np.float32, shape)
            file[start : start + len(rows)] = rows
            start, done = start + len(rows), done + len(rows)
            if progress is not None:
                progress(done, total)
        file.flush()
    facts: dict[str, Any] = {"shape": list(shape), "trunk": trunk_digest(trunk), "cut": cut["cut"]}
    if without_pretrained(cut) != cut:
        facts["warnings"] = otherwise_normalised(network, data.normalised)
    return Artifact(facts, {"ids": ids}, files=files)


def frozen_trunk(cut: Mapping[str, Any]) -> tuple[nn.Module, nn.Module]:
    """The whole network of the arguments of a `mu.models.tail.Tail`, and its trunk.

    Raises:
        UsageError: It cannot be cut, or its weights do not fit.
    """
    network = starting_network(cut)
    trunk, _ = trunk_and_tail(network, cut["cut"])
    return network, trunk.to(memory_format=torch.channels_last)


def otherwise_normalised(network: nn.Module, given: Normalisation | None) -> list[str]:
    """A warning where the weights that timm publishes expect images normalised in another way.

    Example:
        >>> import timm
        >>> otherwise_normalised(timm.create_model("test_vit"), Normalisation([0.1], [0.2]))
        ['the published weights of test_vit expect data.mean=[0.5] data.std=[0.5]']
    """
    known: Any = getattr(getattr(network, "net", network), "pretrained_cfg", None) or {}
    if given is None or "mean" not in known or "std" not in known:
        return []
    # One number where channels agree, which serves data of any number of channels.
    both = [part[:1] if len(set(part)) == 1 else part for part in (known["mean"], known["std"])]
    expected = Normalisation(*both)
    if expected.like(given):
        return []
    ways = " ".join(f"data.{part}" for part in str(expected).split())
    return [f"the published weights of {known.get('architecture')} expect {ways}"]


@torch.inference_mode()
def activations(
    trunk: nn.Module, data: TensorData, ids: Ids, mirrored: bool, cut: str, device: str = "cpu"
) -> Iterator[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Activations of the ids, in pieces.

    The bits of a row do not depend on those beside it: rows are computed in chunks of one size,
    filled up where they end, or one by one where its place in a chunk changes a row.

    Args:
        trunk: In evaluation mode, as it has to be for that.
        data: Images.
        ids: Whose activations.
        mirrored: Whether images are mirrored first.
        cut: For messages.
        device: Where to compute.
    """

    def through(x: Tensor) -> Tensor:
        return check_seam(trunk(images_last(x.to(device))), len(x), cut).float().cpu()

    size = 0
    for start in range(0, len(ids), CHUNK):
        x = data.inputs(ids[start : start + CHUNK])
        x = x.flip(3) if mirrored else x
        size = size or size_of_chunks(through, x)
        pieces = [through(filled_up(part, size))[: len(part)] for part in torch.split(x, size)]
        yield torch.cat(pieces).contiguous().numpy()
