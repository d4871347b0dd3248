"""Programs to start from: `python -m launchpad.examples.NAME.launch`."""
