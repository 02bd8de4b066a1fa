"""Gradients of many samples and what is solved with them."""
