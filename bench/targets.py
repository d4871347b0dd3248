"""What is to be reached, as data: NOW for the first release, LATER for the work on speed. Pure."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Target:
    """`key` (contender, work, metric) against a bound: absolute, or a factor of `other`.

    With `other` the value is the plain quotient key / other, so a rate is to be above its bound.
    """

    name: str
    key: tuple
    bound: float
    other: tuple | None = None
    above: bool = False
    unit: str = ""

    def value(self, found):
        """What was measured, or None."""
        mine = found.get(self.key)
        if self.other is None or mine is None:
            return mine and mine[0]
        other = found.get(self.other)
        return other and mine[0] / other[0]

    def reached(self, value):
        """Whether that is enough."""
        return value >= self.bound if self.above else value <= self.bound

    def text(self):
        """The bound, as people read it."""
        sign = ">=" if self.above else "<="
        if self.other:
            return f"{sign} {self.bound:g} x {self.other[0]} {self.other[1]}"
        return f"{sign} {self.bound:,.15g} {self.unit}".rstrip()


def sync(language, bound):
    """The synchronous call against the raw Unix-socket ping-pong, on one core and on two."""
    name = {"py": "Python", "cpp": "C++"}[language]
    return tuple(
        Target(
            f"{name} sync call, {place}",
            (f"ours-{language}", work, "p50"),
            bound,
            (f"raw-{language}", work, "p50"),
        )
        for work, place in (("sync_one_core", "one core"), ("sync_two_cores", "two cores"))
    )


REPLAY = (("Python", "replay-py"), ("C++", "replay-cpp"))


def replay(metric, bound):
    """A rate of items of 1 KiB, in both languages."""
    return tuple(
        Target(
            f"replay {language}, {metric}",
            (name, "replay", metric),
            bound,
            above=True,
            unit="items/s",
        )
        for language, name in REPLAY
    )


NOW = (
    *sync("py", 2.5),
    *sync("cpp", 1.6),
    Target("Python futures", ("ours-py", "pipelined", "calls"), 40_000, above=True, unit="calls/s"),
    Target(
        "C++ pipelined", ("ours-cpp", "pipelined", "calls"), 300_000, above=True, unit="calls/s"
    ),
    Target("import of launchpad", ("ours-py", "import", "package"), 0.15, unit="s"),
    Target("installed size without numpy", ("ours-py", "size", "installed"), 15, unit="MB"),
)
LATER = (
    *sync("py", 1.0),
    *sync("cpp", 0.7),
    Target(
        "Python futures", ("ours-py", "pipelined", "calls"), 100_000, above=True, unit="calls/s"
    ),
    Target(
        "C++ pipelined", ("ours-cpp", "pipelined", "calls"), 2_000_000, above=True, unit="calls/s"
    ),
    Target(
        "echo of 16 MiB, Python",
        ("ours-py", "echo", "16 MiB"),
        1.0,
        ("raw-cpp", "memcpy", "16 MiB"),
        above=True,
    ),
    Target(
        "send of 100 MiB, Python",
        ("ours-py", "send", "100 MiB"),
        1.0,
        ("raw-cpp", "memcpy", "100 MiB"),
        above=True,
    ),
    Target(
        "tcp loopback call, Python, one core",
        ("ours-py-tcp", "sync_one_core", "p50"),
        1.5,
        ("raw-py", "sync_tcp_one_core", "p50"),
    ),
    Target(
        "send of 16 MiB by tcp loopback, Python",
        ("ours-py-tcp", "send", "16 MiB"),
        0.8,
        ("raw-py", "send_tcp", "16 MiB"),
        above=True,
    ),
    Target(
        "send of 100 MiB from lp.empty, Python",
        ("ours-py", "lent", "100 MiB"),
        2,
        ("ours-py", "lent", "1 MiB"),
    ),
    Target(
        "broadcast of 16 MiB to 8 nodes against a copy for each",
        ("ours-py", "broadcast", "lp.broadcast"),
        0.5,
        ("ours-py", "broadcast", "a call each"),
    ),
    *(
        Target(
            name,
            (contender, work, "256"),
            0.8,
            (contender, work, "1"),
            above=True,
        )
        for name, contender, work in (
            ("256 clients, a call outstanding each, C++", "courier-cpp", "clients"),
            ("256 clients, a call outstanding each, Python", "ours-py", "clients"),
            (
                "256 clients, 256 calls outstanding each, C++",
                "courier-cpp",
                "pipelining_clients",
            ),
            ("256 clients in one process, C++", "courier-cpp", "driven_clients"),
        )
    ),
    Target(
        "256 clients, C++, against bare futexes",
        ("courier-cpp", "clients", "256"),
        0.8,
        ("raw-cpp", "futex_clients", "256"),
        above=True,
    ),
    *(
        Target(
            f"memory of an idle connection, {end}, after {calls}",
            ("courier-cpp", "connection_memory", f"{end}, after {calls}"),
            64,
            unit="KiB",
        )
        for end in ("server", "client")
        for calls in ("1,000 calls", "256 at once")
    ),
    *replay("insert", 50_000),
    *replay("items of 10 steps", 100_000),
    *replay("sample, one at a time", 30_000),
    *replay("sample, streamed", 100_000),
    *replay("sample, 256 at a time", 500_000),
    *replay("64 priorities", 50_000),
    *(
        Target(
            f"replay {language}, 256 at a time, 28 KiB",
            (name, "replay_28_kib_bytes", "sample, 256 at a time"),
            0.5,
            ("raw-cpp", "memcpy", "16 MiB"),
            above=True,
        )
        for language, name in REPLAY
    ),
    Target(
        "replay in process, sample + update",
        ("replay-cpp", "replay_in_process", "sample + update"),
        2_000_000,
        above=True,
        unit="items/s",
    ),
    # 1.3 x the data and 150 B more.
    Target(
        "replay, memory of an item of 1 KiB",
        ("replay-cpp", "replay_memory", "an item of 1 KiB"),
        1.3 * 1024 + 150,
        unit="B",
    ),
    *(
        Target(
            f"replay {language}, p99 of a sample while checkpoints are written",
            (name, "replay_checkpoints", "p99 while they are written"),
            2,
            (name, "replay_checkpoints", "p99"),
        )
        for language, name in REPLAY
    ),
    Target("4 Python nodes", ("ours-py", "launch", "4 nodes"), 0.2, unit="s"),
    Target("32 Python nodes", ("ours-py", "launch", "32 nodes"), 0.6, unit="s"),
    Target("32 Python nodes that wait", ("ours-py", "idle", "32 nodes"), 1, unit="%"),
)
