"""Experiments from Python: what the command line does, with the same words."""
