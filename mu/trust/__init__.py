"""What a file of somebody else may name, hold and unfold to."""
