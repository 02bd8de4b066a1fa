"""Step ``describe``: what the pipeline has to know of a data set before anything is trained."""

from typing import Any

from mu.artifact import Artifact, digest
from mu.data.base import View
from mu.data.build import build_data


def step(config: dict[str, Any], inputs: dict[str, Any], progress: object) -> Artifact:
    """Fingerprint, sizes, kinds of request, names, facts for the model, and ids of each part."""
    data = build_data(config["data"])
    facts = {
        "fingerprint": data.fingerprint(),
        "kinds": sorted(data.kinds),
        "sizes": data.sizes,
        "model_facts": data.model_facts,
        "kept": data.without({}).digest(),
        "view": View().digest(),
        "n_train": len(data.parts["train"]),
        "n_validation": len(data.parts["validation"]),
        "names": digest(
            [*(data.file_names or []), "", *([] if data.groups is None else data.groups)]
        ),
        "class_names": data.class_names,
        "levels": sorted(data.levels),
        "normalisation": data.normalised,
    }
    arrays = {f"part/{name}": ids for name, ids in data.parts.items()}
    if (pairs := data.pairs_of_ids()) is not None:
        arrays["pairs"] = pairs
    return Artifact(facts, arrays)
