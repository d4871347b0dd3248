"""The node that serves replay tables."""
