"""``mu weights``: the network of a row as a file of weights."""

from pathlib import Path
from typing import TYPE_CHECKING

from mu.errors import UsageError
from mu.results.card import Card
from mu.storing.whole_files import whole_file
from mu.verbs.networks import network_of, row_named
from mu.verbs.parser import Parser
from mu.verbs.store import human

if TYPE_CHECKING:
    from torch import nn


def command(words: list[str]) -> int:
    """``mu weights DIR ROW FILE``: the network of a row as safetensors.

    Raises:
        UsageError: A word is wrong, there is no such row, the store does not have its model, or
            the file is there or cannot be written.
    """
    from mu.results.found import card_of
    from mu.results.results import read_results

    parser = Parser(
        prog="mu weights",
        description="Write the network of a row of a run as safetensors, out of the store. A "
        "network with a frozen trunk is written whole. The file comes back as original=FILE, "
        "weights=FILE or oracles=FILE of mu run, and as net=FILE of mu audit.",
        epilog="example: mu weights results/quickstart ssd forgotten.safetensors --pair 1",
    )
    parser.add_argument("folder", nargs="?", default="", metavar="DIR", help="results of a run")
    parser.add_argument(
        "row", nargs="?", default="", metavar="ROW", help="a method, original, oracle or null"
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="where it is written")
    parser.add_argument("--pair", type=int, default=0, metavar="N", help="of which pair: 0")
    parser.add_argument("--request", metavar="R", help="of which forget set: the first")
    parser.add_argument(
        "--step", type=int, metavar="N", help="after which request in a row, from 0: the last"
    )
    parser.add_argument("--block", type=int, metavar="N", help="of which block: the first")
    parser.add_argument("--k", type=int, default=0, metavar="N", help="which of the oracles: 0")
    parser.add_argument("--force", action="store_true", help="write over a file that is there")
    given = parser.parse_args(words)
    if given.file is None:
        raise UsageError("name results, row and file: mu weights DIR ROW FILE")
    if given.file.exists() and not given.force:
        raise UsageError(f"{given.file} is there; --force writes over it")
    results = read_results(Path(given.folder))
    chosen = (given.pair, given.request, given.step, given.block)
    card = card_of(results.cards, given.row, *chosen)
    network = network_of(card, given.k)
    size = write_network(network, given.file, header(card, results.experiment, given.k))
    print(f"{given.file}: {row_named(card)} ({card.data}, {card.model}), {human(size)}")
    return 0


def header(card: Card, experiment: str, k: int = 0) -> dict[str, str]:
    """What a file of weights says of itself; safetensors holds words alone."""
    found = {
        "experiment": experiment,
        "block": card.block,
        "data": card.data,
        "model": card.model,
        "method": card.method,
        "request": card.request,
        "step": card.step,
        "pair": card.pair,
        "seed": card.seed,
        "oracle": k if card.method == "oracle" else None,
        "forget_digest": card.forget_digest,
        "trunk_cut": (card.trunk or {}).get("cut"),
        "command": card.command,
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def write_network(network: "nn.Module", path: Path, about: dict[str, str]) -> int:
    """Write the state dict of a network as safetensors, whole or not at all; bytes of the file.

    Args:
        network: Whose.
        path: Where.
        about: Words in the header of the file.

    Raises:
        UsageError: It cannot be written.
    """
    from safetensors.torch import save_file

    # Copies: tied tensors share memory, which the format refuses.
    tensors = {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in network.state_dict().items()
    }
    try:
        with whole_file(path) as partial:
            partial.open("xb").close()
            save_file(tensors, partial, about)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror or error})") from error
    return path.stat().st_size
