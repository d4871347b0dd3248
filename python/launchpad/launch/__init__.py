"""Launching programs. `lp.launch` is the function in launchpad.launch.launch."""
