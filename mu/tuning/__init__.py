"""Choosing the options of methods on validation forget sets."""
