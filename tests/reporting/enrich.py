"""Adds to synthetic cards what newer runs record: details, trajectories, galleries, seeds."""

import base64
import io
from typing import Any

import numpy as np

SAMPLES = 12
TEN = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
# How much of what a model knew of the forgotten is left, by method.
LEFT = {"original": 1.0, "oracle": 0.0, "finetune": 0.6, "ssd": 0.05, "gradient_ascent": 0.0}
TRAINS = ("finetune", "gradient_ascent")
POINTS = 9

Card = dict[str, Any]


def enrich(results: Card, classes: int = 10, whole: bool = True, shift: bool = True) -> Card:
    """The same results with every new key on every card that has a result.

    Args:
        results: A synthetic experiment.
        classes: Number of classes of its data.
        whole: Whether requests forget whole classes.
        shift: Whether each pair forgets another class.
    """
    names = TEN if classes == 10 else [f"thing {c}" for c in range(classes)]
    results["classes"] = {card["data"]: names for card in results["cards"]}
    for card in results["cards"]:
        if card["error"]:
            continue
        pair = card["pair"]
        gone = (3 + (pair if shift else 0)) % classes if whole else None
        rng = np.random.default_rng([pair, len(card["method"])])
        left = LEFT.get(card["method"], 0.3)
        card["details"] = _details(classes, gone, left, rng, pair)
        card["seeds"] = {"train": pair, "unlearn": pair + 100, "select": 7, "oracles": [40, 41, 42]}
        card.update(fingerprint="ab12cd", commit="1234abc", dirty=False, oracle_recipe="same")
        card["trajectory"] = _trajectory(card["method"], rng)
        if card["method"] == "original" and pair == 0:
            card["gallery"] = _gallery(card["details"]["samples"])
    return results


def _details(classes: int, gone: int | None, left: float, rng: Any, pair: int) -> Card:
    labels = list(range(classes))
    test = np.clip(0.9 + 0.05 * rng.normal(size=classes) - 0.1 * (left == 0), 0, 1)
    spread = rng.dirichlet(np.full(classes, 0.3))
    if gone is None:
        forget = rng.dirichlet(np.full(classes, 50.0))
    else:
        test[gone] = left * 0.9
        forget = (1 - left) * spread
        forget[gone] = left
        forget /= forget.sum()
    matrix = np.diag(test) + (1 - test)[:, None] / max(classes - 1, 1) * (1 - np.eye(classes))
    base = np.random.default_rng(pair)
    true = base.integers(0, classes, SAMPLES) if gone is None else np.full(SAMPLES, gone)
    right = rng.random(SAMPLES) < (left if gone is not None else 0.7)
    predicted = np.where(right, true, (true + 1 + rng.integers(0, classes - 1, SAMPLES)) % classes)
    confidence = 0.4 + 0.6 * rng.random(SAMPLES)
    return {
        "per_class": {"labels": labels, "test": test.tolist(), "n": [100] * classes},
        "destinations": {
            "labels": labels,
            "forget": forget.tolist(),
            "test": None if gone is None else (0.9 * forget + 0.1 / classes).tolist(),
        },
        "roc": _roc(left, pair),
        "matrix": {"labels": labels, "test": matrix.tolist()} if classes <= 20 else None,
        "samples": {
            "ids": list(range(100, 100 + SAMPLES)),
            "labels": true.tolist(),
            "predicted": predicted.tolist(),
            "confidence": confidence.tolist(),
            "label_confidence": np.where(right, confidence, 0.2 * confidence).tolist(),
        },
    }


def _roc(left: float, pair: int) -> Card:
    """An attack that is better the more is left; pairs have 100, 110, 120 unseen samples."""
    fpr = np.geomspace(1 / (100 + 10 * pair), 1.0, 30)
    return {"fpr": fpr.round(4).tolist(), "tpr": (fpr ** (1 - left / 2)).round(4).tolist()}


def _trajectory(method: str, rng: Any) -> Card:
    if method not in TRAINS:
        return {}
    epoch = np.linspace(0, 2, POINTS)
    noise = 0.01 * rng.normal(size=(3, POINTS))
    falls = 1 / (1 + np.exp(4 * (epoch - 1))) if method == "gradient_ascent" else 1 - 0.2 * epoch
    return {
        "step": list(range(0, 4 * POINTS, 4)),
        "epoch": epoch.tolist(),
        "forget_accuracy": np.clip(falls + noise[0], 0, 1).tolist(),
        "retain_accuracy": np.clip(0.98 - 0.05 * epoch + noise[1], 0, 1).tolist(),
        "validation_accuracy": np.clip(0.9 - 0.05 * epoch + noise[2], 0, 1).tolist(),
        "forget_loss": np.exp(2 * epoch * (method == "gradient_ascent") - 1).tolist(),
        "retain_loss": (0.1 + 0.2 * epoch).tolist(),
        "validation_loss": (0.3 + 0.2 * epoch).tolist(),
    }


def _gallery(samples: Card) -> Card:
    labels, ids = samples["labels"], samples["ids"]
    return {"ids": ids, "png": [png(i) for i in ids], "labels": labels}


def png(seed: int, size: int = 32) -> str:
    """A small picture in base64."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
    sink = io.BytesIO()
    Image.fromarray(np.kron(blocks, np.ones((size // 8, size // 8, 1), np.uint8))).save(sink, "PNG")
    return base64.b64encode(sink.getvalue()).decode()
