"""What two processes compute together, and one process alone."""

import os
from contextlib import nullcontext
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch import distributed, nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

import mu
from mu.data.base import Batch
from mu.errors import UsageError
from mu.gradients.mean_gradient import gradient_sum
from mu.gradients.processes import sharing
from mu.models.base import Learner
from mu.training.fit import quiet_lightning
from mu.unlearning.iau import update_direction
from mu.unlearning.ssd import importance, importances

GENERATOR = torch.Generator().manual_seed(0)
X, Y = torch.randn(64, 5, generator=GENERATOR), torch.arange(64) % 3
GONE, KEPT = torch.arange(0, 12), torch.arange(12, 64)
OPTIONS = {
    "ssd": {"share": 0.1, "batch_size": 8},
    "iau": {"lr": 0.1, "update": "sgd", "batch_size": 8},
    "acu": {"expansion": 16, "batch_size": 8},
}


def network(*more):
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 8), *more, nn.ReLU(), nn.Linear(8, 3))


def batches(ids, size=8):
    return [Batch(X[i], Y[i], i) for i in ids.split(size)]


def figures(parallel):
    """Name → tensors of all that is summed; ``batches`` is how many went through the network."""
    net, both = network(), torch.arange(64)
    seen = []
    net[0].register_forward_hook(lambda *_: seen.append(1))
    with sharing() if parallel else nullcontext():
        found = {"batch": importance(net, batches(both, 7))}
        count = torch.tensor(len(seen))
        found["per_sample"] = importance(net, batches(both), "per_sample", memory_mb=1)
        full, gone = importances(Learner(net), batches(both), GONE)
        found |= {"full": full, "gone": gone, "one batch": importance(net, batches(GONE, 64))}
        found["sum"], n = gradient_sum(net, batches(both))
        found["direction"] = update_direction(net, batches(KEPT), batches(GONE))
    found["count"] = {"samples": torch.tensor(n), "batches": count}
    loaders = {"forget": [(X[GONE], Y[GONE])], "retain": [(X[KEPT], Y[KEPT])]}
    for method, options in OPTIONS.items():
        new = mu.unlearn(network(), method, **loaders, parallel=parallel, **options)
        found[method] = new.state_dict()
        found[f"{method} cost"] = {"forward": torch.tensor(new.unlearning["forward"])}
    found["finetune"] = mu.unlearn(network(), "finetune", **loaders, epochs=1).state_dict()
    return found


def trained(net, devices):
    """A network trained by a user's own Trainer; 16 samples a step in all processes together."""
    learner = Learner(net)
    learner.training_plan = lambda module: torch.optim.SGD(module.parameters(), 0.1, momentum=0.9)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    strategy, data = "ddp" if devices > 1 else "auto", TensorDataset(X, Y)
    rank = distributed.get_rank() if devices > 1 else 0
    sampler = DistributedSampler(data, devices, rank, shuffle=False)
    with quiet_lightning():
        trainer = pl.Trainer(
            max_epochs=3,
            accelerator="cpu",
            devices=devices,
            strategy=strategy,
            enable_model_summary=False,
            use_distributed_sampler=False,  # Lightning's own would draw another order
            **quiet,
        )
        trainer.fit(learner, DataLoader(data, 16 // devices, sampler=sampler))
    return net.state_dict()


def process(rank, folder):
    """One of two processes."""
    os.environ |= {"LOCAL_RANK": str(rank), "NODE_RANK": "0", "WORLD_SIZE": "2"}
    meeting = f"file://{folder}/meeting"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    found = figures(parallel=True) | {"trained": trained(network(), 2)}
    with pytest.raises(UsageError, match="layer 1 normalises the batch of each process by itself"):
        trained(network(nn.BatchNorm1d(8)), 2)
    torch.save(found, Path(folder) / f"{rank}.pt")
    if distributed.is_initialized():
        distributed.destroy_process_group()
