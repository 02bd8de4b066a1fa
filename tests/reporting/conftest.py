"""A synthetic but realistic experiment: images, a graph and a sequence of two requests."""

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

T_HALF = 4.303 / math.sqrt(3)
PAIRS = 3


def _score(
    title: str,
    kind: str,
    headline: bool = False,
    margin: float | None = None,
    *reads: str,
    family: str = "",
    public: str = "",
    complement: bool = False,
) -> dict:
    facts = {"title": title, "kind": kind, "headline": headline, "margin": margin, "better": None}
    facts |= {"family": family or kind, "public": public, "reads": list(reads)}
    return facts | {"complement": complement}


COSTS = {
    "cost/passes": _score("passes", "cost"),
    "cost/seconds_setup": _score("seconds, set-up", "cost"),
    "cost/seconds_request": _score("seconds, request", "cost"),
}
IMAGES = {
    "ua": _score(
        *("UA", "forgetting", True, 0.05, "forget"), public="forget/accuracy", complement=True
    ),
    "ra": _score("RA", "utility", True, 0.02, "retain", public="retain/accuracy"),
    "ta": _score("TA", "utility", True, 0.02, "test"),
    "mia": _score("MIA", "forgetting", True, 0.05, family="attack"),
    "before": _score("acc. before", "forgetting", False, None, "before"),
    "loss_auc": _score("loss AUC", "forgetting", family="attack"),
    "kl_forget": _score("KL D_f", "forgetting", family="distance"),
    "kl_test": _score("KL D_t", "utility", family="distance"),
    "agreement_test": _score("agree D_t", "utility", family="distance"),
}
LINKS = {
    "d_t_auc": _score("D_t AUC", "utility", True, 0.02),
    "d_f_auc": _score("D_f AUC", "forgetting", True, 0.02),
    "mi_ratio": _score("MI ratio", "forgetting", True, family="attack"),
    "d_t_ap": _score("D_t AP", "utility"),
    "kl_forget": _score("KL D_f", "forgetting", family="distance"),
}
PANEL = {"images": {"scores": IMAGES | COSTS}, "links": {"scores": LINKS | COSTS}}

# The expected values of each method, in the order of the panel; the last is the cost in passes.
CLASS = {
    "original": (0.0, 1.0, 0.968, 0.02, None, 0.61, 4.2, 0.04, 0.97, None),
    "random_weights": (0.91, 0.1, 0.1, 0.88, None, 0.5, 2.3, 2.2, 0.1, 0.0),
    "oracle": (1.0, 1.0, 0.967, 0.995, None, 0.98, 0.09, 0.04, 0.975, 1.0),
    "finetune": (0.22, 1.0, 0.965, 0.31, None, 0.77, 1.9, 0.05, 0.97, 0.08),
    "gradient_ascent": (0.97, 0.81, 0.78, 0.93, None, 0.99, 0.8, 0.6, 0.79, 0.004),
    "ssd": (0.98, 0.985, 0.95, 0.96, None, 0.97, 0.31, 0.07, 0.955, 0.03),
}
RANDOM = {
    "original": (0.0, 1.0, 0.968, 0.03, None, 0.55, 0.2, 0.04, 0.97, None),
    "random_weights": (0.9, 0.1, 0.1, 0.88, None, 0.5, 2.3, 2.2, 0.1, 0.0),
    "oracle": (0.05, 1.0, 0.962, 0.11, None, 0.51, 0.09, 0.04, 0.965, 1.0),
    "finetune": (0.01, 1.0, 0.965, 0.05, None, 0.53, 0.12, 0.05, 0.97, 0.08),
    "gradient_ascent": (0.2, 0.88, 0.85, 0.34, None, 0.6, 0.5, 0.3, 0.86, 0.004),
    "ssd": (0.0, 1.0, 0.968, 0.03, None, 0.55, 0.2, 0.04, 0.97, 0.03),
}
EDGES = {
    "original": (0.93, 0.5, 0.9, 0.94, 0.3, None),
    "random_weights": (0.55, 0.5, 1.0, 0.56, 0.9, 0.0),
    "oracle": (0.92, 0.63, 1.42, 0.93, 0.05, 1.0),
    "finetune": (0.921, 0.63, 1.42, 0.935, 0.08, 0.1),
    "gradient_ascent": (0.7, 0.81, 2.3, 0.72, 0.7, 0.02),
    "ssd": (0.9, 0.64, 1.39, 0.91, 0.1, 0.05),
    "utu": (0.921, 0.62, 1.41, 0.931, 0.07, 0.0),
}
SETTINGS: list[dict[str, Any]] = [
    {"block": 0, "request": "class_3", "means": CLASS, "n_forget": 109},
    {"block": 0, "request": "random_20", "means": RANDOM, "n_forget": 215},
    {"block": 1, "request": "edges", "means": EDGES, "n_forget": 430},
    {"block": 2, "request": "classes_3_8", "means": CLASS, "n_forget": 109, "steps": 2},
    {"block": 2, "request": "classes_3_8", "means": CLASS, "n_forget": 104, "steps": 2, "step": 1},
]
NOISE = 0.003
UNIT = ("ua", "ra", "ta", "mia", "before", "loss_auc", "agreement_test")


