"""What the scores are, from their docstrings: all of them in full, and some of them in short."""

import re

from writers.options import cell
from writers.studies import grid

from mu.results.definitions import Definition, definitions, reach
from mu.verbs.explain import all_scores

FAMILIES = {
    "forgetting": "Forgetting",
    "attack": "Attacks",
    "utility": "Utility",
    "distance": "Distance to the oracles",
    "summary": "Several scores in one",
    "cost": "Cost",
}


def everything() -> str:
    """Every score by family; scores that differ in the part of the data alone stand together."""
    known, facts = definitions(), all_scores()
    blocks = []
    for family, title in FAMILIES.items():
        names = [n for n, (one, _) in facts.items() if one["family"] == family]
        groups: dict[tuple[str, str], list[str]] = {}
        for name in names:
            groups.setdefault((known[name].formula, known[name].about), []).append(name)
        blocks.append(f"## {title}")
        blocks += [_entry(group, known) for group in groups.values()]
    return "\n\n".join(blocks) + "\n"


def _entry(names: list[str], known: dict[str, Definition]) -> str:
    one, (facts, _) = known[names[0]], all_scores()[names[0]]
    head = ", ".join(f"{all_scores()[name][0]['title']} (`{name}`)" for name in names)
    lines = [f"### {head}", ""]
    lines += [f"- {known[name].name}" for name in names]
    lines += [f"- **{word}:** {text}" for word, text in one.facts(reach(facts)).items()]
    return "\n".join([*lines, *(["", one.about] if one.about else [])])


def short(names: list[str]) -> str:
    """A row for each of some scores: its name in full, and of the oracle what is said first."""
    rows = [["", "in full", "oracle"]]
    for name in names:
        one, (facts, _) = definitions()[name], all_scores()[name]
        expected = re.split("[:;] ", one.oracle)[0]
        rows.append([facts["title"], cell(one.name), cell(expected)])
    return grid(rows) + "\n"
