"""How often does each verdict fall? Rows judged by many groups of a few of their pairs."""