def _card(setting: dict[str, Any], method: str, pair: int, rng: np.random.Generator) -> dict:
    graph = setting["block"] == 1
    scores = LINKS if graph else IMAGES
    step = setting.get("step", 0)
    means = [m if m is None else m + NOISE * float(rng.normal()) for m in setting["means"][method]]
    if step and not graph:
        means[4] = 0.02 + 0.3 * (method == "finetune") + NOISE * float(rng.normal())
    values: dict[str, float] = {
        name: math.nan if mean is None else min(mean, 1.0 if name in UNIT else 9.0)
        for name, mean in zip(scores, means[:-1], strict=True)
    }
    cost = setting["means"][method][-1]
    values["cost/passes"] = math.nan if cost is None else cost
    values["cost/seconds_setup"] = 0.1 * abs(rng.normal())
    values["cost/seconds_request"] = 0.2 + 0.1 * abs(rng.normal())
    target = setting["means"]["oracle"]
    oracle = {
        name: [] if mean is None else _clip(mean + NOISE * rng.normal(size=3))
        for name, mean in zip(scores, target[:-1], strict=True)
    }
    return {
        "schema": 1,
        "block": setting["block"],
        "panel": "links" if graph else "images",
        "data": "cora" if graph else "digits",
        "title_data": "Cora" if graph else "scikit-learn digits",
        "model": "gcn_links" if graph else "small_cnn",
        "recipe": "links" if graph else "digits",
        "request": setting["request"],
        "step": step,
        "steps": setting.get("steps", 1),
        "request_kind": "edges" if graph else "samples",
        "n_forget": setting["n_forget"],
        "n_retain": (4488 if graph else 1078) - setting["n_forget"],
        "method": method,
        "seed": pair,
        "pair": pair,
        "defaults": method not in ("original", "random_weights", "oracle"),
        "values": values,
        "oracle": oracle,
        "facts": {},
        "warnings": [],
        "error": None,
        "forget_digest": "0a1b",
        "versions": {"python": "3.11.7", "numpy": "2.4.6", "torch": "2.9.1"},
        "device": "cpu",
        "command": f"mu run experiment=quickstart requests={setting['request']} "
        f"methods={method} seeds={pair}",
    }


def _clip(values: np.ndarray) -> list[float]:
    return np.minimum(values, 1.0).tolist() if values.mean() < 1.1 else values.tolist()


def make_cards(settings: Iterable[dict[str, Any]]) -> list[dict]:
    """Every cell of the experiment, some of them failed and one method with a warning."""
    rng = np.random.default_rng(0)
    cards = [
        _card(setting, method, pair, rng)
        for setting in settings
        for method in setting["means"]
        for pair in range(PAIRS)
    ]
    for card in cards:
        where = (card["request"], card["method"])
        if where == ("edges", "gradient_ascent"):
            card.update(
                error="StepFailed: the loss became nan in epoch 3 of 5; lower lr", values={}
            )
        if where == ("random_20", "gradient_ascent") and card["pair"] == 2:
            card.update(error="a worker died", values={})
        if where == ("random_20", "ssd"):
            card["warnings"] = ["nothing was selected at alpha = 10: the model did not change"]
    return cards


def _interval(values: list[float]) -> tuple[float, float, float]:
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, math.nan, math.nan
    half = T_HALF * float(np.std(values, ddof=1))
    return mean, mean - half, mean + half


