"""What tuning leaves: a record of all trials, and the best options in the methods' YAML."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from mu.configuration.choices import choices, read_yaml
from mu.errors import UsageError
from mu.tuning.study import Search

PLACE = ("data", "model", "request")


def record_of(searches: Sequence[Search], about: dict[str, Any]) -> dict[str, Any]:
    """JSON of all trials of all searches."""
    return about | {
        "searches": [
            {
                "method": search.method,
                **search.place,
                "space": dict(search.space),
                "best": search.best.options if search.tried else None,
                "trials": [vars(one) for one in search.tried],
                "refused": search.refused,
            }
            for search in searches
        ]
    }


def check_writable(methods: Sequence[str]) -> None:
    """Refuse to begin where the best options could not be written.

    Raises:
        UsageError: A method's YAML is in a folder of an installed package, or is read-only.
    """
    for method in methods:
        path = choices("method")[method]
        if not os.access(path, os.W_OK) or "site-packages" in path.parts:
            raise UsageError(
                f"{path} is not to be written; copy it to a folder of yours that MU_CONFIGS names "
                f"(FOLDER/method/{method}.yaml), or say write=false"
            )


def write_best(search: Search, about: dict[str, Any]) -> Path:
    """Write the best options into the method's YAML, in place of earlier ones for the same place.

    Everything outside the section ``tuned`` stays as it is, comments too.

    Args:
        search: With at least one trial.
        about: Written beside the options.

    Returns:
        The file.
    """
    path = choices("method")[search.method]
    earlier = read_yaml(path).get("tuned") or []
    place = search.place
    kept = [one for one in earlier if {k: one.get(k) for k in PLACE} != place]
    best = search.best
    entry = place | {"options": best.options, "gap": round(best.objective, 4)}
    entry |= {"default_gap": round(search.tried[0].objective, 4), "trials": len(search.tried)}
    entries = sorted([*kept, entry | about], key=lambda one: [str(one[k]) for k in PLACE])
    path.write_text(with_section(path.read_text(encoding="utf-8"), entries), encoding="utf-8")
    return path


def with_section(text: str, entries: list[dict[str, Any]]) -> str:
    r"""The text of a method's YAML with another section ``tuned``, at its end.

    Example:
        >>> print(with_section("lr: 0.1  # rate\ntuned:\n- {data: a}\n", [{"data": "b"}]))
        lr: 0.1  # rate
        tuned:
        - {data: b}
        <BLANKLINE>
    """
    lines, inside = [], False
    for line in text.splitlines():
        if line and not line[0].isspace() and not line.startswith("-"):
            inside = line.startswith("tuned:")
        if not inside:
            lines.append(line)
    rows = [
        "- " + yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, width=10_000).strip()
        for entry in entries
    ]
    return "\n".join([*lines, "tuned:", *rows]) + "\n"
