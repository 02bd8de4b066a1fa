"""What a method is handed, and how its samples are drawn and read."""
