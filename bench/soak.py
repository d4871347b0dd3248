"""`./dev bench --soak`: many clients call one server for minutes, with payloads of all kinds. Every
answer is held against its call, and the memory and the descriptors of all processes must not grow.

A program of Launchpad's: a server, the clients, and a watcher that samples /proc and ends it all.
Ends with an error that says what is wrong. `trouble_in` is pure.
"""

import os
import random
import statistics
import sys
import threading
import time

CLIENTS = 64
SAMPLE_SECONDS = 2
LINE_SECONDS = 60
REPORT_SECONDS = 1
SILENCE_SECONDS = 60  # A client that reports nothing for so long waits for an answer.
WARM_UP = 0.4  # Of the time, in which memory may grow: pools fill.
# What a figure may grow by after the warm-up: a part of it, and so much besides.
GROWTH = 0.1
SLACK = {"server MiB": 16, "clients MiB": 64, "server descriptors": 64, "clients descriptors": 64}


class Server:
    """What is called."""

    def echo(self, value):
        return value

    def total(self, array):
        return float(array.sum())

    def fail(self, text):
        raise ValueError(text)

    def pid(self):
        return os.getpid()


class Client:
    """Calls in a random order, until the watcher has seen enough."""

    def __init__(self, number, server, watcher):
        self._number, self._server, self._watcher = number, server, watcher
        self._calls = 0

    def run(self):
        """The node's life; an answer that is another call's raises, which stops the program."""
        kinds = (self.small, self.many, self.nested, self.arrays, self.lent, self.error)
        weights = (60, 10, 15, 10, 4, 1)
        choice = random.Random(self._number)
        due = 0
        while True:
            if time.monotonic() >= due:
                if not self._watcher.report(self._number, os.getpid(), self._calls):
                    return
                due = time.monotonic() + REPORT_SECONDS
            choice.choices(kinds, weights)[0](choice)

    def stamp(self):
        """Another one for each call of each client."""
        self._calls += 1
        return f"{self._number}:{self._calls}"

    def check(self, right, stamp):
        """Raises unless it is right."""
        if not right:
            raise RuntimeError(f"the answer to call {stamp} is not its own")

    def small(self, choice):
        for _ in range(100):
            stamp = self.stamp().encode().ljust(64, b".")
            self.check(self._server.echo(stamp) == stamp, stamp)

    def many(self, choice):
        stamps = [self.stamp() for _ in range(choice.randrange(2, 100))]
        futures = [self._server.futures.echo(stamp) for stamp in stamps]
        for stamp, future in zip(stamps, futures):
            self.check(future.result() == stamp, stamp)

    def nested(self, choice):
        stamp = self.stamp()
        text = stamp * choice.randrange(1, 5000)
        value = {
            "stamp": stamp,
            "text": text,
            "more": [1.5, None, (stamp, {"deep": text.encode()})],
        }
        self.check(self._server.echo(value) == value, stamp)

    def arrays(self, choice):
        import numpy as np

        stamp = self.stamp()
        size = choice.choice((10, 1000, 16 * 1024, 100_000, 256 * 1024))  # 80 B to 2 MiB.
        array = np.arange(size, dtype=np.float64) + hash(stamp) % 1_000_000
        self.check(np.array_equal(self._server.echo(array), array), stamp)

    def lent(self, choice):
        import numpy as np

        import launchpad as lp

        stamp = self.stamp()
        array = lp.empty(choice.choice((20_000, 256 * 1024)), np.float32)
        array[:] = value = hash(stamp) % 7
        self.check(self._server.total(array) == value * array.size, stamp)

    def error(self, choice):
        stamp = self.stamp()
        try:
            self._server.fail(stamp)
        except ValueError as error:
            self.check(stamp in str(error).split(), stamp)
        else:
            self.check(False, stamp)


