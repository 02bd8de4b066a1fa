"""Squares of per-sample gradients ÷ a plain channels-last forward + backward of the same batches.

Aims: ≤ 1.3 for ResNet-20 and ResNet-18, ≤ 1.15 for a ViT. Beside it other ways to the same numbers
on fewer samples, memory, errors, and bfloat16. Random images and untrained weights: what is
measured is time, memory and rounding. Times of one call include its check on two samples.
"""

import copy
import re
import subprocess
import sys
from pathlib import Path

import torch
from ratio import compare, conditions
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from mu.gradients.per_sample import per_sample_sums
from mu.models.base import Learner
from mu.models.resnet import ResNet18
from mu.models.timm import TimmModel
from mu.models.vision import CifarResNet
from mu.unlearning.dampening import alpha_of_share

NETWORKS = {
    "ResNet-20": lambda: CifarResNet(20, 3, 10),
    "ResNet-18": lambda: ResNet18(3, 10),
    "ViT (192, 12 blocks, 65 tokens)": lambda: TimmModel(
        "vit_tiny_patch16_224", 3, 10, 32, patch_size=4
    ),
}
SIZES = {"ResNet-20": (64, 4), "ResNet-18": (32, 2)}  # samples a batch, batches
FEW = {"ResNet-20": 24, "ResNet-18": 6}  # samples for what is slow


def losses(z, y):
    """(n,) cross-entropies."""
    return functional.cross_entropy(z, y, reduction="none")


def prepared(name):
    """A learner with running statistics of its own, and batches."""
    torch.manual_seed(0)
    learner = Learner(NETWORKS[name]())
    size, number = SIZES.get(name, (32, 3))
    batches = [(torch.randn(size, 3, 32, 32), torch.randint(0, 10, (size,))) for _ in range(number)]
    with torch.no_grad():
        learner.train()(batches[0][0][:16])
    return learner.eval(), batches


def plain(learner, batches):
    """Ordinary gradients, channels last."""
    learner.to(memory_format=torch.channels_last)
    parameters = list(learner.parameters())
    for x, y in batches:
        x = x.contiguous(memory_format=torch.channels_last)
        torch.autograd.grad(losses(learner(x), y).mean(), parameters)


def loop(learner, x, y):
    """One backward pass a sample."""
    parameters = dict(learner.named_parameters())
    total = {name: torch.zeros_like(p) for name, p in parameters.items()}
    for n in range(len(y)):
        value = losses(learner(x[n : n + 1]), y[n : n + 1]).sum()
        for t, g in zip(
            total.values(), torch.autograd.grad(value, list(parameters.values())), strict=True
        ):
            t.addcmul_(g, g)
    return total


def mapped(learner, x, y, chunk=6):
    """torch.func: vmap over grad."""
    state = {n: t.detach() for n, t in (*learner.named_parameters(), *learner.named_buffers())}
    trained = {name: state[name] for name, _ in learner.named_parameters()}

    def value(parameters, one, label):
        return losses(functional_call(learner, state | parameters, (one[None],)), label[None])[0]

    each = vmap(grad(value), in_dims=(None, 0, 0))
    for start in range(0, len(y), chunk):
        found = each(trained, x[start : start + chunk], y[start : start + chunk])
        for g in found.values():
            g.square().sum(0)


def unfolded(learner, x, y):
    """Hooks that form every gradient by unfold and one batched product a layer."""
    handles, inputs = [], {}

    def keep(module, arguments, output):
        inputs[module] = arguments[0].detach()

    def collect(module, _, gradients):
        g, u = gradients[0], inputs.pop(module)
        if isinstance(module, nn.Conv2d):
            u = functional.unfold(
                u, module.kernel_size, module.dilation, module.padding, module.stride
            )
            torch.bmm(g.flatten(2), u.transpose(1, 2)).square().sum(0)
        elif isinstance(module, nn.Linear):
            n = len(g)
            left = g.reshape(n, -1, g.shape[-1]).transpose(1, 2)
            torch.bmm(left, u.reshape(n, -1, u.shape[-1])).square().sum(0)

    for module in learner.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            handles.append(module.register_forward_hook(keep))
            handles.append(module.register_full_backward_hook(collect))
    torch.autograd.grad(losses(learner(x), y).sum(), list(learner.parameters()))
    for handle in handles:
        handle.remove()


