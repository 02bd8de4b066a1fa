"""Keep the results of a run in the repository: cards, table, pictures, forget sets, how to repeat.

Usage: python experiments/keep.py results/NAME [headline]
With ``headline`` only the scores of headlines are kept, for experiments of many pairs.
"""

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mu.reporting.layout import sections, sequences
from mu.reporting.pictures.canvas import standalone
from mu.reporting.pictures.figures import forest, sequence
from mu.reporting.pictures.look import looks
from mu.reporting.table import markdown_table
from mu.results.card import Card
from mu.results.results import Results, json_text, read_results, tabulated

HERE = Path(__file__).parent
LARGEST = 1_000_000  # bytes of a forget set that still belongs into a repository
SCRIPT = """\
#!/usr/bin/env bash
# Repeats this experiment and compares every number; exit code 1 when one is not reproduced.
# Made with {versions} on {device}{commit}
#   by: {command}
# Data: {data}
# Tolerance: the same bits on the same kind of device with the same versions (--elsewhere: another
# processor of that kind); otherwise the score's margin or what two runs differ in, see
# "mu reproduce". Costs in seconds depend on the machine and are not judged.
# --fresh takes nothing from the store; other words go to "mu reproduce", too.
set -euo pipefail
cd "$(dirname "${{BASH_SOURCE[0]}}")/../.."
export PATH="$PWD/.venv/bin:$PATH"
mu reproduce experiments/{name} --out results/{name} "$@"
"""


def keep(folder: Path, headline: bool = False) -> Path:
    """Write ``experiments/NAME``; its path.

    Args:
        folder: What a run left.
        headline: Whether to keep the scores of headlines only, and no details.
    """
    results = tabulated(read_results(folder))
    results = replace(results, cards=shorten(results.cards))
    if headline:
        results = tabulated(of_headline(results))
    out = HERE / results.experiment
    out.mkdir(exist_ok=True)
    (out / "results.json").write_text(json_text(results), encoding="utf-8")
    (out / "table.md").write_text(markdown_table(results), encoding="utf-8")
    for old in out.glob("*.svg"):
        old.unlink()
    parts, look = sections(results), looks(results)
    drawn = {section.key: forest(section, look) for section in parts}
    drawn |= {f"{own[0].key}-row": sequence(own, look) for own in sequences(parts).values()}
    for key, picture in drawn.items():
        if picture:
            (out / f"{key}.svg").write_text(standalone(picture), encoding="utf-8")
    keep_forget_sets(folder / "forget_sets", out / "forget_sets")
    script = out / "reproduce.sh"
    script.write_text(script_text(results), encoding="utf-8")
    script.chmod(0o755)
    return out


def of_headline(results: Results) -> Results:
    """The same results with nothing but the scores of headlines."""

    def kept(values: Mapping[str, Any], card: Card) -> dict[str, Any]:
        scores = results.scores(card)
        return {n: v for n, v in values.items() if scores.get(n, {}).get("headline")}

    cards = [
        replace(
            card,
            values=kept(card.values, card),
            oracle=kept(card.oracle, card),
            sizes=kept(card.sizes, card),
            details={},
            gallery=None,
        )
        for card in results.cards
    ]
    panels = {
        name: {**panel, "scores": {n: f for n, f in panel["scores"].items() if f["headline"]}}
        for name, panel in results.panels.items()
    }
    return replace(results, cards=cards, panels=panels)


def shorten(cards: Sequence[Card]) -> list[Card]:
    """The cards without the maps of embeddings that no picture shows: all but the first pair's."""
    first = min((card.pair for card in cards), default=0)
    return [card if card.pair == first else _without_map(card) for card in cards]


def _without_map(card: Card) -> Card:
    return replace(card, details={k: v for k, v in card.details.items() if k != "embedding"})


def keep_forget_sets(source: Path, target: Path) -> None:
    """Copy the files of ids in place of earlier ones; what is too large is named instead."""
    if target.is_dir():
        shutil.rmtree(target)
    for path in sorted(source.glob("*.txt")):
        if path.stat().st_size > LARGEST:
            print(f"not kept, {path.stat().st_size} bytes: {path}", file=sys.stderr)
            continue
        target.mkdir(exist_ok=True)
        shutil.copy(path, target / path.name)


def script_text(results: Results) -> str:
    """The content of reproduce.sh."""
    cards = [card for card in results.cards if card.versions]
    versions = dict.fromkeys(f"{k} {v}" for c in cards for k, v in sorted(c.versions.items()))
    devices = dict.fromkeys(str(card.device) for card in cards)
    digests = dict.fromkeys(f"{c.data}: {c.fingerprint}" for c in cards if c.fingerprint)
    commits = dict.fromkeys(
        f"{card.commit}{' with changes' if card.dirty else ''}" for card in cards if card.commit
    )
    return SCRIPT.format(
        versions=", ".join(versions) or "unknown versions",
        device=", ".join(devices) or "an unknown device",
        commit=f", commit {', '.join(commits)}" if commits else "",
        command=results.command,
        data=", ".join(digests) or "not recorded",
        name=results.experiment,
    )


if __name__ == "__main__":
    kept = keep(Path(sys.argv[1]), sys.argv[2:] == ["headline"])
    print(kept)
    if not (kept / "README.md").is_file():
        print(f"write {kept / 'README.md'}: '# TITLE', then '> FINDING'; see CONTRIBUTING")
