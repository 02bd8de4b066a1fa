"""Learners and the networks they wrap."""
