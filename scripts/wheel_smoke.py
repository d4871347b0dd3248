"""What a wheel must do in a fresh environment. Run by scripts/wheels.py outside the source tree."""

import sys

import launchpad._core

assert "site-packages" in launchpad._core.__file__, launchpad._core.__file__
print(f"ok: launchpad with Python {sys.version.split()[0]}")
