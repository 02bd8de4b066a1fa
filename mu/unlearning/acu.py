"""ACU: analytic continual unlearning (arXiv 2505.12239)."""

from mu.analytic.head import AnalyticHead

__all__ = ["AnalyticHead"]
