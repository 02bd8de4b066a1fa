"""Scores of an unlearned model against retrained ones; what is made of their gaps: mu.results."""
