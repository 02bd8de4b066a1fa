"""Error of an analytic head's weights after 10 000 requests (aim: ≤ 1e-8), and of its statistics.

Rows go and come one at a time, always as corrections of the inverse. Reference: QR of the rows that
remain with √γ I below them. With the grid the statistics must equal those of a fresh head bit for
bit. Numbers after the command are other counts of requests.
"""

import sys

import numpy as np
import torch
from ratio import conditions

from mu.analytic.head import AnalyticHead

CASES = {"n > d": (256, 768, 1.0), "n < d": (256, 200, 0.01)}  # d, n, γ


def stream(d: int, n: int, gamma: float, requests: int, grid: int | None) -> None:
    """One stream of requests."""
    rng = np.random.default_rng(1)
    inner = rng.standard_normal((2 * n, d // 4))
    x = torch.from_numpy(np.maximum(inner @ rng.standard_normal((d // 4, d)) / d**0.5, 0))
    y = torch.from_numpy(rng.integers(0, 10, 2 * n))
    options = {"grid": grid, "limit": 8.0}
    head = AnalyticHead(d, gamma, crossover=10**9, **options)
    head.learn(x[:n], y[:n])
    there = np.arange(2 * n) < n
    for _ in range(requests // 2):
        gone, new = rng.choice(np.flatnonzero(there)), rng.choice(np.flatnonzero(~there))
        head.unlearn(x[gone : gone + 1], y[gone : gone + 1])
        head.learn(x[new : new + 1], y[new : new + 1])
        there[gone], there[new] = False, True
    drift, weight, facts = head.drift(), head.weight, dict(head.facts)
    left = torch.from_numpy(np.flatnonzero(there))
    anew = AnalyticHead(d, gamma, **options)
    anew.learn(x[left], y[left])
    kept = x[left] if grid is None else torch.round(x[left] * 2.0 ** (grid - 3)) / 2 ** (grid - 3)
    stacked = torch.cat([kept, gamma**0.5 * torch.eye(d, dtype=torch.float64)])
    q, r = torch.linalg.qr(stacked)
    targets = torch.cat([torch.eye(10)[y[left]].double(), torch.zeros(d, 10).double()])
    wanted = torch.linalg.solve_triangular(r, q.T @ targets, upper=True)
    off, settled = (float((w - wanted).norm() / wanted.norm()) for w in (weight, anew.weight))
    same = head.digest() == anew.digest()
    print(
        f"grid {grid}: {requests} requests, weights off by {off:.0e} (solved anew {settled:.0e}), "
        f"probe {drift:.0e}, statistics {'equal' if same else 'not equal'} bit for bit; {facts}",
        flush=True,
    )


def main() -> None:
    """Both cases, without and with the grid."""
    conditions()
    for requests in [int(word) for word in sys.argv[1:]] or [10_000]:
        for name, (d, n, gamma) in CASES.items():
            for grid in (None, 14):
                print(f"{name} (d = {d}, n = {n}, γ = {gamma}), ", end="")
                stream(d, n, gamma, requests, grid)


if __name__ == "__main__":
    main()
