"""Replay through the one API that ours (`replay-py`) and dm-reverb have: `import reverb`.

A server in a process of its own and one client: inserts, items, samples, priorities. The twin of
cpp/replay.cc: the same works, numbers and statistics.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import works

STEPS = 10  # Of an item.
ITEMS = 100  # Made before their writer waits for its last 200.
SAMPLES = 256  # Of a batch.
STORED = 1000  # Items that are sampled.
TABLE = "t"
KEPT = "kept"  # The table whose checkpoints count.


def serve(folder):
    """Two tables, for steps of 1 and of 28 KiB, and one for checkpoints, which are written to
    `folder`, until standard input is closed.
    """
    import reverb

    if "--upstream" in sys.argv:
        from tensorflow import TensorSpec, float32
    else:
        TensorSpec, float32 = reverb.TensorSpec, np.float32
    tables = [
        reverb.Table(
            name=name,
            sampler=reverb.selectors.Prioritized(0.6),
            remover=reverb.selectors.Fifo(),
            max_size=size,
            rate_limiter=reverb.rate_limiters.MinSize(1),
            signature=TensorSpec((None, kib * works.KIB // 4), float32),
        )
        for name, kib, size in (
            (f"{TABLE}1", 1, 20_000),
            (f"{TABLE}28", 28, 20_000),
            (KEPT, 1, 100_000),
        )
    ]
    server = reverb.Server(tables, checkpointer=reverb.checkpointers.DefaultCheckpointer(folder))
    print(server.port, flush=True)
    sys.stdin.read()
    os._exit(0)


def resident_bytes(pid):
    """Memory of a process."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


