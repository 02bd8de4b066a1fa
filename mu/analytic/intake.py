"""What a ridge head is handed: options, features and labels, checked before anything is done."""

import numpy as np
import torch
from torch import Tensor

from mu.analytic.statistics import Intake, Matrix, onto_grid, step_of
from mu.errors import UsageError


def check_options(in_features: int, gamma: float, grid: int | None, limit: float | None) -> None:
    """Refuse a size, ridge or grid that makes no sense.

    Raises:
        UsageError: Naming it.
    """
    if in_features < 1:
        raise UsageError(f"in_features={in_features}: at least one is needed")
    if not (0 < gamma < np.inf):
        raise UsageError(f"gamma={gamma} must be a positive number")
    if grid is not None and not 2 <= grid <= 24:
        raise UsageError(f"grid={grid} must be 2 to 24 bits, or None for no grid")
    if limit is not None and not (0 < limit < np.inf):
        raise UsageError(f"limit={limit} must be a positive number")


def features_of(x: Tensor, width: int) -> Matrix:
    """Rows (n, width) in float64.

    Raises:
        UsageError: They have another width, or an entry that is no finite number.
    """
    if x.ndim != 2 or x.shape[1] != width:
        raise UsageError(f"features of shape {tuple(x.shape)}; the head takes (n, {width})")
    found = np.ascontiguousarray(x.detach().cpu().to(torch.float64).numpy())
    bad = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(bad):
        raise UsageError(f"row {bad[0]} has a feature that is not a finite number")
    return found


def intake_of(
    x: Tensor, y: Tensor, sign: float, width: int, grid: int | None, step: float | None
) -> Intake:
    """Rows with their labels, on the grid; its step is that of the rows where there is none yet.

    Raises:
        UsageError: Shapes do not match, or a label is no class id.
    """
    features = features_of(x, width)
    if y.ndim != 1 or len(y) != len(features):
        raise UsageError(f"{tuple(y.shape)} labels for {len(features)} rows")
    if y.is_floating_point() or y.is_complex():
        raise UsageError(f"labels are class ids, not {y.dtype}")
    labels = y.detach().cpu().to(torch.int64).numpy().copy()
    if len(labels) and labels.min() < 0:
        raise UsageError(f"label {labels.min()} is not a class id")
    if grid is None:
        return Intake(sign, features + 0.0, labels)
    step = step or step_of(features, grid, None)
    return Intake(sign, onto_grid(features, step), labels, step)