class Watcher:
    """Samples the processes, prints a line a minute, and ends the program."""

    def __init__(self, server, seconds):
        self._server, self._seconds = server, seconds
        self._lock = threading.Lock()
        self._reports = {}  # Of each client: its process, its calls, and when it said so.
        self._ended = set()
        self._over = False

    def report(self, number, pid, calls):
        """A client's; false: it is enough."""
        with self._lock:
            self._reports[number] = (pid, calls, time.monotonic())
            if self._over:
                self._ended.add(number)
            return not self._over

    def run(self):
        """The node's life."""
        import launchpad as lp

        server = self._server.pid()
        self.wait(lambda: len(self._reports) == CLIENTS, "a client does not begin")
        samples = []
        begin = line = time.monotonic()
        calls = self.calls()
        print(f"{CLIENTS} clients call", flush=True)
        while time.monotonic() < begin + self._seconds:
            time.sleep(SAMPLE_SECONDS)
            samples.append(self.sample(server))
            now = time.monotonic()
            if now - line >= LINE_SECONDS or now >= begin + self._seconds:
                print(
                    line_of(now - begin, self.calls() - calls, now - line, samples[-1]), flush=True
                )
                line, calls = now, self.calls()
        with self._lock:
            self._over = True
        self.wait(lambda: len(self._ended) == CLIENTS, "a client does not end")
        trouble = trouble_in(samples)
        if trouble:
            raise RuntimeError(trouble)
        print(f"{self.calls():,} calls, each answered by its own answer; nothing grew", flush=True)
        lp.stop()

    def calls(self):
        """All clients' together."""
        with self._lock:
            return sum(calls for _, calls, _ in self._reports.values())

    def wait(self, so, what):
        """Until it is so."""
        limit = time.monotonic() + SILENCE_SECONDS
        while not so():
            if time.monotonic() > limit:
                raise RuntimeError(what)
            time.sleep(0.05)

    def sample(self, server):
        """What the processes take now; raises if a client has said nothing for long."""
        with self._lock:
            reports = dict(self._reports)
        for number, (_, calls, when) in sorted(reports.items()):
            if time.monotonic() - when > SILENCE_SECONDS:
                raise RuntimeError(f"client {number} waits for an answer after {calls} calls")
        clients = [pid for pid, _, _ in reports.values()]
        return {
            "server MiB": memory_of(server),
            "server descriptors": descriptors_of(server),
            "clients MiB": sum(map(memory_of, clients)),
            "clients descriptors": sum(map(descriptors_of, clients)),
        }


def memory_of(pid):
    """MiB, of what processes share a part only (PSS)."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024


def descriptors_of(pid):
    """Open ones."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def line_of(elapsed, calls, seconds, sample):
    """A line for people."""
    return (
        f"after {elapsed / 60:.1f} min: {calls / seconds:,.0f} calls/s; "
        f"server {sample['server MiB']:,.1f} MiB, {sample['server descriptors']} descriptors; "
        f"clients {sample['clients MiB']:,.0f} MiB, {sample['clients descriptors']} descriptors"
    )


def trouble_in(samples):
    """What has grown since the warm-up: empty if nothing has.

    Compares the medians of the first and the last third of what came after the warm-up.
    """
    steady = samples[int(len(samples) * WARM_UP) :]
    third = max(1, len(steady) // 3)
    grown = []
    for what, slack in SLACK.items():
        before = statistics.median(sample[what] for sample in steady[:third])
        after = statistics.median(sample[what] for sample in steady[-third:])
        if after > before * (1 + GROWTH) + slack:
            grown.append(f"{what} grew from {before:,.1f} to {after:,.1f}")
    return "; ".join(grown)


def main(minutes):
    """One soak; raises what went wrong."""
    import launchpad as lp

    program = lp.Program("soak")
    server = program.add_node(lp.CourierNode(Server), label="server")
    watcher = program.add_node(lp.CourierNode(Watcher, server, 60 * minutes), label="watcher")
    with program.group("client"):
        for number in range(CLIENTS):
            program.add_node(lp.PyClassNode(Client, number, server, watcher))
    lp.launch(program, launch_type="local_mp", terminal="current_terminal")


if __name__ == "__main__":
    main(float(sys.argv.pop()))
