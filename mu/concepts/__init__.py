"""What a class looks like in words, which class looks like it, and where in an image that is."""
