"""The works that every Python contender does, and the one way in which they are timed.

A contender is an object with some of the methods of `Contender`; `main` runs what it has and prints
one JSON line per measurement. Standard library and numpy only, and readable by Python 3.8, since it
runs inside each peer's own virtual environment. It starts no process and knows no peer.
"""

import argparse
import json
import os
import time

import placement

KIB, MIB = 1024, 1024 * 1024
SIZES = {"1 KiB": KIB, "64 KiB": 64 * KIB, "1 MiB": MIB, "16 MiB": 16 * MIB, "100 MiB": 100 * MIB}
QUICK_SIZES = ("1 KiB", "1 MiB", "16 MiB")
PAYLOAD = b"x" * 64
BATCH = 1000
CALLS = ("sync", "pipelined", "stream", "echo", "send")
WORKS = ("clients", *CALLS, "lent", "broadcast", "launch", "idle", "import", "size", "replay")


def footprint():
    """The module that measures imports and sizes, which itself uses this one."""
    import footprint as module

    return module


def growth():
    """The module that measures growth with clients, which itself uses this one."""
    import growth as module

    return module


class Contender:
    """What a contender may have. Leave out what it cannot do: it is then left out of the table."""

    name = ""
    batch_size = BATCH
    stream_size = 10 * BATCH
    most_clients = 256
    module = distribution = ""  # What is imported and installed; empty: not measured.

    def open(self):
        """Starts the server process and connects to it."""

    def close(self):
        """Ends what `open` started."""

    def measure_import(self):
        """Seconds of the import of `module`."""
        if self.module:
            footprint().measure_import(self.name, self.module)

    def measure_size(self):
        """MB that `distribution` installs."""
        if self.distribution:
            footprint().measure_size(self.name, self.distribution)

    def split(self, cores):
        """Puts the client on the first of two cores, and the server on the second."""
        placement.split(cores)

    def measure_extras(self, options):
        """What only this contender measures, together with `sync`."""

    # serve(): starts the server process alone, before `open`, with no thread here.
    # connect(): in a fork of this process; gives a call(payload) over a connection of its own.
    # call(payload): one round trip of 64 B; gives the payload back.
    # batch(payload, count): `count` round trips, all issued before the first is waited for.
    # stream(count): yields the `count` results of 64 B of one call, as they arrive.
    # echo(array): gives an equal array back. send(array): gives its first element, as a float.
    # launch(nodes): yields (work, seconds) from launch to the last of `nodes` processes' answer.
    # idle(nodes): per cent of a core that a program of as many nodes uses while nobody calls.


class Options:
    """How long to measure, and what."""

    def __init__(self, quick=False, works=WORKS, cores=()):
        self.quick = quick
        self.cores = tuple(cores)  # None: not pinned; one: all on it; two: client, server.
        self.suffix = ("", "_one_core", "_two_cores")[len(self.cores)]
        self.works = tuple(works)
        self.seconds = 0.2 if quick else 0.8
        self.sizes = {k: v for k, v in SIZES.items() if not quick or k in QUICK_SIZES}
        self.nodes = (1, 4) if quick else (1, 2, 4, 8, 16, 32)


def emit(contender, work, metric, value, unit):
    """Prints one measurement."""
    line = {"contender": contender, "work": work, "metric": metric, "value": value, "unit": unit}
    print(json.dumps(line), flush=True)


def emit_error(contender, work, error):
    """Prints that a work failed, and why."""
    first = str(error).strip().split("\n")[0][:200]
    line = {"contender": contender, "work": work, "error": f"{type(error).__name__}: {first}"}
    print(json.dumps(line), flush=True)


