"""What calls of a replay server raise beyond Python's own errors.

A bad argument is a ValueError, a server that says no a RuntimeError, as programs of dm-reverb
expect.
"""


class ReverbError(Exception):
    """Base class of Reverb's own errors."""


class DeadlineExceededError(ReverbError):
    """A call did not end within its time limit. What it asked for may still happen."""
