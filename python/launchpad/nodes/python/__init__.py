"""Nodes that run Python functions and objects."""
