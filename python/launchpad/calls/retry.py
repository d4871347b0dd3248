"""RetryPolicy: which calls of a client are made again, and when. A value; the client's C++ part
does it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class RetryPolicy:
    """How calls that fail as UNAVAILABLE are made again (Client's `retry`).

    Without one a call runs at most once. What failed may have run all the same: a policy is for
    methods that may run twice. The client's call_timeout is for all attempts of a call together.

    Attributes:
      attempts: in all, at least 1.
      first_pause: seconds before the second attempt.
      growth: each further pause is so many times as long,
      longest_pause: but no longer than these seconds,
      jitter: plus or minus up to this part of it (0 to 1), at random.
      seed: of the randomness; None: the environment's LP_SEED, or a random one.
      methods: names of the methods that may run twice; empty: all.

    Raises:
      ValueError: a number that makes no sense.
    """

    attempts: int = 5
    first_pause: float = 0.01
    growth: float = 2.0
    longest_pause: float = 1.0
    jitter: float = 0.5
    seed: int | None = None
    methods: Sequence[str] = ()

    def __post_init__(self) -> None:
        if isinstance(self.methods, str):
            raise ValueError(
                f"RetryPolicy's methods must be a list of names, not the text {self.methods!r}"
            )
        object.__setattr__(self, "methods", tuple(self.methods))
        for name, least, most in (
            ("attempts", 1, 1 << 30),
            ("first_pause", 0, 1e9),
            ("growth", 1, 1e9),
            ("longest_pause", 0, 1e9),
            ("jitter", 0, 1),
        ):
            value = getattr(self, name)
            kinds = int if name == "attempts" else (int, float)
            if not isinstance(value, kinds) or not least <= value <= most:
                raise ValueError(
                    f"RetryPolicy's {name} must be from {least:g} to {most:g}, not {value!r}"
                )
