"""One file per unlearning method."""
