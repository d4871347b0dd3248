"""Upstream's place for the client's and server's modules."""
