"""A request to an analytic head ÷ textbook Woodbury, and ÷ solving anew of the rows that remain.

Textbook: U = R Xᵀ, R ← R + U (I − X U)⁻¹ Uᵀ with full matrices and a general inverse, W along with
it, at once (aim: ≤ 0.1 at k = 1, d = 2048). The head also hashes rows, keeps its sums, folds its
columns in by blocks and watches its drift; small requests are timed in bursts of 128, so that all
of that is in the number. 100 classes, n = 2 d + 1024 rows. Words after the command are other d than
512 and 2048 (4096 needs 3 GB and two minutes).
"""

import statistics
import sys
import time

import numpy as np
import torch
from ratio import conditions

from mu.analytic.head import AnalyticHead
from mu.analytic.statistics import Matrix

SIZES, CLASSES, GAMMA = (1, 16, 128, 1024), 100, 1.0


def rows(count: int, d: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Non-negative, correlated features, and labels."""
    inner = rng.standard_normal((count, d // 4))
    x = np.maximum(inner @ rng.standard_normal((d // 4, d)) / (d // 4) ** 0.5, 0)
    return torch.from_numpy(x), torch.from_numpy(rng.integers(0, CLASSES, count))


def textbook(inverse: Matrix, weight: Matrix, x: Matrix, y: Matrix) -> tuple[Matrix, Matrix]:
    """One immediate update with full matrices."""
    u = inverse @ x.T
    small = np.linalg.inv(np.eye(len(x)) - x @ u)
    return inverse + u @ small @ u.T, weight - u @ small @ (y - x @ weight)


def anew(x: Matrix, y: Matrix) -> Matrix:
    """The ridge solution of rows."""
    return np.linalg.solve(x.T @ x + GAMMA * np.eye(x.shape[1]), x.T @ y)


def measure(d: int, k: int) -> None:
    """Alternate bursts of the three; the head's weights are compared with solving anew."""
    rng = np.random.default_rng(0)
    x, y = rows(2 * d + 1024, d, rng)
    head = AnalyticHead(d, GAMMA, grid=14, limit=8.0)
    head.learn(x, y)
    head.unlearn(x[-1:], y[-1:])  # calibrates and makes the inverse
    x, y = torch.from_numpy(np.rint(x[:-1].numpy() * 2**11) / 2**11), y[:-1]
    plain, onehot = x.numpy(), np.eye(CLASSES)[y.numpy()]
    inverse = np.linalg.inv(plain.T @ plain + GAMMA * np.eye(d))
    weight = inverse @ (plain.T @ onehot)
    burst = max(1, 128 // k)
    seconds: dict[str, list[float]] = {"head": [], "textbook": [], "anew": []}
    place, limit = 0, len(x) - d
    while place + burst * k <= limit and len(seconds["head"]) < 5:
        parts = [slice(place + i * k, place + (i + 1) * k) for i in range(burst)]
        start = time.perf_counter()
        for part in parts:
            head.unlearn(x[part], y[part])
        middle = time.perf_counter()
        few = parts[:8]
        for part in few:
            inverse, weight = textbook(inverse, weight, plain[part], onehot[part])
        end = time.perf_counter()
        for part in parts[8:]:  # so that both have forgotten the same; not timed
            inverse, weight = textbook(inverse, weight, plain[part], onehot[part])
        place = parts[-1].stop
        again = time.perf_counter()
        solved = anew(plain[place:], onehot[place:])
        seconds["anew"].append(time.perf_counter() - again)
        seconds["head"].append((middle - start) / len(parts))
        seconds["textbook"].append((end - middle) / len(few))
    off = np.linalg.norm(head.weight.numpy() - solved) / np.linalg.norm(solved)
    own = statistics.median(seconds["head"])
    ratios = {name: own / statistics.median(found) for name, found in seconds.items()}
    print(
        f"d = {d}, k = {k}: {1e3 * own:.2f} ms a request; ÷ textbook {ratios['textbook']:.2f}, "
        f"÷ anew {ratios['anew']:.3f} (n={len(seconds['head'])}); crossover {head.crossover} rows; "
        f"weights off by {off:.0e}; {dict(head.facts)}",
        flush=True,
    )


def main() -> None:
    """Every size of request at every width."""
    conditions()
    for d in [int(word) for word in sys.argv[1:]] or [512, 2048]:
        for k in SIZES:
            measure(d, k)


if __name__ == "__main__":
    main()
