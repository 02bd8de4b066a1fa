"""Machine unlearning for images and graphs, measured against retraining."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mu.version import __version__ as __version__

if TYPE_CHECKING:
    from mu.auditing.audit import audit as audit
    from mu.auditing.session import Session as Session
    from mu.library import cut as cut
    from mu.library import evaluate as evaluate
    from mu.library import merge as merge
    from mu.library import predict as predict
    from mu.library import unlearn as unlearn
    from mu.studies.lists import datasets as datasets
    from mu.studies.lists import experiments as experiments
    from mu.studies.lists import methods as methods
    from mu.studies.lists import metrics as metrics
    from mu.studies.own import study as study
    from mu.studies.run import load as load
    from mu.studies.run import run as run

PLACES = {
    "mu.auditing.audit": ("audit",),
    "mu.auditing.session": ("Session",),
    "mu.library": ("cut", "evaluate", "merge", "predict", "unlearn"),
    "mu.studies.lists": ("datasets", "experiments", "methods", "metrics"),
    "mu.studies.own": ("study",),
    "mu.studies.run": ("load", "run"),
}
WHERE = {name: module for module, names in PLACES.items() for name in names}
__all__ = [
    "Session",
    "audit",
    "cut",
    "datasets",
    "evaluate",
    "experiments",
    "load",
    "merge",
    "methods",
    "metrics",
    "predict",
    "run",
    "study",
    "unlearn",
]


def __getattr__(name: str) -> Any:
    # Importing torch and Lightning takes seconds; `mu --help` must not wait for them.
    if name in WHERE:
        return getattr(import_module(WHERE[name]), name)
    raise AttributeError(f"module 'mu' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*WHERE, "__version__"})
