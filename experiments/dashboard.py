"""W&B views of a study, by method, by seed and by cost, made from its cards.

Usage: python experiments/dashboard.py DIR [--publish --entity NAME] [--project NAME]

Writes DIR/views.json and DIR/views.md, from which the panels can also be made by hand. With
``--publish`` the same views are saved to W&B, which needs an account and wandb-workspaces.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from mu.errors import MuError, UsageError
from mu.results.results import Results, read_results
from mu.tracking.rows import AXIS, points_of, summary

COSTS = ("cost/passes", "cost/speedup", "cost/seconds")
METHODS = ["unlearn", "original", "oracle", "null", "evaluate"]  # job types, the report left out


def views(results: Results) -> list[dict[str, Any]]:
    """Every view: its name, what runs it groups and filters by, and its sections of panels."""
    logged = {key for card in results.cards for key in summary(card, results.scores(card))}
    drawn = {key for card in results.cards for point in points_of(card) for key in point}
    scores = headline(results, logged)
    gaps = [f"gap/{key}" for key in scores if f"gap/{key}" in logged]
    costs = [key for key in COSTS if key in logged]
    return [
        view("By method", ["method"], {
            "Scores beside the oracle": [bars(key, f"oracle/{key}") for key in scores],
            "Gaps to the oracle": [bars(key) for key in gaps],
            "Trajectories": lines(drawn, AXIS),
        }),
        view("By seed", ["seed", "method"], {
            "Scores": [bars(key) for key in scores],
            "Gaps to the oracle": [bars(key) for key in gaps],
        }),
        view("By cost", ["method"], {
            "Cost": [bars(key) for key in costs],
            "Gap against passes": [scatter("cost/passes", key) for key in gaps],
        }),
    ]  # fmt: skip


def headline(results: Results, logged: set[str]) -> list[str]:
    """Public names of the headline scores of all panels that have a value."""
    panels = [panel["scores"] for panel in results.panels.values()]
    names = [f["public"] for scores in panels for f in scores.values() if f["headline"]]
    return [name for name in dict.fromkeys(names) if name in logged]


def view(name: str, group: list[str], sections: dict[str, list[Any]]) -> dict[str, Any]:
    """One view; sections without panels are left out."""
    return {
        "name": name,
        "group_by_config": group,
        "job_types": METHODS,
        "sections": [{"name": k, "panels": panels} for k, panels in sections.items() if panels],
    }


def bars(*metrics: str) -> dict[str, Any]:
    """A bar per group of runs, of one score or of several side by side."""
    return {"kind": "BarPlot", "title": metrics[0], "metrics": list(metrics)}


def scatter(x: str, y: str) -> dict[str, Any]:
    """A point per run."""
    return {"kind": "ScatterPlot", "title": f"{y} against {x}", "x": x, "y": y}


def lines(drawn: set[str], axis: str) -> list[dict[str, Any]]:
    """A panel per curve that some run has over this axis."""
    family = axis.split("/")[0]
    names = sorted(key for key in drawn if key.startswith(f"{family}/") and key != axis)
    return [{"kind": "LinePlot", "title": key, "x": axis, "y": [key]} for key in names]


def as_markdown(found: list[dict[str, Any]], project: str) -> str:
    """The views as a list to click together by hand."""
    text = [f"# Views of {project}", ""]
    for one in found:
        text += [f"## {one['name']}", ""]
        text += [f"Group runs by config `{'`, `'.join(one['group_by_config'])}`; filter the job "
                 f"type to {', '.join(one['job_types'])}.", ""]  # fmt: skip
        for section in one["sections"]:
            text += [f"### {section['name']}", "", "| panel | x | metrics |", "| --- | --- | --- |"]
            for panel in section["panels"]:
                y = panel.get("metrics") or panel["y"]
                shown = ", ".join(f"`{key}`" for key in ([y] if isinstance(y, str) else y))
                text.append(f"| {panel['kind']} | {panel.get('x', '')} | {shown} |")
            text.append("")
    return "\n".join(text)


def publish(found: list[dict[str, Any]], entity: str, project: str) -> None:
    """Save every view to W&B.

    Raises:
        UsageError: wandb-workspaces is not installed.
    """
    try:
        import wandb_workspaces.reports.v2 as wr
        import wandb_workspaces.workspaces as ws
    except ImportError as error:
        raise UsageError(
            "--publish needs wandb-workspaces: pip install wandb-workspaces"
        ) from error
    for one in found:
        ws.Workspace(
            entity=entity,
            project=project,
            name=one["name"],
            sections=[
                ws.Section(
                    name=section["name"],
                    is_open=True,
                    panels=[
                        getattr(wr, panel["kind"])(**{k: panel[k] for k in panel if k != "kind"})
                        for panel in section["panels"]
                    ],
                )
                for section in one["sections"]
            ],
            runset_settings=ws.RunsetSettings(
                filters=[ws.Metric("JobType").isin(one["job_types"])],
                groupby=[ws.Config(key) for key in one["group_by_config"]],
            ),
        ).save()


def main(words: list[str]) -> int:
    """Write the views of a folder of results; the exit code."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--publish", action="store_true")
    parser.add_argument("--entity")
    parser.add_argument("--project", help="default: the name of the experiment")
    given = parser.parse_args(words)
    try:
        results = read_results(given.folder)
        project = given.project or results.experiment
        found = views(results)
        if given.publish:
            if not given.entity:
                raise UsageError("--publish needs --entity, the W&B user or team")
            publish(found, given.entity, project)
    except MuError as error:
        print(error, file=sys.stderr)
        return 2
    (given.folder / "views.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (given.folder / "views.md").write_text(as_markdown(found, project), encoding="utf-8")
    print(f"{len(found)} views: {given.folder / 'views.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
