"""Membership attacks: each file one attack, features.py what they look at."""
