"""The network behind a row of results, a plain one: out of the store, a cut one made whole."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mu.artifact import Artifact
from mu.data.facts import cut_in, resolved, without_pretrained
from mu.errors import UsageError
from mu.results.card import Card
from mu.results.words import ORACLE
from mu.running.code import targets_in
from mu.storing.inventory import KEY
from mu.storing.store import Store, default_root
from mu.trust.classes import NETWORK, check_named
from mu.verbs.foreign import own_choices

if TYPE_CHECKING:
    from torch import nn

LEARNERS = ("fit", "load", "unlearn")  # steps that leave a model
SESSION = "mu.training.own.architecture"  # a model that only the session that trained it can make


def network_of(card: Card, k: int = 0, models: Sequence[Any] | None = None) -> "nn.Module":
    """The network that a card is about, in evaluation mode.

    A network whose trunk is frozen comes with its trunk, and takes images.

    Args:
        card: Of a row.
        k: Which of the oracles, from 0.
        models: Configurations of the models of all blocks, where they are the user's own; None for
            results out of a folder, which may be anybody's.

    Raises:
        UsageError: The row has no model, the store no longer has it, its trunk is another one by
            now, or it names what no file may name.
    """
    from mu.doors.guest import undisturbed
    from mu.models.merging import on_images
    from mu.models.weights import rebuild

    if not default_root().is_dir():
        raise UsageError(f"there is no store at {default_root()}; set MU_STORE to where it is")
    store = Store(default_root())
    artifact, record = stored_model(store, card, key_of(card, k))
    model = record["model"]
    if models is None and model.get("_target_") == SESSION:
        raise UsageError(
            f"{row_named(card)} was trained by a function of a Python session, which alone can "
            "make such a network: take .network(…) of what mu.study returns there"
        )
    own, named = known_models(store, card, models)
    check_named(model, NETWORK, "a model in the store", own, named)
    left = artifact.facts.get("model") or model
    with undisturbed():
        learner = rebuild(model, artifact, named)
        if cut_in(left):
            learner = on_images(learner, left, trunk_of_record(store, card, record))
        return learner.network.eval()


def key_of(card: Card, k: int) -> str:
    """The store key of the model of a card.

    Raises:
        UsageError: It failed, or there is no such oracle.
    """
    if card.error or not card.learner:
        raise UsageError(f"{row_named(card)} has no model: {card.error or 'it was never made'}")
    if card.method != ORACLE:
        if k:
            raise UsageError(f"k={k} is the number of an oracle, and the row is {card.method}")
        return card.learner
    oracles = card.keys.oracles or [card.learner]
    if not 0 <= k < len(oracles):
        raise UsageError(f"k={k}: {row_named(card)} has the oracles 0 to {len(oracles) - 1}")
    return oracles[k]


def row_named(card: Card) -> str:
    """What a card is about, in words."""
    step = f", request {card.step + 1} of {card.steps}" if card.steps > 1 else ""
    return f"{card.method} of {card.request}, pair {card.pair}{step}"


def stored_model(store: Store, card: Card, key: str) -> tuple[Artifact, Mapping[str, Any]]:
    """The artifact of a model, and what was recorded with it.

    Raises:
        UsageError: It is not there, or nobody recorded which model it is of.
    """
    steps = [step for step in LEARNERS if KEY.fullmatch(key) and store.path(step, key).is_dir()]
    if not steps:
        raise UsageError(
            f"the store {store.root} does not have the model of {row_named(card)} ({key[:12]}); "
            "run the experiment again, or set MU_STORE to where it is"
        )
    artifact = store.load(steps[0], key)
    record = store.manifest(steps[0], key)
    if not isinstance(record.get("model"), Mapping):
        raise UsageError(
            f"{store.path(steps[0], key)} was made before mu noted which network weights are of; "
            "remove it and run the experiment again"
        )
    return artifact, record


def known_models(
    store: Store, card: Card, models: Sequence[Any] | None
) -> tuple[object, Sequence[str]]:
    """What of a model's configuration is the user's own, and the classes named in it."""
    if models is None:
        own: Any = own_choices()
        return own, targets_in(own)
    facts = store.facts("describe", card.keys.data or "")["model_facts"]
    own = resolved(models[card.block], facts)
    return [own, without_pretrained(own)], ()


def trunk_of_record(store: Store, card: Card, record: Mapping[str, Any]) -> str:
    """Digest of the trunk whose activations a model was trained on.

    Raises:
        UsageError: The store no longer has the activations.
    """
    _, key = (record.get("inputs") or {}).get("activations") or ("", "")
    if not KEY.fullmatch(str(key)) or not store.path("activations", key).is_dir():
        raise UsageError(
            f"the store {store.root} does not have the activations behind {row_named(card)}, by "
            "which its trunk is known; run the experiment again"
        )
    return str(store.facts("activations", key)["trunk"])
