"""Searches that try methods: their setting, their step, and the bi-level search."""
