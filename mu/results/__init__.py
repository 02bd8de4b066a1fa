"""The record of a study: cards, rows, verdicts, and what is computed from them; no torch."""
