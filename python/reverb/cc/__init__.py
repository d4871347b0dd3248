"""Upstream's names of messages: objects with the same fields, without protobuf."""
