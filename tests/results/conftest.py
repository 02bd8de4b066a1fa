"""The synthetic experiment of the report's tests."""

from reporting.conftest import results

__all__ = ["results"]
