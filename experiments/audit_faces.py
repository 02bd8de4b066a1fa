"""Audits of a customer of the ORL faces: files as an engineer would have them, then ``mu audit``.

Usage: python experiments/audit_faces.py [OUT]

Trains an original, three oracles and one more retrained model for each of two requests (one person;
one image in ten), unlearns by SSD and by fine-tuning, writes weights and ids below OUT
(results/audit_faces), and audits each of the models: a minute on one core. The original must be
found in both. MU_DATA_ROOT holds ``att_faces``.
"""

import sys
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

import mu
from mu.__main__ import main as command_line
from mu.configuration.compose import composed
from mu.data.base import Data
from mu.data.build import build_data
from mu.data.facts import resolved
from mu.forget_sets.by_class import ClassSet
from mu.forget_sets.files import Request, write_ids
from mu.forget_sets.random import RandomSet
from mu.forget_sets.request import selection
from mu.forget_sets.select import select
from mu.models.base import Learner, build_learner
from mu.models.weights import load_weights
from mu.training.fit import step

REQUESTS = {"person": (ClassSet(label=5), False), "random": (RandomSet(share=0.1), True)}
METHODS = ("ssd", "finetune")
ORACLES = 3


def trained(config: dict[str, Any], data: Data, seed: int, request: Request | None) -> Learner:
    """A model of a seed, without what a request takes away."""
    removed = [] if request is None else [selection(data, request, {})]
    given = {**config, "seed": seed, "device": "cpu"}
    learner = build_learner(config["model"])
    load_weights(learner, step(given, {"removed": removed}, None).tensors, "just trained")
    return learner.eval()


def write(learner: Any, path: Path) -> None:
    """The weights as safetensors."""
    save_file({n: t.contiguous() for n, t in learner.state_dict().items()}, path)


def main(out: Path) -> None:
    """Train, unlearn, write, audit."""
    config = composed({"data": "orl_faces", "model": "small_cnn", "recipe": "faces_small"})
    config["data"]["image_size"] = 32
    data = build_data(config["data"])
    config["model"] = resolved(config["model"], data.model_facts)
    original = trained(config, data, 0, None)
    for name, (selector, drawn) in REQUESTS.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        request = select(selector, data, {}, 0)
        write_ids(folder / "ids.txt", request, data.fingerprint())
        write(original, folder / "original.safetensors")
        for k in range(ORACLES):
            oracle = trained(config, data, 10_001 + k, request)
            write(oracle, folder / f"oracle_{k}.safetensors")
        write(trained(config, data, 10_000, request), folder / "retrained.safetensors")
        for method in METHODS:
            new = mu.unlearn(original, method, data=data, request=request)
            write(new, folder / f"{method}.safetensors")
        for model in (*METHODS, "original", "retrained"):
            print(f"\n=== {name}: {model}")
            audited(folder, model, drawn)


def audited(folder: Path, model: str, drawn: bool) -> None:
    """One audit, on files."""
    words = ["data=orl_faces", "data.image_size=32", "model=small_cnn"]
    words += [f"net={folder / model}.safetensors", f"original={folder / 'original'}.safetensors"]
    words += [f"oracles={folder}/oracle_*.safetensors", f"forget={folder / 'ids.txt'}"]
    words += ["drawn=true"] if drawn else []
    code = command_line(["audit", *words, f"out={folder / model}"])
    assert code == 0, f"exit code {code}"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("results/audit_faces"))
