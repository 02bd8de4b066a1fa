"""What is in the store, how it is shared between machines, and what may go."""
