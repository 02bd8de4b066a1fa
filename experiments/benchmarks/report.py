"""Tables and page of a thousand cards, written anew by ``mu report`` (aim: ≤ 5 s).

The cards are those of a kept study, over and over under other names of its request. Seconds of the
processor, the whole process. A path after the command is another folder of results, as it is.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from loading import used
from ratio import conditions

KEPT = Path(__file__).parents[1] / "pretrained_cifar10_class_small" / "results.json"
CARDS = 1000


def multiplied(plain: dict, least: int) -> dict:
    """Results with at least so many cards: the same ones under further names of the request."""
    copies = -(-least // len(plain["cards"]))
    cards = [
        card | {"request": f"{card['request']}_{copy}"}
        for copy in range(copies)
        for card in plain["cards"]
    ]
    return plain | {"cards": cards, "rows": [], "verdicts": []}


def main() -> None:
    """Write the cards, then time the report."""
    conditions()
    file = Path(sys.argv[1], "results.json") if sys.argv[1:] else KEPT
    plain = json.loads(file.read_text())
    plain = plain if sys.argv[1:] else multiplied(plain, CARDS)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "results.json").write_text(json.dumps(plain))
        start = used()
        command = [sys.executable, "-m", "mu", "report", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        places = len({(card["request"], card["step"]) for card in plain["cards"]})
        print(f"{len(plain['cards'])} cards of {places} forget sets: {used() - start:.2f} s")


if __name__ == "__main__":
    main()
