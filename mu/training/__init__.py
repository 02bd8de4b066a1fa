"""The only training stage."""
