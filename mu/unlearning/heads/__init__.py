"""What methods share that change the last layers alone."""
