"""A learner on activations of a frozen trunk, and the same on images: one made of the other."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from mu.data.build import build
from mu.data.facts import TAIL_PREFIX, cut_in, uncut
from mu.data.normalisation import Normalisation
from mu.doors.guest import seed_everything
from mu.errors import UsageError
from mu.models.base import Learner, build_learner
from mu.models.cut import halves, trunk_digest
from mu.models.tail import Tail, started
from mu.models.weights import load_weights


def starting_network(cut: Mapping[str, Any]) -> nn.Module:
    """The whole network that a trunk is the beginning of, with the weights it starts from.

    Where it has no weights of its own they are drawn, always the same: torch is seeded.

    Args:
        cut: Arguments of a `Tail`, as configurations have them.
    """
    seed_everything(0)
    return started(build(dict(cut["trunk"])), cut.get("weights"))


def on_images(learner: Learner, model: Mapping[str, Any], trunk: str) -> Learner:
    """A learner whose tails stand on their trunk again, a plain one; others stay as they are.

    Args:
        learner: Not changed.
        model: Its configuration.
        trunk: Digest of the trunk that its activations came from.

    Raises:
        UsageError: The trunk of the configuration is another one by now.
    """
    cut = cut_in(model)
    if cut is None:
        return learner
    start = starting_network(cut)
    if trunk_digest(halves(start, cut["cut"])[0]) != trunk:
        raise UsageError(
            f"the weights before {cut['cut']} are no longer those that made the activations: "
            f"{cut.get('weights') or 'what the network comes with'} has changed since"
        )
    found = build_learner(uncut(model), download=False)
    own, places = found.state_dict(), tails(learner)
    first = {f"{place}.{n}": t for place in places for n, t in start.state_dict().items()}
    rest = {whole_name(n, places): t for n, t in learner.state_dict().items()}
    load_weights(found, {n: t for n, t in first.items() if n in own} | rest, "of the tail")
    return found.eval()


def tail_of(
    model: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    source: str,
    trunk: str,
    normalisation: Normalisation | None = None,
) -> dict[str, Tensor]:
    """The tensors of a learner with a tail, by its names, from a file of it on images.

    Args:
        model: Configuration of the learner.
        tensors: Of the file.
        source: The file, for messages.
        trunk: Digest of the trunk that the activations are of.
        normalisation: As `load_weights` takes it.

    Raises:
        UsageError: They do not fit, or their trunk is another one.
    """
    learner, found = (build_learner(one, download=False) for one in (model, uncut(model)))
    load_weights(found, tensors, source, normalisation)
    places, cut = tails(learner), (cut_in(model) or {})["cut"]
    if any(trunk_digest(halves(found.get_submodule(p), cut)[0]) != trunk for p in places):
        raise UsageError(
            f"{source}: its weights before {cut} are not those of the trunk, which stays as it is: "
            "it was trained as a whole, or from another start; take a model without a cut for it"
        )
    given = found.state_dict()
    return {name: given[whole_name(name, places)] for name in learner.state_dict()}


def tails(learner: Learner) -> list[str]:
    """Where the tails in a learner are, by dotted names."""
    return [name for name, module in learner.named_modules() if isinstance(module, Tail)]


def whole_name(name: str, places: list[str]) -> str:
    """The name of a tensor of a learner with tails in the learner on images.

    Example:
        >>> whole_name("network.tail.fc.weight", ["network"]), whole_name("other", ["network"])
        ('network.fc.weight', 'other')
    """
    inside = [f"{place}.{TAIL_PREFIX}" for place in places]
    found = next((one for one in inside if name.startswith(one)), None)
    return name if found is None else found.removesuffix(TAIL_PREFIX) + name.removeprefix(found)
