"""Models known to be wrong, or half right, on which verdicts are tried: no unlearning methods."""
