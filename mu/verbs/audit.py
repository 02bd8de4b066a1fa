"""``mu audit``: what can be said of one model, from files."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mu.configuration.choices import choices, unknown
from mu.configuration.compose import composed, interpolated, merged, with_written_trunk
from mu.configuration.oracle_files import NUMBER, numbered
from mu.configuration.requests import request_of
from mu.configuration.settings import Settings
from mu.configuration.words import count_of, parse_words
from mu.data.facts import resolved, trained_elsewhere, uncut
from mu.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

    from mu.auditing.record import Audit
    from mu.data.base import Data
    from mu.forget_sets.files import Request

NEEDED = ("data", "model", "net", "forget")
OPTIONAL = ("original", "oracles", "before", "drawn", "seed", "device", "evaluation", "out")
NAMING = {"class": False, "subclass": False, "random": True}  # which requests are drawn at random


@dataclass(frozen=True)
class Asked:
    """What the words ask for.

    Attributes:
        own: Words of the verb itself, by key.
        config: Of data and model, and of the panel where one is named.
        requests: Configurations of earlier requests, then of the one that is audited.
    """

    own: Mapping[str, str]
    config: Mapping[str, Any]
    requests: Sequence[Mapping[str, Any]]


def command(words: list[str]) -> int:
    """``mu audit``: print the verdict; write audit.html and audit.json.

    Raises:
        UsageError: A word is wrong, a file is missing or does not fit, or the data are a graph.
    """
    from mu.storing.whole_files import write_text
    from mu.verbs.folder import AUDIT, folder_for

    asked = asked_of(words)
    out = Path(asked.own.get("out") or Path("results") / "audit")
    line = "mu audit " + shlex.join(word for word in words if not word.startswith("out="))
    with folder_for(out, AUDIT):
        found = audited(asked, line)
        write_text(out / "audit.json", found.json())
        found.page(out / "audit.html")
    print(found)
    print(f"\npage: {out / 'audit.html'}")
    return 0


def asked_of(words: Sequence[str]) -> Asked:
    """Words read, and held against what there is to choose from.

    Raises:
        UsageError: One is wrong or missing.
    """
    own: dict[str, str] = {}
    others = []
    for word in words:
        key, equals, text = word.partition("=")
        if equals and key in (*NEEDED, *OPTIONAL):
            if key in own:
                raise UsageError(f"{key} is given twice")
            own[key] = text
        else:
            others.append(word)
    for key in NEEDED:
        if not own.get(key):
            raise UsageError(f"mu audit needs {key}=; see mu audit --help")
    groups: tuple[str, ...] = ("data", "model", "evaluation")
    names = {key: own[key] for key in groups if key in own}
    settings = Settings(parse_words(others))
    config = with_written_trunk(interpolated(settings.into(merged(names))))
    config["data"] = trained_elsewhere(config["data"])
    requests = [
        request_of(written_of(text), Settings({})) for text in between_commas(own.get("before"))
    ]
    requests.append(request_of(written_of(own["forget"]), settings))
    if "per_pair" in requests[-1]:
        raise UsageError("per_pair deals values out to pairs, and an audit has none")
    for key in settings.unused():
        known = [
            *NEEDED,
            *OPTIONAL,
            *(f"{group}.{name}" for group in names for name in config[group]),
        ]
        raise unknown("key", key, known)
    return Asked(own, config, requests)


def written_of(text: str) -> dict[str, Any]:
    """A request as an experiment would have it: a file of ids, or the name of a selector.

    Raises:
        UsageError: Neither.
    """
    if text in choices("request"):
        return {"request": text}
    if not Path(text).is_file():
        known = ", ".join(choices("request"))
        raise UsageError(f"forget={text} is no file of ids, and no request: there are {known}")
    return {"request": "ids", "path": text}


def between_commas(text: str | None) -> list[str]:
    """Words between commas; none for nothing."""
    return [word for word in (text or "").strip("[]").split(",") if word]


def files_named(text: str | None) -> list[Path]:
    """Files by names, by patterns with ``*``, or numbered by ``{k}`` as in ``mu run``, in order.

    Raises:
        UsageError: One names no file.
    """
    found: list[Path] = []
    for word in between_commas(text):
        names = numbered(word) if NUMBER in word else sorted(glob(word))
        paths = [Path(word)] if Path(word).is_file() else [Path(name) for name in names]
        missing = next((path for path in paths if not path.is_file()), None)
        if missing is not None or not paths:
            raise UsageError(f"there is no file {missing or word}")
        found += paths
    return found


def audited(asked: Asked, line: str) -> "Audit":
    """The audit that was asked for.

    Raises:
        UsageError: As `command`.
    """
    from mu.auditing.audit import audit
    from mu.data.build import build_data

    own, data = asked.own, build_data(asked.config["data"])
    if "samples" not in data.kinds:
        raise UsageError(
            f"{own['data']} is a graph, where the model before and after a request sees another "
            "graph: mu run NAME weights=FILE judges such a model"
        )
    *earlier, request = requests_of_data(asked, data)
    parts = after_requests(data, earlier, request)
    panel = asked.config.get("evaluation", {})
    size = int(panel.get("batch_size", 512))
    loaders = {name: data.loader(ids, batch_size=size) for name, ids in parts.items()}
    found = audit(
        network(asked, data, own["net"]),
        original=network(asked, data, own["original"]) if own.get("original") else None,
        oracles=[network(asked, data, str(path)) for path in files_named(own.get("oracles"))],
        forget=loaders["forget"],
        retain=loaders["retain"],
        test=loaders["test"],
        before=[data.loader(one.ids, batch_size=size) for one in earlier],
        drawn=drawn_of(own),
        drawn_before=[NAMING.get(word) for word in between_commas(own.get("before"))],
        panel=own.get("evaluation"),
        device=own.get("device") or "cpu",
        subject=subject_of(asked, request),
        repeat=line,
    )
    more = {"ids to forget": request.digest(), "data": data.fingerprint()}
    return replace(found, digests={**found.digests, **more})


def requests_of_data(asked: Asked, data: "Data") -> "list[Request]":
    """The requests, checked one after the other.

    Raises:
        UsageError: One names what is not there, or reads models.
    """
    from mu.data.build import build
    from mu.forget_sets.request import removed_with
    from mu.forget_sets.select import select
    from mu.forget_sets.wants import wants

    removed: dict[str, Any] = {}
    found = []
    for config in asked.requests:
        if wants(dict(config)):
            raise UsageError(
                "such a request is chosen by models; mu run writes its ids into forget_sets/, and "
                "forget= takes that file"
            )
        seed = count_of("seed", asked.own.get("seed") or 0)
        request = select(build(dict(config)), data, removed, seed)
        removed = removed_with(removed, request)
        found.append(request)
    return found


def after_requests(
    data: "Data", earlier: "Sequence[Request]", request: "Request"
) -> dict[str, Any]:
    """Ids of the parts after the last request."""
    from mu.forget_sets.request import removed_with, split

    removed: dict[str, Any] = {}
    for one in earlier:
        removed = removed_with(removed, one)
    parts = split(data, request, removed)
    return {"forget": parts.forget, "retain": parts.retain, "test": data.parts["test"]}


def network(asked: Asked, data: "Data", path: str) -> "nn.Module":
    """The model with the weights of a file.

    Raises:
        UsageError: There is no such file, or it does not fit the model.
    """
    from mu.models.base import build_learner
    from mu.models.weights import load_weights, read_weights

    weights = read_weights(Path(path))
    model = uncut(resolved(asked.config["model"], data.model_facts))  # an audit is on images
    learner = build_learner(model, download=False)
    load_weights(learner, weights, path, data.normalised)
    return learner.eval()


def drawn_of(own: Mapping[str, str]) -> bool | None:
    """Whether the forgotten samples were drawn at random; None where nobody says.

    Raises:
        UsageError: The word is neither true nor false.
    """
    given = own.get("drawn")
    if given is None:
        return NAMING.get(own["forget"])
    if given not in ("true", "false"):
        raise UsageError(f"drawn={given} is neither true nor false")
    return given == "true"


def subject_of(asked: Asked, request: "Request") -> str:
    """What was to be forgotten, in the words it was asked in."""
    title = composed({"data": asked.own["data"]})["data"].get("title") or asked.own["data"]
    named = {
        k: v for k, v in asked.requests[-1].items() if k in ("label", "share", "count", "level")
    }
    how = ", ".join(f"{key} {value}" for key, value in named.items() if value is not None)
    what = f"{Path(asked.own['forget']).name}{f' ({how})' if how else ''}"
    return f"{what}: {len(request.ids)} samples of {title}"
