"""The pictures of the page: each file one kind."""
