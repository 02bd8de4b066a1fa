"""Pictures that a notebook shows and a file keeps."""

from collections.abc import Mapping
from pathlib import Path

from mu.reporting.pictures.canvas import standalone
from mu.storing.whole_files import write_text


class Pictures:
    """One or several drawings as SVG.

    Args:
        drawn: Name → text of an SVG.
    """

    def __init__(self, drawn: Mapping[str, str]) -> None:
        self.drawn = dict(drawn)

    def save(self, path: str | Path) -> list[Path]:
        """Write the drawings; of several each gets its name before the ending. Their paths."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        several = len(self.drawn) > 1
        found = []
        for name, text in self.drawn.items():
            target = path.with_name(f"{path.stem}-{name}{path.suffix}") if several else path
            write_text(target, standalone(text))
            found.append(target)
        return found

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(self.drawn)}>"

    def _repr_html_(self) -> str:
        return "\n".join(self.drawn.values())
