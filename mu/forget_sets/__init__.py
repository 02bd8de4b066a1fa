"""Requests: who is to be forgotten."""
