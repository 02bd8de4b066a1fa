"""Scores of an unlearned model against retrained ones, and the statistics of their gaps."""
