"""Nodes whose objects can be called from other nodes."""
