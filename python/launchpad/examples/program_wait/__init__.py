"""A program that waits for its own end."""
