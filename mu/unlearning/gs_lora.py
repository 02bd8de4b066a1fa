"""GS-LoRA and GS-LoRA++: continual forgetting by group-sparse low-rank adapters."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.errors import UsageError
from mu.evaluation.continual import h_mean
from mu.lora.adapters import KINDS, Adapters
from mu.lora.groups import group_norms, group_sparsity, proximal_step, zero_group_ratio
from mu.lora.prototypes import apart, class_means, prototype_loss
from mu.lora.replay import Replay
from mu.lora.stages import Stages
from mu.models.base import cross_entropy
from mu.parts.draw import drawn
from mu.parts.part import Part
from mu.unlearning import options
from mu.unlearning.base import Unlearner
from mu.unlearning.heads.look import found_head

__all__ = [
    "GSLoRA",
    "bounded_forget_loss",
    "group_norms",
    "group_sparsity",
    "h_mean",
    "prototype_loss",
    "proximal_step",
    "zero_group_ratio",
]

LATER = math.sqrt(6 / 51)  # width of the A of later requests: Kaiming's a = √50 against √5
TOLERANCE = 1e-3  # of the largest norm: what counts as zero
GONE = {"forget", "push"}  # terms of the samples to forget
ADAPTER = "adapter/"  # of what is remembered of an adapter
LEAST = 1e-5 / 1e-2  # the learning rate at the end, as a share of that at the start


def bounded_forget_loss(
    logits: Tensor, labels: Tensor, bound: float, loss: Callable[..., Tensor] = cross_entropy
) -> Tensor:
    """ReLU(bound − mean loss): pushes samples away until the bound, and no further.

    Args:
        logits: (n, C).
        labels: (n,) class ids.
        bound: A few times ln C for a softmax head; log C is what a uniform answer costs.
        loss: Of logits and labels; that of the model.

    Example:
        >>> bounded_forget_loss(torch.zeros(2, 4), torch.tensor([0, 1]), 1.0).item()
        0.0
    """
    return torch.relu(bound - loss(logits, labels))


class GSLoRA(Unlearner):
    r"""Adapters on the feed-forward layers forget, few of them, and are merged (arXiv 2403.11530).

    .. math:: L = \ell(R) + \beta\,[b - \ell(F)]_+ + \alpha\,\Omega
        + w_f\,[b_p - D(F)]_+ + w_r\,D(R)

    The last two terms make GS-LoRA++ (arXiv 2501.09705). All weights but those of the adapters are
    frozen, the head too. One adapter a layer lives for one request; at its end it is added to the
    weights once, so that the result is a plain model, and the next request starts from there.

    Args:
        epochs: Passes over the replayed samples, at most.
        lr: Learning rate of AdamW, down to a thousandth of it by a cosine over the epochs.
        rank: R.
        scale: S of W + s B A; 1/r where None.
        groups: What is to vanish together: "block", "lora" (one layer) or "matrix".
        alpha: Weight of Ω; 0.01 as published.
        warmup: Share of the epochs in which α is 0.
        proximal: Whether Ω is minimised by `proximal_step`, which reaches zero, or, as published,
            by gradients, which do not.
        beta: Weight of the bounded loss.
        bound: B; three times ln C where None.
        shots: Samples of each class that are read; None with ``share`` None takes all.
        share: Share of each class that is read.
        missing: Classes that are kept but never replayed.
        w_forget: Weight of the push from prototypes.
        w_retain: Weight of the pull to prototypes; in the paper, zero in all but one released
            command.
        bound_prototype: b_p; the mean divergence between prototypes where None.
        prototypes: "original": of the model before the first request; "current": made anew.
        ema: Decay of a running mean of the adapters over epochs after the warm-up, which is what
            is merged; None merges the last.
        keep: "last" epoch, or the "best" by H on validation data.
        stop: End once the bound is met and the replayed loss is at most so much above that of the
            first epoch; None never ends early.
        settle: Steps after the warm-up in which no further group vanishes before it may end, so
            that α has its say: it shrinks a group by α times the learning rate a step.
        batch_size: Samples of D_f, and of D_r, a step.
        weight_decay: Of AdamW; 0.05 as published.
        blocks: Places of blocks with adapters; None means all.
        narrow: Whether later requests draw a narrower A, as published.
        keep_adapter: Whether the adapter of a request stays in the state beside the merged model,
            to be looked at or exported (`mu.lora.adapters.write_peft`), until the next request.

    Raises:
        UsageError: Options that make no sense.
            When it is applied: a layer that would get an adapter is frozen.
        NotApplicable: The network has no feed-forward layers, as a convolutional one.
    """

    reads_labels: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "validation"})
    requests: ClassVar[frozenset[str]] = frozenset({"samples"})
    architectures: ClassVar[frozenset[str]] = frozenset({"transformer"})

    def __init__(
        self,
        epochs: int = 100,
        lr: float = 0.01,
        rank: int = 8,
        scale: float | None = None,
        groups: str = "block",
        alpha: float = 10.0,
        warmup: float = 0.1,
        proximal: bool = True,
        beta: float = 0.15,
        bound: float | None = None,
        shots: int | None = None,
        share: float | None = 0.1,
        missing: Sequence[int] = (),
        w_forget: float = 0.0,
        w_retain: float = 0.0,
        bound_prototype: float | None = None,
        prototypes: str = "original",
        ema: float | None = None,
        keep: str = "last",
        stop: float | None = 0.05,
        settle: int = 200,
        batch_size: int | None = 48,
        weight_decay: float = 0.0,
        blocks: list[int] | None = None,
        narrow: bool = True,
        keep_adapter: bool = False,
    ) -> None:
        super().__init__()
        options.at_least(1, epochs=epochs, rank=rank)
        options.at_least(0, settle=settle)
        options.at_least(1, batch_size=batch_size, shots=shots, null="all")
        options.share(share=share, null="all")
        if shots is not None and share is not None:
            raise UsageError(f"shots={shots} and share={share}: give one of them")
        options.positive(lr=lr)
        options.not_negative(alpha=alpha, beta=beta, weight_decay=weight_decay)
        options.not_negative(w_forget=w_forget, w_retain=w_retain)
        options.not_negative(bound=bound, null="three times ln C")
        options.one_of(groups=(groups, KINDS), keep=(keep, ("last", "best")))
        options.one_of(prototypes=(prototypes, ("original", "current")))
        options.must_be("in [0, 1)", lambda value: 0 <= value < 1, warmup=warmup)
        options.must_be("in [0, 1)", lambda value: 0 <= value < 1, ema=ema, null="the last epoch")
        options.must_be("a finite number", lambda _: True, stop=stop, null="all epochs")
        self.passes, self.lr, self.rank, self.scale = epochs, lr, rank, scale
        self.kind, self.alpha, self.proximal = groups, alpha, proximal
        self.quiet = round(warmup * epochs)
        self.beta, self.bound, self.shots, self.share = beta, bound, shots, share
        self.missing = [int(label) for label in missing]
        self.w_forget, self.w_retain, self.bound_prototype = w_forget, w_retain, bound_prototype
        self.prototypes, self.ema, self.keep = prototypes, ema, keep
        self.stop, self.settle = stop, settle
        self.batch_size, self.weight_decay = batch_size, weight_decay
        self.blocks, self.narrow, self.keep_adapter = blocks, narrow, keep_adapter

    # One request ---------------------------------------------------------------------------------

    def solve(self) -> None:
        network = self.learner.network
        self.head = found_head(self, "retain")
        number = len(self.memory.get("norms", ()))
        seed = self.context.seed + number
        few: dict[str, Part] = {
            "forget": self.few(self.parts["forget"], seed),
            "retain": self.few(self.parts["retain"], seed, self.missing),
        }
        self.parts = {**self.parts, **few}
        self.table = self.prototypes_of() if self.w_forget or self.w_retain else None
        frozen = {id(p) for p in network.parameters() if not p.requires_grad}
        network.requires_grad_(False)
        width = LATER if number and self.narrow else 1.0
        self.adapters = Adapters(network, self.rank, self.scale, seed, width, self.blocks)
        self.refuse_frozen(frozen)
        self.sets = self.adapters.groups(self.kind)
        augment = self.context.augment
        staged = Stages.fits(network) and augment is None
        stages = Stages(network, min(self.blocks or [0])) if staged else None
        given = self.parts, self.batches, self.meter
        self.replay = Replay(*given, self.batch_size, stages, augment)
        self.described(network)
        self.train_adapters()
        self.pruned()
        norms = group_norms(self.sets).detach().cpu()
        self.memory["norms"] = torch.stack([*self.memory.get("norms", ()), norms])
        self.memory = {n: t for n, t in self.memory.items() if not n.startswith(ADAPTER)}
        if self.keep_adapter:
            self.memory |= {f"{ADAPTER}{n}": t for n, t in self.adapters.tensors().items()}
        self.adapters.merge()

    def refuse_frozen(self, frozen: set[int]) -> None:
        """Refuse to merge an adapter into weights that were frozen.

        Raises:
            UsageError: A layer with an adapter is frozen.
        """
        for name, layer in self.adapters.layers.items():
            if id(layer.base.weight) in frozen:
                raise UsageError(
                    f"{name} is frozen in the model, and an adapter would be merged into it: set "
                    "requires_grad to true there, or name the blocks that may change in blocks="
                )

    def few(self, part: Part, seed: int, missing: Collection[int] = ()) -> Part:
        """The same number of samples of every class, or the same share."""
        order = np.random.default_rng([seed, 7]).permutation
        return drawn(
            part,
            seed,
            count=self.shots,
            share=self.share,
            per_class=True,
            missing=missing,
            order=order,
        )

    def described(self, network: nn.Module) -> None:
        """Bounds, and what share of the network is trained."""
        bound, bound_prototype = self.bound, self.bound_prototype
        if bound is None:
            bound = 3 * math.log(max(2, self.head.out_features))
        if self.table is not None and bound_prototype is None:
            bound_prototype = apart(self.table)
        self.reach = bound, bound_prototype or 0.0  # of this model: another one has its own
        trained = sum(p.numel() for p in self.adapters.parameters)
        self.facts |= {
            "bound": bound,
            "bound_prototype": bound_prototype,
            "trained_share": trained / sum(p.numel() for p in network.parameters()),
        }

    def prototypes_of(self) -> Tensor:
        """(C, d) prototypes: remembered from before the first request, or made now."""
        if self.prototypes == "original" and "prototypes" in self.memory:
            return self.memory["prototypes"].to(self.context.device)
        batches = (
            batch
            for part in ("forget", "retain")
            for batch in self.forward_batches(part, batch_size=self.batch_size)
        )
        made = class_means(self.learner, batches, self.head, max(2, self.head.out_features))
        if self.prototypes == "original":
            self.memory["prototypes"] = made.cpu()
        return made.to(self.context.device)

    def train_adapters(self) -> None:
        """Epochs over the replayed samples."""
        matrices = self.adapters.parameters
        optimizer = torch.optim.AdamW(matrices, lr=self.lr, weight_decay=self.weight_decay)
        mean = [matrix.detach().clone() for matrix in matrices]
        best, before = -1.0, self.judged() if self.keep == "best" else {}
        saved: list[Tensor] = []
        first: float | None = None
        vanished, still = 0.0, 0
        slack = -math.inf if self.stop is None else self.stop
        for epoch in range(self.passes):
            rate = LEAST + (1 - LEAST) * (1 + math.cos(math.pi * epoch / self.passes)) / 2
            optimizer.param_groups[0]["lr"] = rate * self.lr
            sums = torch.zeros(3)
            for replayed, gone in self.replay.pairs(self.context.seed + 1000 * epoch):
                sums += self.step(optimizer, replayed, gone, epoch)
            forget, retain = (sums[:2] / sums[2]).tolist()
            self.note(epoch, forget, retain)
            first = retain if first is None else first
            with torch.no_grad():
                fresh = epoch <= self.quiet or self.ema is None
                for own, matrix in zip(mean, matrices, strict=True):
                    own.lerp_(matrix, 1.0 if fresh else 1 - (self.ema or 0.0))
            if self.keep == "best" and (found := self.h_of(before)) > best:
                best, saved = found, [matrix.detach().clone() for matrix in matrices]
            now = zero_group_ratio(group_norms(self.sets).detach(), TOLERANCE)
            still = still + int(sums[2]) if now == vanished and epoch >= self.quiet else 0
            vanished = now
            met = forget >= self.reach[0] and retain <= first + slack
            if met and epoch >= self.quiet and still >= self.settle:
                break
        self.facts["epochs"] = epoch + 1
        norms = group_norms(self.sets)
        empty = [group for group, norm in zip(self.sets, norms, strict=True) if norm == 0]
        chosen = saved if self.keep == "best" else mean
        with torch.no_grad():
            for matrix, value in zip(matrices, chosen, strict=True):
                matrix.copy_(value)
            if self.keep == "last":  # a group that has vanished has left the mean, too
                for matrix in itertools.chain(*empty):
                    matrix.zero_()

    def step(
        self, optimizer: torch.optim.Optimizer, replayed: Batch, gone: Batch, epoch: int
    ) -> Tensor:
        """One step of the optimiser, and of the proximal operator; (ℓ(F), ℓ(R), 1)."""
        alpha = self.alpha if epoch >= self.quiet else 0.0
        terms = self.terms(replayed, gone)
        ce = float(terms.pop("ce"))
        idle = {name for name in terms.keys() & GONE if float(terms[name].detach()) == 0}
        if not terms.keys() & GONE - idle:  # past its bounds a batch has no gradient
            self.meter.backward -= gone.units
        loss = torch.stack([term for name, term in terms.items() if name not in idle]).sum()
        if alpha and not self.proximal:
            loss = loss + alpha * group_sparsity(self.sets)
        self.descend(optimizer, loss)
        if alpha and self.proximal:
            proximal_step(self.sets, optimizer.param_groups[0]["lr"] * alpha)
        return torch.tensor([ce, float(terms["remain"].detach()), 1.0])

    def terms(self, replayed: Batch, gone: Batch) -> dict[str, Tensor]:
        """The weighted terms of the loss for one pair of batches, and ℓ(F) as "ce"."""
        kept_z, kept, kept_y = self.replay.passed(self.learner, replayed, self.head)
        gone_z, lost, gone_y = self.replay.passed(self.learner, gone, self.head)
        loss = self.learner.loss
        terms = {
            "remain": loss(kept, kept_y),
            "forget": self.beta * bounded_forget_loss(lost, gone_y, self.reach[0], loss),
            "ce": loss(lost.detach(), gone_y),
        }
        if self.table is not None and self.w_forget:
            away = torch.relu(self.reach[1] - self.divergence(gone_z, gone_y))
            terms["push"] = self.w_forget * away
        if self.table is not None and self.w_retain:
            terms["pull"] = self.w_retain * self.divergence(kept_z, kept_y)
        return terms

    def divergence(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """`prototype_loss` on the samples whose class has a prototype."""
        assert self.table is not None
        known = self.table[labels].isfinite().all(dim=1)
        if not bool(known.any()):
            return embeddings.sum() * 0.0
        return prototype_loss(embeddings[known], labels[known], self.table)

    # What is said of it ----------------------------------------------------------------------

    def note(self, epoch: int, forget: float, retain: float) -> None:
        """The losses of an epoch, for the report."""
        curve = self.facts.setdefault("losses", [])
        curve.append({"epoch": epoch, "forget": forget, "retain": retain})

    @torch.no_grad()
    def judged(self) -> dict[str, float]:
        """Validation accuracy on classes that go and on classes that stay.

        Classes that left with an earlier request are neither.
        """
        stay = self.replay.labels("retain") | set(self.missing)
        sides = {"forget": self.replay.labels("forget") - stay, "retain": stay}
        right, count = Counter[str](), Counter[str]()
        for batch in self.forward_batches("validation"):
            hits = self.learner.outputs(batch)[0].argmax(1) == batch.y
            for side, labels in sides.items():
                own = torch.isin(batch.y, torch.tensor([*labels], device=batch.y.device))
                right[side] += int(hits[own].sum())
                count[side] += int(own.sum())
        return {side: right[side] / n for side, n in count.items() if n}

    def h_of(self, before: dict[str, float]) -> float:
        """H on validation data, against the model before the request."""
        now = self.judged()
        if "forget" not in now or "retain" not in now:
            return now.get("retain", 0.0)
        return h_mean(now["retain"], before["forget"] - now["forget"])

    @torch.no_grad()
    def pruned(self) -> None:
        """Norms of the groups, and validation accuracy with and without those near zero."""
        norms = group_norms(self.sets)
        ratio = zero_group_ratio(norms, TOLERANCE)
        found = {"norms": norms.tolist(), "effects": self.adapters.effects().tolist()}
        self.facts |= found | {"zero_group_ratio": ratio, "accuracy": self.judged()}
        if 0 < ratio < 1:
            small = (norms <= TOLERANCE * norms.max()).tolist()
            kept = [matrix.clone() for matrix in self.adapters.parameters]
            for group in (g for g, is_small in zip(self.sets, small, strict=True) if is_small):
                for matrix in group:
                    matrix.zero_()
            self.facts["accuracy_pruned"] = self.judged()
            for matrix, value in zip(self.adapters.parameters, kept, strict=True):
                matrix.copy_(value)
