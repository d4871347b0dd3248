"""Launching a program's nodes as processes."""
