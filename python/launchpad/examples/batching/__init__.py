"""Calls that are answered in batches."""
