"""Step ``gallery``: pictures of a few forgotten samples, small enough to stand on a card."""

import base64
import io
from typing import Any

from mu.artifact import Artifact
from mu.data.build import build_data
from mu.evaluation.details.detail import sample_ids


def step(config: dict[str, Any], inputs: dict[str, Any], progress: object) -> Artifact:
    """PNG pictures of the samples that the report shows; none where the data have no pictures."""
    data = build_data(config["data"])
    ids = sample_ids(inputs["selection"].arrays["forget"])
    pictures = data.thumbnails(ids)
    if pictures is None:
        return Artifact({"gallery": {}})
    found = {
        "ids": ids.tolist(),
        "labels": data.targets(ids).tolist(),
        "png": [png(picture) for picture in pictures],
    }
    return Artifact({"gallery": found})


def png(picture: Any) -> str:
    """An (H, W, 1 or 3) uint8 picture as PNG in base64."""
    from PIL import Image

    sink = io.BytesIO()
    Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture).save(sink, "PNG")
    return base64.b64encode(sink.getvalue()).decode("ascii")
