"""Requests one after the other on one's own model, each of them audited."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from mu.artifact import digest
from mu.auditing.audit import audit
from mu.auditing.record import Audit
from mu.auditing.rows import weights_digest
from mu.data.base import Data, removed_elements
from mu.doors.batches import Fields
from mu.doors.loaders import Loader, rereadable
from mu.errors import UsageError
from mu.forget_sets.files import Request
from mu.forget_sets.request import selections_of
from mu.library import unlearn
from mu.models.own_loss import Criterion
from mu.storing.request_log import RequestLog
from mu.unlearning.base import Unlearner

BATCH = 512  # samples of a data set that are shown at once


class Session:
    """A model that is asked to forget again and again.

    It keeps what a method remembers for its next request, what was forgotten before, and an audit
    of each step, in which what earlier requests forgot must not have come back. A step that fails
    changes nothing.

    Args:
        net: The model before any request; it is not touched.
        test: Yields batches never trained on, as for `mu.evaluate`; with ``data`` left out.
        data: In place of loaders, a data set; requests are then `mu.forget_sets.files.Request`.
        fields, loss, device: As for `mu.unlearn`.
        log: A file that takes a line for each request: what was asked, by which method, digests of
            the model before and after; lines are sealed and never changed.

    Raises:
        UsageError: Both test and data, or neither.

    Attributes:
        net: The model after the last request.
        memory: What its method remembers.
        audits: One a request.

    Example:
        >>> import torch
        >>> x, y = torch.eye(4), torch.tensor([0, 1, 0, 1])
        >>> one, two, rest = ([(x[i : i + 1], y[i : i + 1])] for i in range(3))
        >>> session = Session(nn.Linear(4, 2), test=[(x[3:], y[3:])])
        >>> _ = session.forget(one, "finetune", retain=[*two, *rest], epochs=1, lr=0.1)
        >>> _ = session.forget(two, "finetune", retain=rest, epochs=1, lr=0.1)
        >>> [audit.case.before for audit in session.audits]
        [0, 1]
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        test: Loader | None = None,
        data: Data | None = None,
        fields: Fields | None = None,
        loss: Criterion | None = None,
        device: str = "cpu",
        log: str | Path | None = None,
    ) -> None:
        if (test is None) == (data is None):
            raise UsageError("a session takes either test=, and loaders, or data=, and requests")
        self.original, self.net, self.data = net, net, data
        self.test = None if test is None else rereadable(test, "test=")
        self.how: dict[str, Any] = {"fields": fields, "loss": loss, "device": device}
        self.log = None if log is None else RequestLog(Path(log))
        self.memory: Mapping[str, Tensor] = {}
        self.audits: list[Audit] = []
        self.before: list[Any] = []  # loaders, or requests to the data
        self.drawn: list[bool | None] = []  # whether they were drawn at random

    def forget(
        self,
        what: Loader | Request,
        method: str | Unlearner = "ssd",
        *,
        retain: Loader | None = None,
        oracles: Sequence[nn.Module] = (),
        drawn: bool | None = None,
        subject: str = "",
        seed: int = 0,
        **options: Any,
    ) -> "Session":
        """Forget, audit what came of it, and go on from there.

        Args:
            what: Yields batches of D_f; with ``data`` a request.
            method: As for `mu.unlearn`.
            retain: Yields batches of what is left after this request; with ``data`` left out.
            oracles: Models retrained without this and all earlier requests.
            drawn: Whether D_f was drawn at random, as for `mu.audit`.
            subject: What is to be forgotten, in your words, for the page.
            seed: Seed of everything the method draws.
            options: Options of the method.

        Returns:
            The session itself, so that requests can follow each other.

        Raises:
            UsageError: As `mu.unlearn` and `mu.audit`.
        """
        parts, asked = self._parts(what, retain)
        new: Any = unlearn(
            self.net, method, **asked, **self.how, memory=self.memory, seed=seed, **options
        )
        found = audit(
            new,
            original=self.original if parts.pop("seen_alike") else None,
            oracles=oracles,
            drawn=drawn,
            drawn_before=self.drawn,
            subject=subject,
            repeat=self._repeat(method, options),
            **parts,
            **self.how,
        )
        if self.log is not None:
            self.log.add(self._entry(found, method, options, new))
        self.net, self.memory = new, new.unlearning_memory
        self.audits.append(found)
        self.before.append(what if self.data is not None else parts["forget"])
        self.drawn.append(drawn)
        return self

    def _parts(self, what: Any, retain: Loader | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the audit and the method are handed."""
        if self.data is None:
            if isinstance(what, Request) or retain is None:
                raise UsageError(
                    "a session without data= takes loaders: forget(loader, retain=loader), where "
                    "retain= is what is left after the request"
                )
            sides = {"forget": rereadable(what, "forget="), "retain": rereadable(retain, "retain=")}
            parts = {**sides, "test": self.test, "before": list(self.before), "seen_alike": True}
            return parts, dict(sides)
        if not isinstance(what, Request) or retain is not None:
            raise UsageError('a session with data= takes requests: forget(Request("samples", ids))')
        asked = {"data": self.data, "request": what, "before": list(self.before)}
        return self._parts_of_data(self.data, what), asked

    def _parts_of_data(self, data: Data, what: Request) -> dict[str, Any]:
        """Loaders of the parts after a request, all seen through what is left of the data."""
        selections = selections_of(data, (*self.before, what))
        arrays, view = selections[-1].arrays, data.without(removed_elements(selections)).view
        test = np.setdiff1d(data.parts["test"], arrays.get("unasked", np.empty(0, np.int64)))

        def loader(ids: Any) -> Any:
            return data.loader(ids, view, batch_size=BATCH)

        parts = {name: loader(arrays[name]) for name in ("forget", "retain")}
        before = [loader(one.arrays["forget"]) for one in selections[:-1]]
        # On a graph the original would have to be shown the edges that are gone.
        alike = not any(len(ids) for ids in view.removed.values())
        own = loader(arrays["own"]) if "own" in arrays else None
        return {**parts, "test": loader(test), "before": before, "own": own, "seen_alike": alike}

    def _repeat(self, method: str | Unlearner, options: Mapping[str, Any]) -> str:
        """The call, as far as it is known."""
        words = ["forget", repr(method) if isinstance(method, str) else type(method).__name__]
        words += [f"{name}={value!r}" for name, value in options.items()]
        earlier = f"  # request {len(self.before) + 1}"
        return f"session.forget({', '.join(words)}, retain=retain, oracles=oracles){earlier}"

    def _entry(
        self, found: Audit, method: str | Unlearner, options: Mapping[str, Any], new: nn.Module
    ) -> dict[str, Any]:
        """A line of the log."""
        own = method if isinstance(method, str) else type(method).__name__
        return {
            "step": len(self.audits) + 1,
            "elements": found.case.forgotten,
            "ids": found.digests.get("forget samples"),
            "data": digest(dict(found.digests) | {"model": ""}),
            "method": own,
            "options": {name: repr(value) for name, value in options.items()},
            "before": weights_digest(self.net),
            "after": weights_digest(new),
            "verdict": found.case.word,
        }

    def __str__(self) -> str:
        lines = [f"request {n}: {one.verdict}" for n, one in enumerate(self.audits, start=1)]
        return "\n".join(lines) or "no request yet"

    def _repr_html_(self) -> str:
        return "".join(one._repr_html_() for one in self.audits)
