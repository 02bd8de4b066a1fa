"""A request, checked once and in one place: who is to be forgotten, and what is left."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mu.artifact import Artifact
from mu.data.base import Data, Ids, Kept, removed_elements
from mu.data.build import build, build_data
from mu.errors import UsageError

ID = re.compile(r"-?[0-9]{1,18}")  # fits 64 bits


class Selector(Protocol):
    """Chooses the elements of one request."""

    kind: str

    def select(self, data: Data, available: Ids, rng: np.random.Generator) -> Ids:
        """Ids among ``available``, the elements of ``kind`` not yet forgotten."""
        ...


@dataclass(frozen=True)
class Request:
    """Elements to forget: a kind (``samples``, ``edges``, ``nodes``, ``features``) and ids."""

    kind: str
    ids: Ids

    def digest(self) -> str:
        """Content digest of kind and ids."""
        return blake2b(self.kind.encode() + self.ids.tobytes(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class ForgetSplit:
    """What one request does to the data.

    Attributes:
        forget: Training samples of this request.
        before: Training samples of earlier requests.
        retain: Kept samples that are neither.
        kept: What an oracle trains on after the request.
    """

    forget: Ids
    before: Ids
    retain: Ids
    kept: Kept


def check(request: Request, data: Data, before: Mapping[str, Ids]) -> Request:
    """The request with sorted ids, or an error that names what is wrong with it.

    Raises:
        UsageError: Unknown kind, no ids, an id twice, out of range, or already forgotten.
    """
    allowed = data.elements(request.kind)
    ids = np.sort(np.asarray(request.ids, dtype=np.int64))
    if len(ids) == 0:
        raise UsageError(f"the request names no {request.kind}; there is nothing to forget")
    twice = ids[:-1][ids[1:] == ids[:-1]]
    if len(twice):
        raise UsageError(f"id {twice[0]} is named twice in the request")
    foreign = np.setdiff1d(ids, allowed)
    if len(foreign):
        raise UsageError(
            f"id {foreign[0]} is not one of the {len(allowed)} trained {request.kind} "
            f"(ids {allowed[0]} to {allowed[-1]})"
        )
    gone = np.intersect1d(ids, before.get(request.kind, np.empty(0, np.int64)))
    if len(gone):
        raise UsageError(f"id {gone[0]} ({request.kind}) was forgotten by an earlier request")
    if len(ids) == len(allowed):
        raise UsageError(f"the request names all {len(ids)} {request.kind}; nothing would be left")
    return Request(request.kind, ids)


def split(data: Data, request: Request, before: Mapping[str, Ids]) -> ForgetSplit:
    """Parts of the training samples after ``request``, given what was removed before.

    Raises:
        UsageError: No trained sample stands for what is forgotten, or none is left to retain.
    """
    removed = dict(before)
    removed[request.kind] = np.union1d(before.get(request.kind, np.empty(0, np.int64)), request.ids)
    earlier = [data.affected(kind, ids) for kind, ids in before.items()]
    gone = np.unique(np.concatenate([np.empty(0, np.int64), *earlier])).astype(np.int64)
    previous, kept = data.without(before), data.without(removed)
    forget = np.intersect1d(data.affected(request.kind, request.ids), previous.ids)
    if len(forget) == 0:
        raise UsageError(f"no trained sample stands for these {request.kind}; nothing is forgotten")
    retain = np.setdiff1d(kept.ids, np.union1d(forget, gone))
    if len(retain) == 0:
        raise UsageError("the request leaves no sample to retain")
    return ForgetSplit(forget, np.setdiff1d(gone, forget), retain, kept)


def write_ids(path: Path, request: Request, fingerprint: str) -> None:
    """Text file of one id a line under a head with kind and data fingerprint."""
    lines = [f"# kind: {request.kind}", f"# data: {fingerprint}", *map(str, request.ids.tolist())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_ids(path: Path, fingerprint: str | None = None) -> Request:
    """Read what `write_ids` wrote; the head may be missing (kind ``samples``, data unchecked).

    Raises:
        UsageError: No such file, a line that is no id, or another data set's fingerprint.
    """
    if not path.is_file():
        raise UsageError(f"there is no file of ids {path}")
    kind, ids = "samples", []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as text: {error}") from error
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith("# kind:"):
            kind = text.partition(":")[2].strip()
        elif text.startswith("# data:"):
            written_for = text.partition(":")[2].strip()
            if fingerprint is not None and written_for != fingerprint:
                raise UsageError(f"{path} was written for other data (fingerprint {written_for})")
        elif text and not text.startswith("#"):
            if not ID.fullmatch(text):
                raise UsageError(f"{path}, line {number}: {text!r} is not an id")
            ids.append(int(text))
    return Request(kind, np.asarray(ids, np.int64))


def select(selector: Selector, data: Data, before: Mapping[str, Ids], seed: int) -> Request:
    """Run a selector on what is not yet forgotten and check what it returns."""
    available = np.setdiff1d(
        data.elements(selector.kind), before.get(selector.kind, np.empty(0, np.int64))
    )
    ids = selector.select(data, available, np.random.default_rng([seed & 0xFFFFFFFF, 3]))
    return check(Request(selector.kind, ids), data, before)


def step(config: dict[str, Any], inputs: dict[str, Any], progress: object) -> Artifact:
    """Step ``select``: one request, with the parts of the data after it."""
    data, selector = build_data(config["data"]), build(config["request"])
    before = removed_elements(inputs["removed"])
    request = select(selector, data, before, config["seed"])
    parts = split(data, request, before)
    facts = {
        "kind": request.kind,
        "forget_digest": request.digest(),
        "kept": parts.kept.digest(),
        "view": parts.kept.view.digest(),
        "n_elements": len(request.ids),
        "n_forget": len(parts.forget),
        "n_retain": len(parts.retain),
    }
    arrays = {
        "elements": request.ids,
        "forget": parts.forget,
        "before": parts.before,
        "retain": parts.retain,
    }
    return Artifact(facts, arrays)
