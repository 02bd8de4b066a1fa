"""Which runs were sent, with which content: what has not changed is not sent again."""

import json
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from mu.results.card import Card
from mu.storing.whole_files import write_text

IGNORED = ("command",)  # the same cell asked for in other words


class SentRuns:
    """``wandb/mu-sent.json`` beside the runs: id → digest of the card and where it went.

    Args:
        to: Where runs go, as `mu.tracking.session.checked` says it.
    """

    def __init__(self, to: Mapping[str, Any]) -> None:
        self.path = Path(to["directory"]) / "wandb" / "mu-sent.json"
        self.place = [to["project"], to["entity"], to["mode"], to["artifacts"]]
        try:
            self.sent: dict[str, str] = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # never written, or torn: then everything is sent
            self.sent = {}

    def digest(self, card: Card) -> str:
        """Digest of a card's content and its destination."""
        content = {key: value for key, value in card.plain().items() if key not in IGNORED}
        text = json.dumps([self.place, content], sort_keys=True, default=str)
        return blake2b(text.encode(), digest_size=16).hexdigest()

    def has(self, run: str, card: Card) -> bool:
        """Whether this card was sent as it is."""
        return self.sent.get(run) == self.digest(card)

    def note(self, run: str, card: Card) -> None:
        """Remember that a card was sent."""
        self.sent[run] = self.digest(card)

    def save(self) -> None:
        """Write what is remembered."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.path, json.dumps(self.sent, indent=1, sort_keys=True) + "\n")
