"""What a card becomes in W&B: names, rows, tables, runs."""
