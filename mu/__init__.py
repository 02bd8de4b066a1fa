"""Machine unlearning for images and graphs, measured against retraining."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mu.auditing.audit import audit as audit
    from mu.auditing.session import Session as Session
    from mu.library import evaluate as evaluate
    from mu.library import unlearn as unlearn

__version__ = "0.1.0"
PLACES = {
    "audit": "mu.auditing.audit",
    "Session": "mu.auditing.session",
    "evaluate": "mu.library",
    "unlearn": "mu.library",
}
__all__ = ["Session", "audit", "evaluate", "unlearn"]


def __getattr__(name: str) -> Any:
    # Importing torch and Lightning takes seconds; `mu --help` must not wait for them.
    if name in PLACES:
        from importlib import import_module

        return getattr(import_module(PLACES[name]), name)
    raise AttributeError(f"module 'mu' has no attribute {name!r}")