def distance(found, expected):
    """Relative errors: of all sums together, and of the worst tensor."""
    pairs = [(found[name].double() - t, t) for name, t in expected.items()]
    whole = sum(float(d.square().sum()) for d, _ in pairs)
    size = sum(float(t.square().sum()) for _, t in pairs)
    worst = max(float(d.norm() / t.norm()) for d, t in pairs if bool(t.any()))
    return f"{(whole / size) ** 0.5:.1e} (worst tensor {worst:.1e})"


def chosen(sums):
    """What SSD selects at a share of 1 %."""
    full = {name: t / sums.count for name, t in sums.total.items()}
    forget = {name: t / sums.count_selected for name, t in sums.selected.items()}
    alpha = alpha_of_share(full, forget, 0.01)
    return torch.cat([(forget[name] > alpha * t).flatten() for name, t in full.items()])


def errors(name, learner, x, y):
    """Print errors against float64 and what bfloat16 selects otherwise."""
    exact = copy.deepcopy(learner).double()
    expected = loop(exact, x.double(), y)

    def first(batch):
        return torch.arange(len(batch)) < max(1, len(batch) // 6)

    reference = per_sample_sums(exact, [(x.double(), y)], losses, select=first)
    print(f"{name}, {len(y)} samples, float64: {distance(reference.total, expected)}")
    single = per_sample_sums(learner, [(x, y)], losses, select=first)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = per_sample_sums(learner, [(x, y)], losses, select=first)
    wanted = chosen(reference)
    for form, sums in {"float32": single, "bfloat16": half}.items():
        other = float((chosen(sums) ^ wanted).sum() / wanted.sum())
        print(f"{name}, {form}: {distance(sums.total, expected)}; at a share of 1 % SSD selects")
        print(f"  {other / 2:.2%} of the selected parameters otherwise")


def memory(name, form):
    """Peak MiB of a process of its own."""
    command = [sys.executable, __file__, name, form]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def measure(name):
    """Everything about one network."""
    learner, batches = prepared(name)
    floor = copy.deepcopy(learner)
    compare(
        f"{name}: ours ÷ plain",
        lambda: per_sample_sums(learner, batches, losses),
        lambda: plain(floor, batches),
    )
    few = FEW.get(name, 8)
    x, y = batches[0][0][:few], batches[0][1][:few]
    for title, other in {"loop": loop, "vmap": mapped, "unfold + bmm": unfolded}.items():
        title = f"{name}: {title} ÷ plain, {few} samples"
        compare(title, lambda o=other: o(learner, x, y), lambda: plain(floor, [(x, y)]))
    base = memory(name, "nothing")
    used = {form: memory(name, form) - base for form in ("plain", "ours")}
    print(f"{name}: peak beside model and data {used['plain']:.0f} MiB plain, {used['ours']:.0f}")
    errors(name, learner, x, y)


def main():
    """Measure all networks, or print the peak memory of one form (used by `memory`)."""
    conditions()
    for name in NETWORKS:
        measure(name)


def child(name, form):
    """Run one form once and print the peak of this process in MiB."""
    torch.set_num_threads(1)
    learner, batches = prepared(name)
    with torch.no_grad():
        learner(batches[0][0][:1])
    if form == "plain":
        plain(learner, batches[:1])
    elif form == "ours":
        per_sample_sums(learner, batches[:1], losses)
    # Not getrusage: there a process inherits the peak of the one that started it.
    status = Path("/proc/self/status").read_text()
    print(int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        child(*sys.argv[1:])
    else:
        main()
