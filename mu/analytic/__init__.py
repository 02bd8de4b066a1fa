"""Analytic heads: ridge regression that learns and unlearns exactly, of sums and never of rows."""
