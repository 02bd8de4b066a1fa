"""What came of the cases of one part."""

from collections import Counter
from dataclasses import dataclass, field

TRACEBACK, ELSEWHERE, LOST, OTHER = "traceback", "elsewhere", "lost", "other"
FAULTS = (TRACEBACK, ELSEWHERE, LOST, OTHER)


class Wrong(AssertionError):
    """A case that did not hold: which kind of fault, and what was seen."""

    def __init__(self, kind: str, seen: str) -> None:
        super().__init__(f"{kind}: {seen}")
        self.kind = kind


@dataclass
class Tally:
    """Cases of one part by how they ended."""

    part: str
    cases: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def held(self) -> int:
        return self.cases - self.faults.total()

    def add(self, name: str, error: BaseException | None = None) -> None:
        """Count a case; what is neither a `Wrong` nor a failed assertion is a traceback."""
        self.cases += 1
        if error is None:
            return
        plain = OTHER if isinstance(error, AssertionError) else TRACEBACK
        self.faults[getattr(error, "kind", plain)] += 1
        words = " ".join(str(error).split())[:400]
        self.notes.append(f"{self.part}, {name}: {type(error).__name__}: {words}")


def table(tallies: list[Tally]) -> str:
    """A line a part, and their sum."""
    head = (
        f"{'':34}{'cases':>7}{'held':>7}{'tracebacks':>12}{'elsewhere':>11}{'lost':>6}{'other':>7}"
    )
    whole = Tally("all")
    for one in tallies:
        whole.cases += one.cases
        whole.faults += one.faults
    lines = [
        f"{one.part:34}{one.cases:7}{one.held:7}{one.faults[TRACEBACK]:12}"
        f"{one.faults[ELSEWHERE]:11}{one.faults[LOST]:6}{one.faults[OTHER]:7}"
        for one in (*tallies, whole)
    ]
    return "\n".join([head, *lines])
