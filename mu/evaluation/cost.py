"""What unlearning costs, in passes over samples relative to retraining, and in seconds.

A cost is {"forward": samples, "backward": samples, "seconds_setup": s, "seconds_request": s}, and
where the machine tells it {"memory_setup": bytes, "memory_request": bytes}, peaks of memory. On
graphs one encoder pass over the view counts as one sample. Passes are machine-free; seconds and
memory split into what serves many requests (set-up) and what each request takes. Names start with
`cost/`.
"""

from collections.abc import Mapping

SETUP = ("forward_setup", "backward_setup")  # of forward and backward: what serves many requests
MEMORY = ("memory_request", "memory_setup")  # in bytes; absent where nobody tells
KEYS = ("forward", "backward", *SETUP, "seconds_setup", "seconds_request", *MEMORY)
MEGABYTE = 1e6

Cost = Mapping[str, float]


def passes(cost: Cost) -> float:
    """The samples that went forward plus those that went backward; missing counts are 0.

    Raises:
        ValueError: An unknown key or a negative count.
    """
    unknown = sorted(set(cost) - set(KEYS))
    if unknown:
        raise ValueError(f"unknown cost {unknown[0]!r}; choose from {', '.join(KEYS)}")
    negative = sorted(key for key, value in cost.items() if value < 0)
    if negative:
        raise ValueError(f"cost {negative[0]!r} is negative: {cost[negative[0]]}")
    return float(cost.get("forward", 0.0)) + float(cost.get("backward", 0.0))


def relative_passes(cost: Cost, retrain_cost: Cost) -> float:
    """The passes of a method divided by those of retraining; nan if the latter made none.

    Raises:
        ValueError: An unknown key or a negative count.

    Example:
        >>> relative_passes({"forward": 30, "backward": 30}, {"forward": 1000, "backward": 1000})
        0.03
    """
    whole = passes(retrain_cost)
    return passes(cost) / whole if whole else float("nan")


def cost_values(cost: Cost, retrain_cost: Cost | None = None) -> dict[str, float]:
    """The cost scores of one request: `cost/passes*`, `cost/seconds_*`, `cost/memory_*` (in MB).

    `cost/passes` holds everything; `cost/passes_request` leaves out the set-up, which is computed
    once and serves many requests.

    Args:
        cost: Of the method.
        retrain_cost: Of training the oracle; without it `cost/passes` is nan.

    Raises:
        ValueError: An unknown key or a negative count.
    """
    nan, own = float("nan"), dict(cost)
    for name in SETUP:
        both = name.removesuffix("_setup")
        own[both] = own.get(both, 0) - own.pop(name, 0)
    return {
        "cost/passes": relative_passes(cost, retrain_cost) if retrain_cost is not None else nan,
        "cost/passes_request": relative_passes(own, retrain_cost)
        if retrain_cost is not None
        else nan,
        "cost/seconds_request": float(cost.get("seconds_request", nan)),
        "cost/seconds_setup": float(cost.get("seconds_setup", nan)),
        **{f"cost/{name}": float(cost[name]) / MEGABYTE for name in MEMORY if name in cost},
    }
