"""See reverb.cc."""
