"""Selective Synaptic Dampening (Foster, Schoepf and Brintrup, arXiv 2308.07707)."""

import time
from collections.abc import Iterable, Iterator
from typing import ClassVar, Literal

from torch import Tensor

from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.base import Learner, as_batch
from mu.parts.disjoint import known_ids
from mu.parts.part import by_rows, has_seam, heeds_options
from mu.unlearning import options
from mu.unlearning.base import Unlearner
from mu.unlearning.dampening import (
    Importance,
    adaptive_alpha,
    alpha_of_share,
    check_constants,
    check_importances,
    dampen,
    pooled,
    ratios,
    shares_by_tensor,
)
from mu.unlearning.importance import (
    Fisher,
    FullImportance,
    ImportanceLoss,
    Order,
    downdate,
    importance,
    importances,
)
from mu.unlearning.stored import Read

__all__ = [
    "SSD",
    "FullImportance",
    "adaptive_alpha",
    "alpha_of_share",
    "dampen",
    "downdate",
    "importance",
    "importances",
    "ratios",
]

Rule = Literal["share", "assd"]
SEAM = " of D_r, then D_f"  # how loaders of different data sets are read
OWN = "importance/"  # what SSD hands to its own next request


class SSD(Unlearner):
    """Dampen the parameters that are disproportionately important to D_f.

    The model is in evaluation mode throughout, so no running statistic changes.

    Of a user's loaders too D is read as a data set would be read: in batches of ``batch_size``, in
    ``order``. Loaders over one data set, or subsets of it, give the batches that ``data=`` gives,
    and so the same weights. Where it is not known how the samples of both stand in one data set, D
    is D_r, then D_f, before the order is made; the batch form then has other values, and says so.

    Args:
        alpha: Selection threshold α, or None to choose it by ``rule``. No single α works from class
            to class on balanced data.
        share: Share of parameters to select with ``rule="share"``: those with the largest ratio
            I_f / I_D.
        rule: "share", or "assd" for the percentile of arXiv 2402.10098.
        lam: Dampening constant λ; the bound 1 acts only where λ > α.
        fisher: "batch" (published code) or "per_sample" (paper); never share an α between them.
        loss: "cross_entropy", or "logit_norm" for the label-free variant.
        batch_size: Part of the method in the batch form; without effect on the other.
        order: Part of the method in the batch form: "shuffled" (once, seeded), "ids", or "classes"
            (class after class, as the published code reads its class and sub-class tasks).
        stale: Reuse the importances of the original at later requests of a sequence: an
            approximation, since they change with the weights. In the per-sample form the samples of
            the first request, forgotten at those weights, are taken out of them.
        memory_mb: Bound on the memory of per-sample gradients.

    Raises:
        UsageError: An option out of range; when it is applied: importances that are negative, not
            finite, zero everywhere or of another model, or a D_f that is no part of D.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "full"})
    shares: ClassVar[bool] = True

    def __init__(
        self,
        alpha: float | None = None,
        share: float = 0.01,
        rule: Rule = "share",
        lam: float = 1.0,
        fisher: Fisher = "batch",
        loss: ImportanceLoss = "cross_entropy",
        batch_size: int | None = 64,
        order: Order = "shuffled",
        stale: bool = False,
        memory_mb: int = 64,
    ) -> None:
        super().__init__()
        check_constants(0.0 if alpha is None else alpha, lam)
        options.share(share=share)
        options.one_of(rule=(rule, ("share", "assd")))
        self.alpha, self.share, self.rule, self.lam = alpha, share, rule, lam
        self.stale = stale
        self.full = FullImportance(fisher, loss, batch_size, order, memory_mb)

    def solve(self) -> None:
        self.counts: dict[str, int] = {}
        # What is large for D_f depends on its batches, so they are made as those of D.
        self.parts = {name: by_rows(part) for name, part in self.parts.items()}
        self.check_parts()
        kept = {n.removeprefix(OWN): t for n, t in self.memory.items() if n.startswith(OWN)}
        reused = kept if self.stale else {}
        full, forget = self.both(reused)
        check_importances(self.learner, full, forget)
        found = ratios(full, forget)
        alpha = self.threshold(full, forget, found)
        selected = dampen(self.learner, full, forget, alpha, self.lam, found)
        largest = float(pooled(found).max())
        own, seam = heeds_options(self.parts["full"]), has_seam(self.parts["full"])
        self.facts = {
            "alpha": alpha,
            "lambda": self.lam,
            "fisher": self.full.fisher,
            "loss": self.full.loss,
            "batch_size": self.full.batch_size if own else "of the loader",
            "order": (self.full.order + SEAM * seam) if own else "of the loader",
            "selected": selected,
            "selected_share": selected / sum(ratio.numel() for ratio in found.values()),
            "largest_ratio": largest,
            "stale": bool(reused),
            "layers": shares_by_tensor(found, alpha),
        }
        self.caution(alpha, selected, largest, bool(reused))
        self.remember(full, forget, reused)

    def ids(self, part: str) -> Tensor | None:
        """Ids of a part; a user's own loader has none."""
        return known_ids(self.parts[part])

    def size(self, part: str) -> int:
        """Number of samples of a part; a loader that has not been read yet is read for it."""
        ids = self.ids(part)
        if ids is not None:
            return len(ids)
        if part not in self.counts:
            self.counts[part] = sum(len(as_batch(b)) for b in self.parts[part].batches())
        return self.counts[part]

    def check_parts(self) -> None:
        """Refuse a D_f that is no part of D, where both have ids."""
        forget, full = self.ids("forget"), self.ids("full")
        if forget is None or full is None:
            return
        if not len(forget):
            raise UsageError("there is no sample to forget: D_f is empty")
        outside = set(forget.tolist()) - set(full.tolist())
        if outside:
            raise UsageError(f"sample {min(outside)} is to be forgotten but was not trained on")

    def both(self, reused: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """I_D and I_Df: I_D as stored or reused where it is, both in one pass where possible."""
        gone, known = self.ids("forget"), self.ids("full") is not None
        at_hand = bool(reused) or "importance" in self.stored
        if self.full.fisher == "per_sample" and gone is not None and known and not at_hand:
            return self.one_pass(gone)
        full = reused or self.prepared("importance", self.make)
        batches = self.batches("forget", seed=self.context.seed, **self.full.reading)
        forget = importance(self.learner, self.counted("forget", batches), **self.full.form)
        device = self.context.device
        return {name: tensor.to(device) for name, tensor in full.items()}, forget

    def make(self, learner: Learner, read: Read) -> dict[str, Tensor]:
        """I_D where it was not stored."""
        return self.full(learner, lambda **options: self.counted("full", read(**options)))

    def counted(self, part: str, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches, with a note of how many samples there were."""
        count = 0
        for batch in batches:
            yield batch
            count += len(batch)
        self.counts[part] = count

    def one_pass(self, gone: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Both importances from D alone; the share of D_f in it is booked to the request."""
        before, start = dict(self.upfront), time.perf_counter()
        with self.setup_cost():
            batches = self.batches("full", seed=self.context.seed, **self.full.reading)
            loss, memory_mb = self.full.loss, self.full.memory_mb
            found = importances(self.learner, batches, gone, loss, memory_mb)
        share = self.size("forget") / self.size("full")
        self.meter.seconds["setup"] -= share * (time.perf_counter() - start)
        for name, passes in before.items():
            self.upfront[name] -= round(share * (self.upfront[name] - passes))
        return found

    def threshold(self, full: Importance, forget: Importance, found: Importance) -> float:
        """α: given, by share, or by the rule of ASSD."""
        if self.alpha is not None:
            return self.alpha
        if self.rule == "share":
            return alpha_of_share(full, forget, self.share, found)
        return adaptive_alpha(full, forget, self.size("forget") / self.size("full"))

    def caution(self, alpha: float, selected: int, largest: float, reused: bool) -> None:
        """Say what a reader of the result must know."""
        read = self.full.fisher == "batch" and "importance" not in self.stored
        if read and has_seam(self.parts["full"]):
            self.warn(
                "SSD read D as D_r, then D_f, since loaders of different data sets do not tell its "
                "order, and importances of batches depend on it: DataLoaders over "
                "torch.utils.data.Subset of one data set are read as with data=, and "
                "fisher='per_sample' depends on no order"
            )
        if reused:
            self.warn(
                "SSD reused the importances of the original, an approximation: the weights have "
                "changed since; stale=false computes them anew"
            )
        if self.alpha is not None and self.full.fisher == "per_sample" and not reused:
            cap = self.size("full") / self.size("forget")
            if alpha >= cap:
                self.warn(
                    f"SSD cannot select anything: alpha={alpha:g}, but per sample I_Df/I_D is at "
                    f"most |D|/|D_f| = {cap:.3g}; lower alpha or use share"
                )
                return
        if selected == 0:
            self.warn(
                f"SSD selected nothing: alpha={alpha:g}, but no parameter has I_Df/I_D above "
                f"{largest:.3g}; lower alpha or raise share"
            )

    def remember(self, full: Importance, forget: Importance, reused: Importance) -> None:
        """Hand I_D to the next request if it may be stale, without what was forgotten.

        Only importances of the same weights may be subtracted, so this ends with the first request.
        """
        if not self.stale:
            self.memory = {}
            return
        left = full
        if self.full.fisher == "per_sample" and not reused:
            left = downdate(full, forget, self.size("full"), self.size("forget"))
        self.memory = {f"{OWN}{name}": tensor.cpu() for name, tensor in left.items()}
