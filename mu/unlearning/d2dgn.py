"""D2DGN: distil to delete in graph networks (Sinha et al., arXiv 2309.16173)."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from mu.data.base import Batch
from mu.data.graphs import GraphInput, adjacency, weights_of
from mu.data.links import draw_non_edges
from mu.errors import StepFailed, UsageError
from mu.models.base import Learner
from mu.models.field import receptive_field
from mu.models.graph import GraphNetwork, graph_network
from mu.models.teachers import divergence
from mu.parts.pair_sample import codes_of, sampled_pairs
from mu.training.fit import Meter
from mu.unlearning.bad_teacher import SEED, untrained
from mu.unlearning.base import Unlearner
from mu.unlearning.options import at_least, must_be, one_of, positive

DONE = 0.9  # share of the way to unseen elements after which the stop rule ends


def element_alpha(alpha: float | None, n_retain: int, n_forget: int) -> float:
    """Weight of the retained loss; None gives every element, retained or not, the same weight.

    Example:
        >>> element_alpha(None, 39, 1), element_alpha(0.5, 39, 1)
        (0.975, 0.5)
    """
    return n_retain / (n_retain + n_forget) if alpha is None else alpha


def feature_loss(student: list[Tensor], teacher: list[Tensor], nodes: Tensor) -> Tensor:
    r"""Mean squared distance of the embeddings of some nodes, summed over layers.

    .. math:: \sum_l \frac{1}{|V| d_l} \sum_{v \in V} \|h_v^l - t_v^l\|^2

    Args:
        student: Outputs of each layer, (N, d_l).
        teacher: The same of the teacher.
        nodes: (n,) nodes; none give zero.
    """
    if not len(nodes):
        return student[-1].new_zeros(())
    gaps = [s[nodes] - t[nodes] for s, t in zip(student, teacher, strict=True)]
    return torch.stack([gap.square().mean() for gap in gaps]).sum()


def unseen_targets(forgotten: Tensor, unseen: Tensor) -> Tensor:
    """(n, 1) quantiles of the logits of unseen edges, given to the forgotten ones rank for rank.

    Args:
        forgotten: (n, 1) logits of the forgotten edges; only their order counts.
        unseen: (m, 1) logits of edges never trained on.

    Example:
        >>> seen = torch.tensor([[0.0], [1.0], [2.0]])
        >>> unseen_targets(torch.tensor([[9.0], [5.0], [7.0]]), seen).flatten().tolist()
        [2.0, 0.0, 1.0]
    """
    count = len(forgotten)
    rank = forgotten.flatten().argsort().argsort()
    share = (torch.arange(count, dtype=unseen.dtype, device=unseen.device) + 0.5) / count
    places = share * len(unseen) - 0.5
    ordered = unseen.flatten().sort().values
    low = places.floor().clamp(0, len(ordered) - 1).long()
    high = places.ceil().clamp(0, len(ordered) - 1).long()
    values = torch.lerp(ordered[low], ordered[high], (places - low).clamp(0, 1))
    return values[rank][:, None]


def softened(logits: Tensor, unseen: Tensor, steps: int = 40) -> Tensor:
    """(n, C) logits divided by the temperature that makes them as unsure as unseen ones.

    As unsure: the mean probability of the predicted class is the same. Logits that are less sure
    already stay as they are.

    Args:
        logits: (n, C) of what is forgotten.
        unseen: (m, C) of what was never trained on.
        steps: Halvings of the interval in which the temperature lies, 1 to 1000.

    Example:
        >>> sure = torch.tensor([[4.0, 0.0]])
        >>> [round(z, 4) for z in softened(sure, sure / 2)[0].tolist()]
        [2.0, 0.0]
    """
    wanted = unseen.softmax(-1).max(-1).values.mean()
    low, high = 1.0, 1000.0
    for _ in range(steps):
        middle = (low * high) ** 0.5
        sure = (logits / middle).softmax(-1).max(-1).values.mean()
        low, high = (middle, high) if sure > wanted else (low, middle)
    return logits / low


def trained_on_non_edges(
    learner: Learner, x: GraphInput, epochs: int, lr: float, seed: int, meter: Meter
) -> None:
    """Train a network, in place, to predict random pairs without an edge as if they were edges.

    The graph its messages pass along is made of as many drawn pairs as ``x`` has edges; other pairs
    without an edge, drawn once, are its negatives. So it knows the features and no edge. The drawn
    pairs get the weights of the edges, where those have some.

    Args:
        learner: With fresh weights.
        x: The retained view.
        epochs: Steps of Adam.
        lr: Its rate.
        seed: Seed of the draws.
        meter: Counts the passes.
    """
    known, size = codes_of(x), len(x.adjacency)
    rng = np.random.default_rng([seed & 0xFFFFFFFF, 6])
    drawn = draw_non_edges(known, size, 2 * len(known), rng)
    edges = drawn[: len(known)]
    edges = edges[np.lexsort((edges[:, 1], edges[:, 0]))]
    pairs = np.concatenate([edges, drawn[len(known) :]])
    weights = weights_of(x, np.stack(np.divmod(known, size), axis=1))
    graph = adjacency(edges, size, weights)
    asked = torch.from_numpy(pairs.T.copy())
    view = GraphInput(x.features, graph, pairs=asked, weighted=x.weighted)
    labels = torch.zeros(len(pairs))
    labels[: len(edges)] = 1
    optimizer = torch.optim.Adam(learner.parameters(), lr=lr)
    with torch.enable_grad():
        for _ in range(epochs):
            meter.forward += 1
            meter.backward += 1
            optimizer.zero_grad()
            torch.autograd.backward(learner.loss(learner(replace(view)), labels))
            optimizer.step()


@dataclass
class Lesson:
    """What is distilled: elements in a row, retained ones first, then forgotten ones.

    Attributes:
        x: The retained view, asking for the elements.
        teacher: (n, C) logits that the elements are pulled to.
        retained: Number of retained elements, drawn pairs without an edge included.
        level: Mean score at which forgetting ends.
    """

    x: GraphInput
    teacher: Tensor
    retained: int
    level: float


class D2DGN(Unlearner):
    r"""Distil from a preserver on what is retained and from a destroyer on what is forgotten.

    .. math:: L = \alpha L_r + (1 - \alpha) L_f

    Response transfer: :math:`L_\cdot` is the mean of :math:`\mathrm{KL}(p_\text{teacher} \| p)`
    over retained and over forgotten elements (pairs of nodes, with as many drawn pairs without an
    edge among the retained ones; or nodes). Feature transfer: `feature_loss` over the nodes that
    the forgotten elements touch, and over the rest. The preserver is the model before the request,
    the student starts as it, and all of them pass messages on the retained graph, so before its
    first step the student is what UtU gives. Teachers answer once.

    The paper's code is not public. The defaults are its literal form; where it is open they follow
    the choices said below.

    Args:
        transfer: "response", "feature" or "both" (their sum).
        alpha: α; None weighs every element alike, |D_r| / (|D_r| + |D_f|).
        destroyer: "random", the network with fresh weights; "negatives", the same trained to
            predict as many pairs without an edge; "retain_free", the model's own answers on the
            retained graph (then nothing pulls away from UtU); "unseen", answers that elements never
            trained on get: Quantiles of the validation edges' logits, rank for rank; for nodes, the
            model's own answers made as unsure as those of validation nodes.
        temperature: Divides the logits of response transfer.
        epochs: Most steps; each is one pass over the graph.
        lr: Rate of Adam.
        sample: Retained pairs in the loss beside those that share an end point with a forgotten
            one; None takes all. As many pairs without an edge are drawn. Drawn once. Of node
            classes all retained nodes are taken.
        scope: "graph" embeds all nodes; "field" only those that the scored pairs need, with the
            same result up to rounding (networks with attention always embed all).
        start: "trained", or "scratch" for fresh weights.
        stop: "unseen" ends where the mean score of forgotten edges has gone nine tenths of the way
            to that of validation edges at the start, at once where it was there already (for nodes:
            the log-probability of the label); None runs all epochs.
        destroyer_epochs: Steps of training of the destroyer "negatives".

    Raises:
        UsageError: An unknown word, or a number out of its range. When it is applied: a network
            without layers of node embeddings, or an option that these data cannot serve.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "validation"})
    requests: ClassVar[frozenset[str]] = frozenset({"edges", "nodes", "features"})
    gradient_view: ClassVar[str] = "retained"

    def __init__(
        self,
        transfer: str = "response",
        alpha: float | None = 0.5,
        destroyer: str = "random",
        temperature: float = 1.0,
        epochs: int = 100,
        lr: float = 1e-3,
        sample: int | None = None,
        scope: str = "graph",
        start: str = "trained",
        stop: str | None = None,
        destroyer_epochs: int = 50,
    ) -> None:
        super().__init__()
        one_of(
            transfer=(transfer, ("response", "feature", "both")),
            destroyer=(destroyer, ("random", "negatives", "retain_free", "unseen")),
            scope=(scope, ("graph", "field")),
            start=(start, ("trained", "scratch")),
            stop=(stop, (None, "unseen")),
        )
        must_be("in [0, 1]", lambda v: 0 <= v <= 1, alpha=alpha, null="equal weights")
        positive(temperature=temperature, lr=lr)
        at_least(1, epochs=epochs, destroyer_epochs=destroyer_epochs)
        at_least(0, sample=sample, null="all pairs")
        if scope == "field" and (transfer != "response" or sample is None):
            raise UsageError("scope=field needs transfer=response and a sample of pairs")
        self.transfer, self.alpha, self.destroyer = transfer, alpha, destroyer
        self.temperature, self.epochs, self.lr = temperature, epochs, lr
        self.sample, self.scope, self.start = sample, scope, start
        self.stop, self.destroyer_epochs = stop, destroyer_epochs

    def solve(self) -> None:
        """Teachers answer; nothing is trained yet."""
        network = graph_network(self.learner.network)
        forget, retain, unseen = (self.first_batch(p) for p in ("forget", "retain", "validation"))
        self.of_links = forget.x.pairs is not None
        if not self.of_links and self.destroyer == "negatives":
            raise UsageError("destroyer=negatives is for links; node classes take another one")
        with torch.no_grad():
            self.preserved = self._layers(network, forget.x)
            self.destroyed = self._destroyed(forget)
            self.lesson = self._lesson(network, forget, retain, unseen)
        if self.start == "scratch":
            fresh = untrained(self.learner, self.context.seed + 2 * SEED)
            self.learner.load_state_dict(fresh.state_dict())
        self.weight = element_alpha(self.alpha, len(retain), len(forget))
        touched = forget.x.nodes if forget.x.pairs is None else forget.x.pairs
        self.touched = touched.unique()
        every = torch.ones(len(forget.x.adjacency), dtype=torch.bool)
        every[self.touched] = False
        self.rest = every.nonzero().squeeze(1)
        self.facts = {"alpha": self.weight, "scored": len(self.lesson.teacher), "stopped": None}

    def _layers(self, network: GraphNetwork, x: GraphInput) -> list[Tensor]:
        self.meter.forward += 1
        return network.layers(x)

    def _destroyed(self, forget: Batch) -> list[Tensor]:
        """Embeddings of the destroyer on the retained graph."""
        if self.destroyer in ("retain_free", "unseen"):
            return self.preserved
        teacher = untrained(self.learner, self.context.seed + SEED)
        if self.destroyer == "negatives":
            seed, epochs = self.context.seed, self.destroyer_epochs
            trained_on_non_edges(teacher, forget.x, epochs, self.lr, seed, self.meter)
        return self._layers(graph_network(teacher.network), forget.x)

    def _lesson(self, network: GraphNetwork, forget: Batch, retain: Batch, unseen: Batch) -> Lesson:
        def answers(z: list[Tensor], x: GraphInput) -> Tensor:
            return network.decode(z[-1], x)

        targets = answers(self.destroyed, forget.x)
        if not self.of_links:
            if self.destroyer == "unseen":
                targets = softened(targets, answers(self.preserved, unseen.x))
            level = way(
                class_fit(answers(self.preserved, forget.x), forget.y),
                class_fit(answers(self.preserved, unseen.x), unseen.y),
            )
            asked = torch.cat([retain.x.nodes, forget.x.nodes])
            teacher = torch.cat([answers(self.preserved, retain.x), targets])
            self.labels = forget.y
            return Lesson(replace(forget.x, nodes=asked), teacher, len(retain), level)
        edges = unseen.x.pairs[:, unseen.y == 1]
        seen = answers(self.preserved, replace(forget.x, pairs=edges))
        if self.destroyer == "unseen":
            targets = unseen_targets(targets, seen)
        drawn = sampled_pairs(forget.x, retain.x, self.sample, self.context.seed)
        teacher = torch.cat([answers(self.preserved, replace(forget.x, pairs=drawn)), targets])
        x = replace(forget.x, pairs=torch.cat([drawn, forget.x.pairs], dim=1))
        if self.scope == "field" and network.restricts:
            x = receptive_field(x, network.depth)
        return Lesson(x, teacher, drawn.shape[1], way(answers(self.preserved, forget.x), seen))

    def train_batches(self) -> Any:
        nothing = torch.empty(0, dtype=torch.int64)
        return [Batch(self.lesson.x, nothing, nothing, units=1)]

    def training_step(self, batch: Batch, index: int) -> Tensor | None:
        network, lesson = graph_network(self.learner.network), self.lesson
        layers = network.layers(batch.x)
        logits = network.decode(layers[-1], batch.x)
        if self.stop and self._forgotten(logits.detach()[lesson.retained :]):
            self.facts["stopped"] = self.trainer.current_epoch
            self.trainer.should_stop = True
            return None
        losses = []
        if self.transfer != "feature":
            gaps = divergence(logits, lesson.teacher, self.temperature)
            losses.append((gaps[: lesson.retained].mean(), gaps[lesson.retained :].mean()))
        if self.transfer != "response":
            kept = feature_loss(layers, self.preserved, self.rest)
            losses.append((kept, feature_loss(layers, self.destroyed, self.touched)))
        loss: Any = sum(self.weight * kept + (1 - self.weight) * gone for kept, gone in losses)
        if not bool(torch.isfinite(loss)):
            raise StepFailed(f"the distillation loss is {float(loss)}; lower lr={self.lr}")
        return loss  # type: ignore[no-any-return]

    def _forgotten(self, logits: Tensor) -> bool:
        """Whether what is forgotten, (n, C) logits, fits no better than what was never seen."""
        fit = logits if self.of_links else class_fit(logits, self.labels)
        return float(fit.mean()) <= self.lesson.level

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.learner.parameters(), lr=self.lr)


def way(forgotten: Tensor, unseen: Tensor) -> float:
    """Mean score nine tenths of the way from forgotten to unseen elements.

    Not all of the way, which a destroyer that answers like unseen elements only comes near to.
    """
    start, end = float(forgotten.mean()), float(unseen.mean())
    return end + (1 - DONE) * max(start - end, 0.0)


def class_fit(logits: Tensor, labels: Tensor) -> Tensor:
    """(n,) log-probability of the label."""
    return logits.log_softmax(-1).gather(1, labels[:, None]).squeeze(1)
