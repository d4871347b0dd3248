"""Launching a program's nodes as threads of this process."""
