"""Keep the results of a run in the repository: cards, table, picture and how to repeat it.

Usage: python experiments/keep.py results/NAME
"""

import sys
from pathlib import Path
from typing import Any

from mu.reporting.canvas import looks
from mu.reporting.figures import forest
from mu.reporting.layout import sections
from mu.reporting.report import json_text, read_results
from mu.reporting.results import tabulated
from mu.reporting.table import markdown_table

HERE = Path(__file__).parent
SCRIPT = """\
#!/usr/bin/env bash
# Repeats this experiment. Made with {versions}.
# Scores are the same bits on the same kind of device with the same versions; elsewhere expect them
# within the intervals of table.md. Costs in seconds depend on the machine.
set -euo pipefail
cd "$(dirname "${{BASH_SOURCE[0]}}")/../.."
PATH="$PWD/.venv/bin:$PATH" {command} out=results/{name}
"""


def keep(folder: Path) -> Path:
    """Write ``experiments/NAME``; its path."""
    results: dict[str, Any] = tabulated(read_results(folder))
    name = results["experiment"]
    out = HERE / name
    out.mkdir(exist_ok=True)
    (out / "results.json").write_text(json_text(results), encoding="utf-8")
    (out / "table.md").write_text(markdown_table(results), encoding="utf-8")
    for section in sections(results):
        drawn = forest(section, looks(results)).replace(
            "<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1
        )
        picture = out / f"{section.name.replace(' ', '_')}.svg"
        picture.write_text(drawn, encoding="utf-8")
    found = [card["versions"] for card in results["cards"] if card["versions"]]
    versions = ", ".join(f"{k} {v}" for k, v in sorted(found[0].items())) if found else "?"
    script = out / "reproduce.sh"
    script.write_text(
        SCRIPT.format(versions=versions, command=results["command"], name=name), encoding="utf-8"
    )
    script.chmod(0o755)
    return out


if __name__ == "__main__":
    print(keep(Path(sys.argv[1])))
