"""Where training starts: from the weights of a file, the head anew where classes differ."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from mu.data.normalisation import Normalisation
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.layouts import Match
from mu.models.output_layer import name_of, output_layer
from mu.models.weights import bare, compared, faults

CHECKPOINT = "recipe.checkpoint"


def start_from(
    learner: Learner,
    tensors: Mapping[str, Tensor],
    source: str,
    skip: Sequence[str] = (),
    normalisation: Normalisation | None = None,
    option: str = CHECKPOINT,
) -> list[str]:
    """Load weights to train on; the head starts anew where the file's is for other classes.

    Args:
        learner: Freshly built; what starts anew keeps its weights.
        tensors: Name → tensor.
        source: Where they come from, for the message.
        skip: Names of tensors or parts of the network, or of the file, that are not taken.
        normalisation: How the data come normalised.
        option: What names the file, for messages.

    Returns:
        Names of the tensors that start anew.

    Raises:
        UsageError: Anything but the head does not fit, or a name to skip is nowhere.
    """
    own = learner.state_dict()
    match = compared(learner, tensors, source, normalisation)
    for name in skip:
        if not any(_named(other, name, learner) for other in (*own, *tensors)):
            raise UsageError(
                f"{CHECKPOINT}_skip: neither the network nor {source} has a part {name}"
            )
    anew = [n for n in own if any(_named(n, name, learner) for name in skip)]
    head = head_tensors(learner)
    if _is_other_head(match, own, head):
        anew += [name for name in head if name not in anew]
    rest = Match(
        {n: t for n, t in match.given.items() if n not in anew},
        [n for n in match.missing if n not in anew],
        [n for n in match.unexpected if not any(_named(n, name, learner) for name in skip)],
    )
    if problems := faults(learner, rest):
        raise UsageError(
            f"{option}: weights {source} do not fit the model: {'; '.join(problems)}"
            + ("; recipe.checkpoint_skip=[NAME] starts a part anew" if option == CHECKPOINT else "")
        )
    learner.load_state_dict(own | rest.given)
    return anew


def _named(name: str, wanted: str, learner: Learner) -> bool:
    """Whether a tensor is the wanted one or in the wanted part."""
    inner = getattr(learner.network, "weights_prefix", None)
    names = {name, bare(name), bare(bare(name).removeprefix(inner)) if inner else name}
    part = wanted.rstrip(".*")
    return any(one == part or one.startswith(f"{part}.") for one in names)


def head_tensors(learner: Learner) -> list[str]:
    """Names of the tensors of the last linear layer; none where there is no such layer."""
    try:
        head = output_layer(learner.network)
    except UsageError:
        return []
    place = name_of(learner.network, head)
    return [".".join(filter(None, ["network", place, name])) for name in head.state_dict()]


def _is_other_head(match: Match, own: Mapping[str, Tensor], head: Sequence[str]) -> bool:
    """Whether the head differs in nothing but its number of classes, or is not in the file."""
    given = [(match.given[n], own[n]) for n in head if n in match.given]
    if len(given) < len(head) or not head:
        return bool(head) and set(head) <= set(match.missing)
    rows = all(t.dim() == o.dim() and t.shape[1:] == o.shape[1:] for t, o in given)
    return rows and any(t.shape != o.shape for t, o in given)


def said(path: str, anew: Sequence[str]) -> list[str]:
    """What a reader must know of a start; nothing where the file gave every tensor."""
    if not anew:
        return []
    names = ", ".join(bare(name) for name in anew[:4])
    more = f" and {len(anew) - 4} more" if len(anew) > 4 else ""
    return [f"training starts from {Path(path).name}, but for {names}{more}, which start anew"]
