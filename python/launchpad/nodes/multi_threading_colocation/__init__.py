"""Nodes that run together in one process."""
