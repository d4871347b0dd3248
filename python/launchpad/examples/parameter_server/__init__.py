"""Workers that share parameters."""
