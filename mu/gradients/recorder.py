"""Watches a forward pass and takes over operations whose per-sample gradients have a formula."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from mu.gradients.convolution import geometry
from mu.gradients.folding import Fold, FoldedConvolution
from mu.gradients.kinds import BROADCASTS, CONVOLUTIONS, KINDS, Kind
from mu.gradients.sink import Sink
from mu.gradients.uses import Broadcast, Use


class Unplanned(Exception):
    """A forward pass did not go as the one before: what was folded is used otherwise."""


class Anchor(torch.autograd.Function):
    """Gives a tensor without gradient a place in the graph, and hands over what arrives there."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, anchor: Tensor, hook: Callable[[Tensor], None]) -> Tensor:
        ctx.hook = hook
        ctx.mark_dirty(value)
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, None]:
        ctx.hook(gradients[0])
        return None, None, None


class Recorder(TorchFunctionMode):
    """One forward and backward pass over a batch in which only input gradients are propagated.

    Parameters of operations with a formula are detached there, so whatever trained parameter is
    still in the graph of the loss is used in another way; `others` finds those.

    Args:
        trained: Parameters by name.
        n: Samples of the batch.
        folds: Id of a kernel → the convolution folded with the normalisation after it; None to
            look for what can be folded.
    """

    def __init__(
        self, trained: Mapping[str, nn.Parameter], n: int, folds: Mapping[int, Fold] | None
    ) -> None:
        super().__init__()
        self.names = {id(p): name for name, p in trained.items()}
        self.trained, self.n, self.folds = trained, n, folds or {}
        self._looking = folds is None
        self.uses: Counter[str] = Counter()  # parameter → in how many operations
        self.anchor = torch.zeros((), requires_grad=True)
        self.pairs: list[tuple[Tensor, int, Fold]] = []
        self._convolved: dict[int, tuple[Tensor, int, dict[str, Any]]] = {}
        self._folded: dict[int, tuple[Tensor, int, Fold]] = {}
        self._alone: set[str] = set()  # parameters of what was folded
        self._consumers: Counter[Any] = Counter()  # node of the graph → how many read it
        self._late: list[tuple[Use, Tensor]] = []
        self._sink: Sink | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if torch.is_grad_enabled():
            kind = KINDS.get(func)
            if kind is not None:
                call = dict(zip(kind.arguments, args, strict=False)) | kwargs
                return self._operation(func, kind, call)
            name = getattr(func, "__name__", "")
            if name in BROADCASTS or name == "expand":
                args = self._broadcast(name, args)
        return func(*args, **kwargs)

    def _operation(self, func: Any, kind: Kind, call: dict[str, Any]) -> Any:
        roles = {
            role: self.names[id(call[role])]
            for role in ("weight", "bias")
            if id(call.get(role)) in self.names
        }
        if func is functional.batch_norm and self._was_folded(call):
            return call["input"]
        use = kind.make(call, roles, self.n) if roles else None
        if use is None:
            return func(**call)
        detached = call | {role: call[role].detach() for role in roles}
        if func in CONVOLUTIONS and id(call["weight"]) in self.folds:
            return self._fold(func, detached, roles, self.folds[id(call["weight"])])
        if func is functional.batch_norm:
            self._pair(call, roles)
        y = self._watch(func(**detached), use)
        if self._looking and func in CONVOLUTIONS and "weight" in roles:
            self._convolved[id(y)] = (y, y._version, call)
        return y

    def _watch(self, y: Tensor, use: Use) -> Tensor:
        self.uses.update(use.roles.values())

        def arrived(g: Tensor) -> None:
            self._arrived(use, g)

        if y.requires_grad:
            y.register_hook(arrived)  # type: ignore[no-untyped-call]
            return y
        anchored: Tensor = Anchor.apply(y.data, self.anchor, arrived)
        return anchored

    def _fold(self, func: Any, call: dict[str, Any], roles: dict[str, str], fold: Fold) -> Tensor:
        y = func(**call | {"weight": fold.weight, "bias": fold.offset})
        use = FoldedConvolution(roles | fold.roles, call["input"], fold, geometry(call), y)
        y = self._watch(y, use)
        self._alone.update(use.roles.values())
        self._folded[id(y)] = (y, y._version, fold)
        return y

    def _was_folded(self, call: dict[str, Any]) -> bool:
        y, version, fold = self._folded.pop(id(call["input"]), (None, 0, None))
        if y is None or fold is None:
            return False
        if y._version != version or call.get("running_mean") is not fold.mean:
            raise Unplanned
        return True

    def _pair(self, call: dict[str, Any], roles: dict[str, str]) -> None:
        y, version, convolution = self._convolved.get(id(call["input"]), (None, 0, None))
        if y is not None and convolution is not None and y._version == version:
            self.pairs.append((y, id(convolution["weight"]), Fold(convolution, call, roles)))

    def _broadcast(self, name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments with a trained parameter replaced by one copy a sample."""
        if not args or len(args) < 2:
            return args
        places = [i for i in (0, 1) if id(args[i]) in self.names]
        if len(places) != 1 or (name == "expand" and places != [0]):
            return args
        parameter, other = args[places[0]], args[1 - places[0]]
        if name == "expand":
            sizes = other if isinstance(other, tuple | list) else args[1:]
        elif isinstance(other, Tensor):
            sizes = other.shape
        else:
            return args
        dims = len(sizes)
        alone = dims > parameter.dim() or (dims == parameter.dim() and parameter.shape[:1] == (1,))
        if not dims or sizes[0] != self.n or not alone:
            return args
        use = Broadcast(self.names[id(parameter)], parameter, dims, self.n)
        copies = self._watch(use.copies, use)
        return (*args[: places[0]], copies, *args[places[0] + 1 :])

    def others(self, losses: Tensor) -> set[str]:
        """Trained parameters that reach the losses in a way without a formula.

        Raises:
            Unplanned: A folded convolution was used twice or without its normalisation.
        """
        if self._folded or any(self.uses[name] != 1 for name in self._alone):
            raise Unplanned
        found, seen, nodes = set(), set(), [losses.grad_fn]
        while nodes:
            node = nodes.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            variable = getattr(node, "variable", None)
            if id(variable) in self.names:
                found.add(self.names[id(variable)])
            following = [n for n, _ in node.next_functions if n is not None]
            self._consumers.update(following)
            nodes.extend(following)
        return found

    def foldable(self) -> dict[int, Fold]:
        """Folds of normalisations that alone read a convolution used once; after `others`."""
        return {
            kernel: fold
            for y, kernel, fold in self.pairs
            if self._consumers[y.grad_fn] == 1
            and self.uses[self.names[kernel]] == 1
            and all(self.uses[name] == 1 for name in fold.roles.values())
        }

    def backward(self, losses: Tensor, sink: Sink) -> None:
        """Add the powers of all per-sample gradients of ``losses`` (n,)."""
        self._sink = sink
        if losses.requires_grad:
            torch.autograd.grad(losses.sum(), self.anchor, allow_unused=True)
        names = dict.fromkeys(n for use, _ in self._late for n in use.roles.values())
        for name in names:
            if self.uses[name] > 1:
                self._add_together(name, sink)

    def _arrived(self, use: Use, g: Tensor) -> None:
        sink = self._sink
        assert sink is not None
        use.check()
        first = next(iter(use.roles.values()))
        g = g.detach().to(self.trained[first].dtype)
        with torch.no_grad():
            single = [role for role, name in use.roles.items() if self.uses[name] == 1]
            if single:
                use.collect(g, sink, single)
        if len(single) < len(use.roles):
            self._late.append((use, g))
        else:
            use.release()

    def _add_together(self, name: str, sink: Sink) -> None:
        """Add powers of a parameter's gradients summed over several operations."""
        found = [(u, r, g) for u, g in self._late for r, name_ in u.roles.items() if name_ == name]
        if not found:
            return
        size = self.trained[name].numel() + max(use.size(role, g) for use, role, g in found)
        with torch.no_grad():
            for group, rows in sink.parts(size):
                total = sum(use.per_sample(role, g, rows) for use, role, g in found)
                assert isinstance(total, Tensor)
                sink.add(name, group, total)