def quantile(values, fraction):
    """The value below which `fraction` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]


def times_of(call, seconds, warm_up, at_least):
    """Seconds of each call, for about `seconds`, after `warm_up` calls (at most as long again)."""
    clock = time.perf_counter
    deadline = clock() + seconds
    for _ in range(warm_up):
        call()
        if clock() > deadline:
            break
    times = []
    start = clock()
    while clock() - start < seconds or len(times) < at_least:
        before = clock()
        call()
        times.append(clock() - before)
    return times


def measure_sync(contender, options, work="sync", call=None):
    """p50 and p99 of a round trip of 64 B, in us."""
    call, work = call or contender.call, work + options.suffix
    if bytes(call(PAYLOAD)) != PAYLOAD:
        raise RuntimeError("the answer is not the payload")
    times = times_of(lambda: call(PAYLOAD), options.seconds, 500, 20)
    emit(contender.name, work, "p50", quantile(times, 0.5) * 1e6, "us")
    emit(contender.name, work, "p99", quantile(times, 0.99) * 1e6, "us")


def measure_calls(contender, options):
    """The synchronous call, and what the contender measures beside it."""
    measure_sync(contender, options)
    contender.measure_extras(options)


def measure_pipelined(contender, options):
    """Calls of 64 B per second with `batch_size` outstanding: the median batch."""
    count = contender.batch_size
    times = times_of(lambda: contender.batch(PAYLOAD, count), options.seconds, 3, 3)
    emit(contender.name, "pipelined", "calls", count / quantile(times, 0.5), "calls/s")


def measure_stream(contender, options):
    """Results of 64 B per second that one call gives: the median stream, opening included."""
    count = contender.stream_size

    def take():
        taken = sum(bytes(result) == PAYLOAD for result in contender.stream(count))
        if taken != count:
            raise RuntimeError(f"{taken} of {count} results arrived")

    times = times_of(take, options.seconds, 1, 3)
    emit(contender.name, "stream", "results", count / quantile(times, 0.5), "items/s")


def measure_arrays(contender, options, work):
    """GB/s of float32 arrays; echo counts the bytes twice (there and back), send once.

    Each call stamps the array, and the answer must bring the stamp back: no cache can answer.
    """
    import numpy as np

    for label, size in options.sizes.items():
        array = np.zeros(size // 4, np.float32)
        stamp = 0

        def call(array=array):
            nonlocal stamp
            stamp += 1
            array[0] = stamp
            answer = getattr(contender, work)(array)
            if work == "echo":
                if answer.nbytes != array.nbytes or answer.dtype != array.dtype:
                    raise RuntimeError("the answer is another array")
                answer = answer[0]
            if float(answer) != stamp:
                raise RuntimeError("the answer belongs to another call")

        times = times_of(call, options.seconds / 2, 2, 3)
        moved = array.nbytes * (2 if work == "echo" else 1)
        emit(contender.name, work, label, moved / quantile(times, 0.5) / 1e9, "GB/s")


def measure_tcp_too(contender, options, work):
    """Arrays, and what only the limit has: the same by TCP."""
    measure_arrays(contender, options, work)
    if hasattr(contender, work + "_tcp"):
        measure_arrays(contender, options, work + "_tcp")


def nodes_text(nodes):
    """1 node, 2 nodes."""
    return f"{nodes} node" + "s" * (nodes > 1)


def measure_launch(contender, options):
    """Seconds from launch to the answer of the last of 1 to 32 nodes."""
    for nodes in options.nodes:
        for work, seconds in contender.launch(nodes):
            emit(contender.name, work, nodes_text(nodes), seconds, "s")


def measure_idle(contender, options):
    """Per cent of a core that the largest program of the launch work uses while nobody calls."""
    nodes = options.nodes[-1]
    emit(contender.name, "idle", nodes_text(nodes), contender.idle(nodes), "%")


def measure(contender, options):
    """Runs all works of `options` that the contender has; if one fails, the others go on."""
    steps = {
        "clients": ("connect", lambda: growth().measure(contender, options)),
        "sync": ("call", lambda: measure_calls(contender, options)),
        "pipelined": ("batch", lambda: measure_pipelined(contender, options)),
        "stream": ("stream", lambda: measure_stream(contender, options)),
        "echo": ("echo", lambda: measure_arrays(contender, options, "echo")),
        "send": ("send", lambda: measure_tcp_too(contender, options, "send")),
        "lent": ("measure_lent", lambda: contender.measure_lent(options)),
        "broadcast": ("measure_broadcast", lambda: contender.measure_broadcast(options)),
        "launch": ("launch", lambda: measure_launch(contender, options)),
        "idle": ("idle", lambda: measure_idle(contender, options)),
        "import": ("measure_import", lambda: contender.measure_import()),
        "size": ("measure_size", lambda: contender.measure_size()),
        "replay": ("measure_replay", lambda: contender.measure_replay(options)),
    }
    if len(options.cores) == 2:
        contender.split(options.cores)
    for work in options.works:
        method, step = steps[work]
        if hasattr(contender, method):
            try:
                step()
            except Exception as error:  # pylint: disable=broad-except
                emit_error(contender.name, work, error)


def parse(argv=None):
    """The options on the command line, and what is left of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--works", default=",".join(WORKS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cores", default="", help="one for all, or two: client,server")
    known, rest = parser.parse_known_args(argv)
    cores = [int(core) for core in known.cores.split(",") if core]
    if len(cores) == 1:
        os.sched_setaffinity(0, cores)
    return Options(known.quick, [w for w in known.works.split(",") if w], cores), rest


def main(contender, argv=None):
    """Runs one contender from open to close."""
    options, _ = parse(argv)
    wanted = options.works
    if "clients" in wanted and hasattr(contender, "serve"):
        options.works = ["clients"]  # Before there are threads: it forks.
        contender.serve()
        try:
            measure(contender, options)
        finally:
            contender.close()
    options.works = [w for w in wanted if w in CALLS]
    if options.works:
        contender.open()
        try:
            measure(contender, options)
        finally:
            contender.close()
    options.works, options.cores = [w for w in wanted if w not in ("clients", *CALLS)], ()
    measure(contender, options)
