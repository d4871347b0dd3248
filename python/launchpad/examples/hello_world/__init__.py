"""The smallest program."""
