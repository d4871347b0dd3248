"""Nodes that run together as the processes of one."""
