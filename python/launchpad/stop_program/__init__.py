"""lp.stop: stops the calling node's whole program."""
