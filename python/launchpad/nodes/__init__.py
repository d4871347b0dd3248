"""The kinds of nodes that a program is drawn of, and what kinds of one's own derive from."""