class Replay(works.Contender):
    """The works of a reverb.Client."""

    def __init__(self, name):
        self.name = name

    def start(self):
        import reverb

        self.folder = tempfile.mkdtemp(prefix="lp-")
        command = [sys.executable, __file__, "--serve", self.folder]
        if self.name == "dm-reverb":
            command.append("--upstream")
        self.server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.reverb = reverb
        self.address = f"localhost:{int(self.server.stdout.readline())}"
        self.client = reverb.Client(self.address)

    def stop(self):
        self.server.stdin.close()
        self.server.wait()
        shutil.rmtree(self.folder)

    def measure_replay(self, options):
        """All of it."""
        self.start()
        try:
            small, large = step(1), step(28)
            self.measure_memory(small)
            for work, kib, data in (("replay", 1, small), ("replay_28_kib", 28, large)):
                self.measure_writes(options, work, f"{TABLE}{kib}", data)
                self.measure_reads(options, work, f"{TABLE}{kib}", data)
            self.measure_writers(options, small)
            self.client.reset(f"{TABLE}1")
            self.measure_checkpoints(options, small)
        finally:
            self.stop()

    def rate(self, options, work, metric, things, call):
        """Measures `things` in each call."""
        times = works.times_of(call, options.seconds, 10, 3)
        rate = things * len(times) / sum(times)
        works.emit(self.name, work, metric, rate, "items/s")
        return rate

    def measure_writes(self, options, work, table, data):
        insert, priorities = self.client.insert, {table: 1.0}
        self.rate(options, work, "insert", 1, lambda: insert(data, priorities))
        with self.client.trajectory_writer(STEPS) as writer:
            items = lambda: write_items(writer, table, data)  # noqa: E731
            self.rate(options, work, "items of 10 steps", ITEMS, items)
            writer.flush()

    def measure_reads(self, options, work, table, data):
        client = self.client
        client.reset(table)
        for _ in range(STORED):
            client.insert(data, {table: 1.0})

        def one_at_a_time():
            for _ in client.sample(table, ITEMS, emit_timesteps=False):
                pass

        self.rate(options, work, "sample, one at a time", ITEMS, one_at_a_time)
        samples = client.sample(table, 64, emit_timesteps=False)
        keys = [int(np.asarray(sample.info.key).flat[0]) for sample in samples]
        dataset = self.reverb.TrajectoryDataset.from_table_signature(
            self.address, table, 2 * SAMPLES
        )
        stream = dataset.as_numpy_iterator()
        self.rate(options, work, "sample, streamed", 1, lambda: next(stream))
        stream = None
        batches = dataset.batch(SAMPLES, drop_remainder=True).as_numpy_iterator()
        rate = self.rate(options, work, "sample, 256 at a time", SAMPLES, lambda: next(batches))
        gigabytes = rate * data.nbytes / 1e9
        works.emit(self.name, work + "_bytes", "sample, 256 at a time", gigabytes, "GB/s")
        batches = None
        updates = dict.fromkeys(keys, 2.0)
        for key in range(1, 65 - len(updates)):
            updates[key] = 2.0
        change = lambda: client.mutate_priorities(table, updates)  # noqa: E731
        self.rate(options, work, "64 priorities", 1, change)

    def measure_writers(self, options, data):
        """Items of 10 steps by so many writers at once, each on a thread."""
        table = f"{TABLE}1"
        for count in (1, 4, 16, 64):
            self.client.reset(table)
            items = [0] * count
            start = time.monotonic()

            def work(index, start=start, items=items):
                with self.client.trajectory_writer(STEPS) as writer:
                    while time.monotonic() - start < options.seconds:
                        write_items(writer, table, data)
                        items[index] += ITEMS
                    writer.flush()

            threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            rate = sum(items) / (time.monotonic() - start)
            works.emit(self.name, "replay_writers", f"{count} writers", rate, "items/s")

    def measure_memory(self, data):
        """How much larger the server's process is for each item of one step."""
        table, count = f"{TABLE}1", 20_000
        before = resident_bytes(self.server.pid)
        self.fill(table, data, count)
        grown = resident_bytes(self.server.pid) - before
        works.emit(self.name, "replay_memory", "an item of 1 KiB", grown / count, "B")
        self.client.reset(table)

    def fill(self, table, data, count):
        """Items of one step each."""
        with self.client.trajectory_writer(1) as writer:
            for _ in range(count):
                writer.append(data)
                writer.create_item(table, 1.0, writer.history[-1:])
                writer.flush(100)
            writer.flush()

    def times_of_samples(self, go_on):
        """Seconds of each, as long as `go_on(start)` says. None is asked for before the one before
        it was taken: else those that come together hide how long the server takes.
        """
        dataset = self.reverb.TrajectoryDataset.from_table_signature(
            self.address, KEPT, max_in_flight_samples_per_worker=1, num_workers_per_iterator=1
        )
        samples = dataset.as_numpy_iterator()
        next(samples)
        clock, times = time.perf_counter, []
        start = clock()
        while go_on(start):
            before = clock()
            next(samples)
            times.append(clock() - before)
        return times

    def measure_checkpoints(self, options, data):
        """How long a sample takes while nothing else happens, and while another thread has the
        server write one checkpoint after the other, the first of them of all items. That thread has
        a client of its own, as another node would.
        """
        other = self.reverb.Client(self.address)
        self.fill(KEPT, data, 20_000 if options.quick else 100_000)
        clock, seconds = time.perf_counter, options.seconds
        alone = self.times_of_samples(lambda start: clock() - start < seconds)
        written, enough = [], threading.Event()

        def write():
            while not enough.is_set():
                before = clock()
                other.checkpoint()
                written.append(clock() - before)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            meanwhile = self.times_of_samples(
                lambda start: writer.is_alive() and (clock() - start < seconds or not written)
            )
        finally:
            enough.set()
            writer.join()
        for metric, value, unit in (
            ("p99", works.quantile(alone, 0.99) * 1e6, "us"),
            ("p99 while they are written", works.quantile(meanwhile, 0.99) * 1e6, "us"),
            ("the first of them", written[0] * 1e3, "ms"),
        ):
            works.emit(self.name, "replay_checkpoints", metric, value, unit)


def step(kib):
    """An array that does not compress."""
    return np.random.default_rng(1).random(kib * works.KIB // 4, np.float32)


def write_items(writer, table, data):
    """A step, and the last ones as an item; again and again."""
    for _ in range(ITEMS):
        writer.append(data)
        history = writer.history
        writer.create_item(table, 1.0, history[-min(STEPS, len(history)) :])
    writer.flush(2 * ITEMS)


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve(sys.argv[sys.argv.index("--serve") + 1])
    else:
        works.main(Replay(sys.argv[sys.argv.index("--name") + 1]))
