"""Ours (`ours-py`) and upstream (`dm-launchpad`), through the one API that both have.

`ours-py` runs its calls inside a launched program, where the launcher gives the addresses; `ours-
py-tcp` and `dm-launchpad` call a courier.Server that stands alone in its own process. Launch is the
same program for both: N CourierNodes and one PyNode that calls each of them.
"""

import contextlib
import copy
import glob
import os
import subprocess
import sys
import tempfile
import time

import placement
import works

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYPROJECT = os.path.join(os.path.dirname(BENCH), "pyproject.toml")
CALLED = ("clients", *works.CALLS)  # Works that are done inside a program.
# Seconds. Upstream hangs on some arguments: that is an error of that work, not of the run.
CALL_TIMEOUT = 20
CONSUMERS = 8  # Of an array that is broadcast.
# How long an idle program is watched.
IDLE_SECONDS = 3


class Node:
    """What is called."""

    def echo(self, value):
        return value

    def send(self, array):
        return float(array[0])

    def stream(self, count):
        for _ in range(count):
            yield works.PAYLOAD

    def pin(self, core):
        """Puts this node's process on a core."""
        placement.pin(os.getpid(), core)


class Calls(works.Contender):
    """The works of a courier.Client."""

    module = "launchpad"

    def __init__(self, name, client=None):
        self.name = name
        self.client = client
        if name == "dm-launchpad":
            self.distribution = name + " tensorflow dm-reverb"

    def call(self, payload):
        return self.client.echo(payload)

    def batch(self, payload, count):
        pending = [self.client.futures.echo(payload) for _ in range(count)]
        for future in pending:
            future.result()

    def echo(self, array):
        return self.client.echo(array)

    def send(self, array):
        return self.client.send(array)


class InProgram(Calls):
    """Calls from a node to another: both are below the launcher."""

    def connect(self):
        """A fork's client makes a connection of its own."""
        return self.client.echo

    def stream(self, count):
        return self.client.stream(count)

    def split(self, cores):
        self.client.pin(cores[1])
        placement.pin(os.getpid(), cores[0])


class Standalone(Calls):
    """A courier.Server in its own process, at the address that it chooses."""

    def open(self):
        import courier

        command = [sys.executable, __file__, "--serve"]
        self.server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        address = self.server.stdout.readline().decode().strip()
        self.client = courier.Client(address, call_timeout=CALL_TIMEOUT)
        self.client.echo(works.PAYLOAD)

    def close(self):
        self.server.stdin.close()
        self.server.wait()


class Program(Calls):
    """Ours: what is measured around a program."""

    def launch(self, nodes):
        return launch(nodes)

    def idle(self, nodes):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "end")
            run_child("--idle", nodes, path)
            with open(path) as file:
                return float(file.read())

    def measure_lent(self, options):
        measure_in_program(self.name, options, measure_lent)

    def measure_broadcast(self, options):
        measure_in_program(self.name, options, measure_broadcast, CONSUMERS)

    def measure_size(self):
        works.footprint().measure_our_size(self.name, PYPROJECT)


class StandaloneOurs(Standalone):
    """Only calls: the rest is Program's."""

    module = ""

    def stream(self, count):
        return self.client.stream(count)


class Upstream(Standalone):
    """Upstream: a server that stands alone, and programs."""

    def launch(self, nodes):
        return launch(nodes)


def serve():
    """Serves until standard input is closed."""
    import courier

    node = Node()
    server = courier.Server("bench")
    server.Bind("echo", node.echo)
    server.Bind("send", node.send)
    server.Bind("stream", node.stream)
    server.Start()
    print(server.address, flush=True)
    sys.stdin.read()
    os._exit(0)


def write(path, text):
    """Leaves a node's answer for the launcher."""
    with open(path, "w") as file:
        file.write(text)


def call_all(nodes, path, stop):
    """The driver of the launch work: writes when the last node had answered."""
    pending = [node.futures.echo(works.PAYLOAD) for node in nodes]
    for future in pending:
        future.result()
    write(path, repr(time.monotonic()))
    stop()


def watch(nodes, path, stop):
    """The driver of the idle work: writes the per cent of a core that the program uses."""
    for pending in [node.futures.echo(works.PAYLOAD) for node in nodes]:
        pending.result()
    before, begin = cpu_seconds(os.getppid()), time.monotonic()
    time.sleep(IDLE_SECONDS)
    used = cpu_seconds(os.getppid()) - before
    write(path, repr(100 * used / (time.monotonic() - begin)))
    stop()


def cpu_seconds(launcher):
    """What the threads of a launcher and of its children have used, but for who asks."""
    total = 0
    for children in glob.glob(f"/proc/{launcher}/task/*/children"):
        with open(children) as file:
            pids = file.read().split()
        for pid in pids:
            total += nanoseconds(pid) if int(pid) != os.getpid() else 0
    return (total + nanoseconds(launcher)) / 1e9