def _verdict(method: str, metric: str, gap: tuple[float, float, float]) -> str:
    if method == "oracle" or metric.startswith("cost/"):
        return ""
    if metric == "mi_ratio":
        return "no power"
    if gap[1] <= 0 <= gap[2]:
        return "like the oracle" if max(-gap[1], gap[2]) < 0.02 else "inconclusive"
    return "differs"


def make_rows(cards: Iterable[dict]) -> list[dict]:
    """The aggregate rows of the cards, in the columns of ``results.csv`` and their block."""
    groups: dict[tuple, list[dict]] = {}
    for card in cards:
        if not card["error"]:
            key = (card["block"], card["request"], card["step"], card["method"])
            groups.setdefault(key, []).append(card)
    rows = []
    for (block, request, step, method), group in groups.items():
        for metric in group[0]["values"]:
            values = [c["values"][metric] for c in group if not math.isnan(c["values"][metric])]
            mean, low, high = _interval(values) if values else (math.nan,) * 3
            targets = [c["oracle"].get(metric) for c in group]
            gaps = [v - float(np.mean(t)) for v, t in zip(values, targets, strict=False) if t]
            gap = _interval(gaps) if gaps and method != "oracle" else (math.nan,) * 3
            rows.append(
                {
                    "block": block,
                    "request": request,
                    "step": step,
                    "data": group[0]["data"],
                    "model": group[0]["model"],
                    "method": method,
                    "metric": metric,
                    "mean": mean,
                    "low": low,
                    "high": high,
                    "n": len(values),
                    "oracle": float(np.mean(targets[0])) if targets[0] else math.nan,
                    "gap": gap[0],
                    "gap_low": gap[1],
                    "gap_high": gap[2],
                    "verdict": _verdict(method, metric, gap) if gaps else "",
                }
            )
    return rows


def make_verdicts(rows: Iterable[dict]) -> list[dict]:
    """One verdict per request, step and method: the worst of its headline scores."""
    order = ["differs", "inconclusive", "like the oracle", "no power"]
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        if row["verdict"] and (IMAGES | LINKS).get(row["metric"], {}).get("headline"):
            key = (row["block"], row["request"], row["step"], row["method"])
            groups.setdefault(key, []).append(row)
    verdicts = []
    for (block, request, step, method), group in groups.items():
        word = min((row["verdict"] for row in group), key=order.index)
        on = [row["metric"] for row in group if row["verdict"] == word]
        first = next(row for row in group if row["metric"] == on[0])
        verdicts.append(
            {
                "block": block,
                "request": request,
                "step": step,
                "data": first["data"],
                "model": first["model"],
                "method": method,
                "verdict": word,
                "reason": f"{', '.join(on)}: gap {first['gap']:+.3f} "
                f"[{first['gap_low']:+.3f}, {first['gap_high']:+.3f}]",
                "on": on,
            }
        )
    return verdicts


def make_results(settings: Iterable[dict[str, Any]] = tuple(SETTINGS)) -> dict[str, Any]:
    """What ``results.json`` holds for the whole experiment."""
    cards = make_cards(settings)
    rows = make_rows(cards)
    return {
        "schema": 1,
        "experiment": "quickstart",
        "title": "Digits and Cora: four methods against retraining",
        "description": "A class, a random fifth, a tenth of the edges, and two classes in a row.",
        "command": "mu run experiment=quickstart",
        "panel": deepcopy(PANEL),
        "cards": cards,
        "rows": rows,
        "verdicts": make_verdicts(rows),
    }


@pytest.fixture
def results() -> dict[str, Any]:
    """A fresh copy of the synthetic experiment."""
    return make_results()


@pytest.fixture
def long_sequence() -> dict[str, Any]:
    """A sequence of forty requests."""
    common = {"block": 2, "request": "forty", "means": CLASS, "n_forget": 10, "steps": 40}
    return make_results([{**common, "step": step} for step in range(40)])


@pytest.fixture
def rename() -> Callable[[dict[str, Any], str, str], dict[str, Any]]:
    """A function that calls one method otherwise."""

    def apply(results: dict[str, Any], old: str, new: str) -> dict[str, Any]:
        for part in ("cards", "rows", "verdicts"):
            for record in results[part]:
                if record["method"] == old:
                    record["method"] = new
        return results

    return apply
