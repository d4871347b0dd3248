"""A consumer that asks several producers for work."""
