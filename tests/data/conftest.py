"""Image files for the tests of folders."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """An empty data root."""
    monkeypatch.setenv("MU_DATA_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def picture(root):
    """Write a picture of one colour below the data root."""

    def write(name: str, colour: int = 100, size: tuple[int, int] = (12, 8)) -> Path:
        """``size``: width and height."""
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((size[1], size[0], 3), colour, np.uint8)).save(path)
        return path

    return write
