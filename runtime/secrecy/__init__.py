"""Secrets of a run: where workers get them, what hides them in whatever is shown."""
