"""Ways to get out of a model what it was made to forget."""
