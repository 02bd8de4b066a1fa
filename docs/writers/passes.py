"""What the experiments of full size take: how many models are trained, on how many samples."""

from mu.configuration.choices import choices, read_yaml
from mu.configuration.experiment import Block, load_experiment

PUBLISHED = {"CIFAR10": 50_000, "CIFAR100": 50_000, "LossyCIFAR100": 50_000, "MNIST": 60_000}
RATE = 10_000  # samples a second, forward and backward, for the hours of the table


def table() -> str:
    """Every experiment of images that has a smaller scale: pairs, trainings, passes, hours."""
    lines = [
        f"| experiment | pairs | models trained | million passes | hours at {RATE} a second |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, path in choices("experiment").items():
        if "small" not in (read_yaml(path).get("scales") or {}):
            continue
        blocks = [block for block in load_experiment(name, []).blocks if samples(block)]
        if not blocks:
            continue
        pairs = max(len(block.seeds) for block in blocks)
        fits = sum(map(trainings, blocks))
        passes = sum(trainings(b) * samples(b) * b.config["recipe"]["epochs"] for b in blocks)
        hours = passes / RATE / 3600
        lines.append(f"| `{name}` | {pairs} | {fits} | {passes / 1e6:.0f} | {hours:.1f} |")
    return "\n".join(lines) + "\n"


def trainings(block: Block) -> int:
    """Originals, oracles and rows of null of a block; models that only select are not counted."""
    each = block.oracles + block.null
    judged = sum(len(block.scored_steps(request)) for request in block.requests)
    return len(block.seeds) * (1 + judged * each)


def samples(block: Block) -> int:
    """Training images of a block, 0 where only the data themselves know."""
    data = block.config["data"]
    whole = PUBLISHED.get(str(data["_target_"]).rpartition(".")[2], 0)
    if not whole:
        return 0
    held = 0 if data.get("validation") == "none" else data.get("n_validation") or 0
    return int(data.get("n_train") or whole - held)
