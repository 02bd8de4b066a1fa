"""From images, words and an encoder to what unlearning needs: a donor and a concept map."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mu.concepts.concept_map import ConceptMap
from mu.concepts.donor import choose_donor
from mu.concepts.encoder import ImageTextEncoder, embedded
from mu.concepts.locate import STRIDE, WINDOW, peaks, similarity_map
from mu.concepts.ranking import SEED, bottleneck, concept_scores
from mu.data.base import Ids, TensorData
from mu.errors import UsageError


@dataclass(frozen=True)
class Concepts:
    """Concepts of a data set; they serve every request.

    Attributes:
        words: K concept words.
        vectors: (k, d) their vectors.
        weights: (C, k) how much each class is recognised by each.
        scores: (n, k) of the images they were learned from.
    """

    words: list[str]
    vectors: Tensor
    weights: NDArray[np.float64]
    scores: NDArray[np.float64]


def learn_concepts(
    encoder: ImageTextEncoder,
    words: Sequence[str],
    x: Tensor,
    y: Tensor,
    seed: int = SEED,
    batch_size: int = 256,
) -> Concepts:
    """Rank words for every class of a data set.

    Args:
        encoder: Embeds images and words.
        words: Two or more, see `mu.concepts.words.read_words`.
        x: (n, C, H, W) images in [0, 1], see `pictures`.
        y: (n,) classes from 0, each with a sample.
        seed: Of the fit; see `mu.concepts.ranking.ranking_stability` for what it decides.
        batch_size: Images at a time.

    Raises:
        UsageError: Fewer than two words or classes, or an encoder whose embeddings do not fit.
    """
    if len(words) < 2:
        raise UsageError(f"{len(words)} concept words cannot be ranked; give two or more")
    vectors = encoder.texts(list(words)).detach().float().cpu()
    scores = concept_scores(embedded(encoder, x, batch_size), vectors)
    return Concepts(list(words), vectors, bottleneck(scores, y.numpy(), seed), scores)


def concept_map(
    encoder: ImageTextEncoder,
    concepts: Concepts,
    x: Tensor,
    y: Tensor,
    index: Ids,
    target: int,
    allowed: Iterable[int] | None = None,
    window: float = WINDOW,
    stride: float = STRIDE,
    batch_size: int = 256,
) -> ConceptMap:
    """The donor of a class, and where its concept and the donor's are.

    Args:
        encoder: The one the concepts were learned with.
        concepts: Of `learn_concepts`.
        x: (n, C, H, W) images in [0, 1], among them those of the target and of its donor.
        y: (n,) their classes.
        index: (n,) their ids in the data.
        target: The class to forget.
        allowed: Classes that may lend; None for all others.
        window: Of the sliding windows, as a fraction of the image's sides.
        stride: From one to the next, likewise.
        batch_size: Windows at a time.

    Raises:
        UsageError: The target or its donor has no image here.
    """
    donor = choose_donor(concepts.weights, target, allowed)
    shape = (x.shape[2], x.shape[3])

    def located(label: int, concept: int) -> tuple[Any, Any]:
        rows = (y == label).nonzero()[:, 0]
        if not len(rows):
            raise UsageError(f"no image of class {label} to look for {concepts.words[concept]!r}")
        vector = concepts.vectors[concept]
        maps = similarity_map(encoder, x[rows], vector, window, stride, batch_size)
        return np.asarray(index)[rows.numpy()], peaks(maps, shape, window, stride).double().numpy()

    words, own = concepts.words, located(target, donor.concept)
    lent = located(donor.label, donor.own)
    return ConceptMap(
        target, donor.label, words[donor.concept], words[donor.own], donor.rule, *own, *lent
    )


def pictures(data: TensorData, ids: Ids) -> Tensor:
    """(n, C, H, W) images of the ids in [0, 1], without the data's normalisation.

    Raises:
        UsageError: The data hold no images.
    """
    x = data.x[torch.from_numpy(np.asarray(ids))]
    if x.dim() != 4:
        raise UsageError(f"samples {tuple(x.shape[1:])} of the data are no images (C, H, W)")
    return x.float() / 255 if x.dtype == torch.uint8 else x.float()
