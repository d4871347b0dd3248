"""A kind of node of one's own."""
