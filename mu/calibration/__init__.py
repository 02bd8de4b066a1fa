"""Models known to be wrong, on which the rule of verdicts is tried: no unlearning methods."""
