"""Class unlearning by concepts and poisoning (Chang et al., arXiv 2405.15662), for images."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from mu.concepts.concept_map import ConceptMap, places_of, read_maps
from mu.concepts.edit import EDITS, Edit, Places, edited
from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.order import order_of
from mu.models.output_layer import head_inputs
from mu.parts.draw import drawn, torch_order
from mu.parts.joined import joined
from mu.parts.part import DataPart, Part, move
from mu.parts.relabelling import LABELS, Labels, nearest_donor, poisoned_labels
from mu.parts.rows import Held, Rows, gathered, held
from mu.parts.whole_classes import classes_in, whole_classes
from mu.unlearning import options
from mu.unlearning.heads.frozen_trunk import FrozenTrunk, last_stage
from mu.unlearning.heads.look import found_head, look_at

Trainable = Literal["head", "last_stage", "all"]
DONORS = ("nearest", "concept")
TRUNK = 0.3  # of the head's learning rate, as published for variants that train more


class ConceptPoisoning(FrozenTrunk):
    r"""Paste another class's concept into images of a class, label them wrongly, train the head.

    .. math:: \min_{W, b} \; \mathbb{E}_{(x, y) \in D_r \cup D'} \, \ell(W h(x) + b, y), \qquad
        D' = \{(\mathrm{paste}(x, \text{patch of } d), \, y') : x \in D_f\}

    With ``edit="none"`` it is plain relabelling, which by the authors' own ablation forgets as
    completely. The model is in evaluation mode whatever is trained, so running statistics never
    move and a frozen trunk stays bit-identical; no augmentation is used. Donors and random labels
    are classes with samples in D_r, so classes forgotten earlier are never among them.

    Args:
        edit: "none", "localized" (at the concept's peak; needs ``concepts``), "center",
            "random_place" or "full" (the donor made smaller, in the middle); see
            `mu.concepts.edit.edited`.
        labels: "targeted", the donor's; "random", drawn from the kept classes; "keep", unchanged: a
            control that must not forget. See `poisoned_labels`.
        donor: A class, "nearest" (the largest mean wrong logit before the request), or "concept"
            (of ``concepts``).
        trainable: "head", "last_stage" (the last child of the trunk with weights, and the head) or
            "all".
        share: Of each class of D_r and of D_f that is trained on; published are 1 and 0.5.
        window: Fraction of the image's sides that is pasted; None for the published one: 64/224
            localized, 96/224 center and random place, 160/224 full.
        concepts: File of `mu.concepts.concept_map.write_maps`, or such maps by class.
        epochs: Passes over D_r and the poisoned images.
        lr: Learning rate of the head; published for a ResNet-50: 0.001 for 15 to 30 epochs.
        trunk_lr: Learning rate of everything else; None for 0.3 ``lr``.
        cached: With "head", whether features are computed once. Off, every epoch costs a pass
            through the trunk, for features that do not fit into memory.
        training: As for `Finetuning`; batches of 32.

    Raises:
        UsageError: An option out of range, or concepts that are needed and not given. When it is
            applied: A donor that is not kept, a concept map that does not fit, inputs that are no
            images, or a network that does not end in one linear layer.
        NotApplicable: D_f does not consist of whole classes.
    """

    reads_labels: ClassVar[bool] = True
    requests: ClassVar[frozenset[str]] = frozenset({"samples"})

    def __init__(
        self,
        edit: Edit = "none",
        labels: Labels = "targeted",
        donor: int | str = "nearest",
        trainable: Trainable = "head",
        share: float = 1.0,
        window: float | None = None,
        concepts: str | Mapping[int, ConceptMap] | None = None,
        epochs: int = 10,
        lr: float = 0.005,
        trunk_lr: float | None = None,
        cached: bool = True,
        **training: Any,
    ) -> None:
        super().__init__(epochs, lr, **{"batch_size": 32} | training)
        options.one_of(edit=(edit, EDITS), labels=(labels, LABELS))
        options.one_of(trainable=(trainable, get_args(Trainable)))
        if isinstance(donor, bool) or (isinstance(donor, str) and donor not in DONORS):
            raise UsageError(f"donor={donor!r} is neither a class nor one of {', '.join(DONORS)}")
        options.share(share=share)
        options.share(window=window, null="the published one")
        options.positive(trunk_lr=trunk_lr, null=f"{TRUNK} lr")
        if concepts is None and (edit == "localized" or donor == "concept"):
            raise UsageError(
                f"edit={edit}, donor={donor} need concepts: a file of mu.concepts (write_maps)"
            )
        self.edit, self.labels, self.donor, self.trainable = edit, labels, donor, trainable
        self.share, self.window, self.concepts = share, window, concepts
        self.trunk_lr = TRUNK * lr if trunk_lr is None else trunk_lr
        self.cached = cached and trainable == "head"

    def solve(self) -> None:
        gone = whole_classes(self.parts["forget"], self.parts["retain"], "ConceptPoisoning")
        allowed = [int(label) for label in torch.unique(classes_in(self.parts["retain"]))]
        self.head = found_head(self, "retain", editable=self.trainable == "head")
        self.maps = self.read_concepts(gone)
        self.parts = {name: self.few(self.parts[name]) for name in ("forget", "retain")}
        forget, retain = self.parts["forget"], self.parts["retain"]
        poison = self.poison(gone, allowed, forget, retain)
        if self.cached:
            clean = self.features_of(self.forward_batches("retain", batch_size=self.batch_size))
            self.rows = joined(self.features_of(self.in_batches(poison)), clean)
        else:
            self.rows = joined(poison, retain.rows(), self.learner)
        self.choose(self.trained())

    def few(self, part: Part) -> Part:
        """A share of each class of a part."""
        seed = self.context.seed
        return drawn(part, seed, share=self.share, per_class=True, order=torch_order(seed))

    def read_concepts(self, gone: Sequence[int]) -> Mapping[int, ConceptMap]:
        """The concept maps, one for each class to forget where they are used.

        Raises:
            UsageError: The file cannot be read, or holds no map of a class to forget.
        """
        if self.edit != "localized" and self.donor != "concept":
            return {}
        named = not isinstance(self.concepts, Mapping)
        maps: Any = read_maps(str(self.concepts)) if named else self.concepts
        for label in gone:
            if label not in maps:
                raise UsageError(
                    f"concepts: there is no map of class {label}, only of {sorted(maps)}"
                )
        return {label: maps[label] for label in gone}

    def poison(
        self, gone: Sequence[int], allowed: Sequence[int], forget: Part, retain: Part
    ) -> Rows:
        """Images of D_f with their pixels and labels changed, in memory."""
        own = self.in_memory(forget)
        y = own.batch.y
        used = self.edit != "none" or self.labels == "targeted"
        donors = self.donors(gone, allowed, own) if used else {}
        generator = torch.Generator().manual_seed(self.context.seed)
        labels = poisoned_labels(y, self.labels, donors, allowed, generator)
        changed = own.batch.x if self.edit == "none" else images_in(own, self.edit).clone()
        for label, donor in donors.items():
            if self.edit != "none":
                rows = (y == label).nonzero()[:, 0]
                given = own.batch.x[rows], own.batch.index[rows], retain, generator
                changed[rows] = self.edited(label, donor, *given)
        self.facts |= {"edit": self.edit, "labels": self.labels, "poisoned": len(y)}
        self.facts |= {"donors": {str(label): donor for label, donor in donors.items()}}
        self.facts |= {"concepts": {str(t): found.concept for t, found in self.maps.items()}}
        return held(changed, labels, axes=own.axes)

    def in_memory(self, part: Part) -> Held:
        """All samples of a part."""
        return gathered(part.batches(), self.learner, (0,) if isinstance(part, DataPart) else None)

    def donors(self, gone: Sequence[int], allowed: Sequence[int], own: Held) -> dict[int, int]:
        """Class → the class that lends its label and its concept.

        Raises:
            UsageError: A donor that has no samples in D_r.
        """
        if self.donor == "nearest":
            logits = self.logits_of(own)
            return {label: nearest_donor(logits[own.batch.y == label], allowed) for label in gone}
        found = {
            t: self.maps[t].donor if self.donor == "concept" else int(self.donor) for t in gone
        }
        for donor in found.values():
            if donor not in allowed:
                raise UsageError(
                    f"donor={donor} has no samples to retain; classes that have are {allowed}"
                )
        return found

    @torch.no_grad()
    def logits_of(self, rows: Rows) -> Tensor:
        """(n, C) logits before the request, one pass over the rows."""
        found = [head_inputs(self.learner, b, self.head)[1] for b in self.in_batches(rows)]
        return torch.cat(found).cpu()

    def in_batches(self, rows: Rows) -> Iterator[Batch]:
        """Rows in their order on the device, each batch counted as one forward pass."""
        order = torch.split(torch.arange(len(rows)), self.batch_size or len(rows))
        for batch in self.meter.count(rows.batches(order), backward=False):
            yield move(batch, self.context.device)

    def edited(
        self,
        label: int,
        donor: int,
        x: Tensor,
        index: Tensor,
        retain: Part,
        generator: torch.Generator,
    ) -> Tensor:
        """Images of a class with a window of the donor's images pasted into them."""
        lent, lent_index = images_of(retain, donor, self.edit)
        found = self.maps.get(label) if self.edit == "localized" else None
        if found is not None:
            if found.donor != donor:
                raise UsageError(
                    f"donor={donor}, but concepts were located in class {found.donor}; "
                    "set donor=concept"
                )
            there = torch.isin(lent_index, torch.from_numpy(found.donor_index))
            lent, lent_index = lent[there], lent_index[there]
            if not len(lent):
                raise UsageError(f"concepts name no image of class {donor} that is retained")
        drawn = torch.randint(len(lent), (len(x),), generator=generator)
        places = None
        if found is not None:
            own = places_of(index, found.index, found.peaks)
            theirs = places_of(lent_index[drawn], found.donor_index, found.donor_peaks)
            places = Places(own, theirs)
        return edited(x, lent[drawn], self.edit, self.window, places, generator)

    def trained(self) -> list[tuple[list[nn.Module], float]]:
        """Modules to train, the head first, each with its learning rate."""
        network = self.learner.network
        rest: list[nn.Module] = [network] if self.trainable == "all" else []
        if self.trainable == "last_stage":
            rest = last_stage(network, self.head, order_of(self.learner, look_at(self, "retain")))
        return [([self.head], self.lr), (rest, self.trunk_lr)]


def images_of(part: Part, label: int, edit: str) -> tuple[Tensor, Tensor]:
    """Images of one class in a part and their ids (−1 where unknown), in memory, for an edit.

    Raises:
        UsageError: The inputs are no images.
    """
    if isinstance(part, DataPart):
        ids = part.ids[part.data.targets(part.ids) == label]
        part = DataPart(part.data, ids, part.view)
    found = gathered(part.batches(), axes=(0,))
    own = found.batch.y == label
    return images_in(found, edit)[own], found.batch.index[own]


def images_in(rows: Held, edit: str) -> Tensor:
    """(n, C, H, W) inputs.

    Raises:
        UsageError: They are no images.
    """
    x = rows.batch.x
    if isinstance(x, Tensor) and x.dim() == 4 and len(x) == len(rows):
        return x
    kind = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
    raise UsageError(f"edit={edit} pastes images (n, C, H, W), got inputs {kind}; take edit=none")
