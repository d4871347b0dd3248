"""Tables from their configuration as messages."""