def nanoseconds(pid):
    """What a process's threads have used; /proc/PID/stat counts in hundredths of a second only."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path) as file:
            total += int(file.read().split()[0])
    return total


def measure_calls(node, name, options, path, stop):
    """The driver of the calls: measures inside the program, with its lines going to a file."""
    with open(path, "w") as file, contextlib.redirect_stdout(file):
        works.measure(InProgram(name, node), options)
    stop()


def measure_lent(nodes, name, options, path, stop):
    """The driver of the lent work: sends what lies in shared memory already, again and again."""
    import numpy as np

    import launchpad as lp

    client = nodes[0]
    with open(path, "w") as file, contextlib.redirect_stdout(file):
        for label, size in options.sizes.items():
            array = lp.empty(size // 4, np.float32)
            array[:] = size
            for work, sent in (("lent", array), ("passed_on", client.echo(np.array(array)))):
                if client.send(sent) != size:
                    raise RuntimeError("another array has arrived")
                times = works.times_of(lambda a=sent: client.send(a), options.seconds / 4, 20, 20)
                works.emit(name, work, label, works.quantile(times, 0.5) * 1e6, "us")
    stop()


def measure_broadcast(nodes, name, options, path, stop):
    """The driver of the broadcast work: one array for all nodes, in three ways."""
    import numpy as np

    import launchpad as lp

    array = np.zeros(works.SIZES["16 MiB"] // 4, np.float32)
    lent = lp.empty(array.size, np.float32)
    lent[:] = 0

    def each(sent):
        return lp.gather([node.futures.send(sent) for node in nodes])

    ways = {
        "lp.broadcast": lambda: lp.broadcast(nodes).send(array),
        "lp.empty, a call each": lambda: each(lent),
        "a call each": lambda: each(array),
    }
    with open(path, "w") as file, contextlib.redirect_stdout(file):
        for way, call in ways.items():
            if call() != [0.0] * len(nodes):
                raise RuntimeError("another array has arrived")
            times = works.times_of(call, options.seconds / 2, 3, 5)
            works.emit(name, "broadcast", way, works.quantile(times, 0.5) * 1e3, "ms")
    stop()


def run_program(nodes, driver, *args):
    """Launches `nodes` CourierNodes and `driver(clients, *args, stop)` as processes, to the end."""
    import launchpad as lp

    program = lp.Program("bench")
    with program.group("node"):
        handles = [program.add_node(lp.CourierNode(Node)) for _ in range(nodes)]
    stop = lp.make_program_stopper("local_mp")
    given = handles[0] if driver is measure_calls else handles
    program.add_node(lp.PyNode(driver, given, *args, stop), label="driver")
    lp.launch(program, launch_type="local_mp", terminal="current_terminal")


def run_child(work, nodes, path):
    """Runs a program to its end in a process of its own: upstream's stop ends the launcher."""
    command = [sys.executable, __file__, work, str(nodes), path]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    try:
        child.wait(timeout=60)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        raise
    if not os.path.exists(path):
        raise RuntimeError(f"the program ended without an answer, exit status {child.returncode}")


def launch_in_child(nodes, path):
    """Seconds of the launch work."""
    run_child("--launch", nodes, path)
    with open(path + ".start") as start, open(path) as end:
        return float(end.read()) - float(start.read())


def launch(nodes):
    """Launch of a program, the import of launchpad excluded."""
    with tempfile.TemporaryDirectory() as folder:
        yield "launch", launch_in_child(nodes, os.path.join(folder, "end"))


def measure_in_program(name, given, driver=measure_calls, nodes=1):
    """What is measured by a driver inside a program: the calls of `ours-py`, or others."""
    options = copy.copy(given)
    options.works = [w for w in given.works if w in CALLED]
    if driver is measure_calls and not options.works:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "lines")
        standard = os.dup(1)
        os.dup2(2, 1)  # The nodes' output is not ours.
        try:
            run_program(nodes, driver, name, options, path)
        finally:
            os.dup2(standard, 1)
        with open(path) as lines:
            sys.stdout.write(lines.read())
            sys.stdout.flush()


def main():
    """One of: a server, a launcher, a contender."""
    if "--serve" in sys.argv:
        serve()
        return
    if "--launch" in sys.argv or "--idle" in sys.argv:
        driver = call_all if "--launch" in sys.argv else watch
        nodes, path = sys.argv[-2:]
        sys.argv = sys.argv[:1]
        import launchpad  # noqa: F401  (not part of the launch)

        write(path + ".start", repr(time.monotonic()))
        run_program(int(nodes), driver, path)
        return
    name = sys.argv[sys.argv.index("--name") + 1]
    if name == "ours-py":
        options, _ = works.parse()
        try:
            measure_in_program(name, options)
        except Exception as error:
            works.emit_error(name, "calls", error)
        options.works, options.cores = [w for w in options.works if w not in CALLED], ()
        works.measure(Program(name), options)
    elif name == "ours-py-tcp":
        works.main(StandaloneOurs(name))
    else:
        works.main(Upstream(name))


if __name__ == "__main__":
    main()
