"""Launching in containers, under upstream's name for it."""
