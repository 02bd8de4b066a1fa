"""Machine unlearning for images and graphs, measured against retraining."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mu.library import evaluate as evaluate
    from mu.library import unlearn as unlearn

__version__ = "0.1.0"
__all__ = ["evaluate", "unlearn"]


def __getattr__(name: str) -> Any:
    # Importing torch and Lightning takes seconds; `mu --help` must not wait for them.
    if name in __all__:
        import mu.library

        return getattr(mu.library, name)
    raise AttributeError(f"module 'mu' has no attribute {name!r}")
