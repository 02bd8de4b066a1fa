"""Does the instrument work? Rows whose verdict is known, judged as methods are."""
