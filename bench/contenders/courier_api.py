"""Ours (`ours-py`) and upstream (`dm-launchpad`), through the one API that both have.

`ours-py` runs its calls inside a launched program, where the launcher gives the addresses; `ours-py-tcp` and
`dm-launchpad` call a courier.Server that stands alone in its own process. Launch is the same program for both:
N CourierNodes and one PyNode that calls each of them.
"""

import os
import subprocess
import sys
import tempfile
import time

import works

CALL_TIMEOUT = 20  # Seconds. Upstream hangs on some arguments; a hang is an error of that work, not of the run.


class Node:
    """What is called."""

    def echo(self, value):
        return value

    def send(self, array):
        return float(array[0])


class Calls(works.Contender):
    """The works of a courier.Client."""

    def __init__(self, name, client=None):
        self.name = name
        self.client = client

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


class Standalone(Calls):
    """A courier.Server in its own process, at the address that it chooses."""

    def open(self):
        import courier
        command = [sys.executable, __file__, '--serve']
        self.server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        address = self.server.stdout.readline().decode().strip()
        self.client = courier.Client(address, call_timeout=CALL_TIMEOUT)
        self.client.echo(works.PAYLOAD)

    def close(self):
        self.server.stdin.close()
        self.server.wait()


def serve():
    """Serves until standard input is closed."""
    import courier
    node = Node()
    server = courier.Server('bench')
    server.Bind('echo', node.echo)
    server.Bind('send', node.send)
    server.Start()
    print(server.address, flush=True)
    sys.stdin.read()
    os._exit(0)


def write(path, text):
    """Leaves a node's answer for the launcher."""
    with open(path, 'w') as file:
        file.write(text)


def call_all(nodes, path, stop):
    """The driver of the launch work: writes when the last node had answered."""
    pending = [node.futures.echo(works.PAYLOAD) for node in nodes]
    for future in pending:
        future.result()
    write(path, repr(time.monotonic()))
    stop()


def measure_calls(node, name, options, path, stop):
    """The driver of the calls: measures inside the program, with its lines going to a file."""
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    standard, sys.stdout = sys.stdout, open(path, 'w')
    try:
        works.measure(Calls(name, node), options)
    finally:
        sys.stdout.close()
        sys.stdout = standard
    stop()


def run_program(nodes, driver, *args):
    """Launches `nodes` CourierNodes and `driver(clients, *args, stop)` as processes; waits for the end."""
    import launchpad as lp
    program = lp.Program('bench')
    with program.group('node'):
        handles = [program.add_node(lp.CourierNode(Node)) for _ in range(nodes)]
    stop = lp.make_program_stopper('local_mp')
    given = handles if driver is call_all else handles[0]
    program.add_node(lp.PyNode(driver, given, *args, stop), label='driver')
    lp.launch(program, launch_type='local_mp', terminal='current_terminal')


def launch_in_child(nodes, path):
    """The launch work in a process of its own, since a stop may end the launcher (upstream). Gives seconds."""
    command = [sys.executable, __file__, '--launch', str(nodes), path]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    try:
        child.wait(timeout=60)
    except subprocess.TimeoutExpired:
        child.kill()
        raise
    with open(path + '.start') as start, open(path) as end:
        return float(end.read()) - float(start.read())


def launch(nodes):
    """Launch of a program, the import of launchpad excluded."""
    with tempfile.TemporaryDirectory() as folder:
        yield 'launch', launch_in_child(nodes, os.path.join(folder, 'end'))


def measure_in_program(name):
    """The calls of `ours-py`."""
    options, _ = works.parse()
    options.works = [w for w in options.works if w != 'launch']
    if not options.works:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'lines')
        standard = os.dup(1)
        os.dup2(2, 1)  # The nodes' output is not ours.
        try:
            run_program(1, measure_calls, name, options, path)
        finally:
            os.dup2(standard, 1)
        with open(path) as lines:
            sys.stdout.write(lines.read())
            sys.stdout.flush()


def main():
    """One of: a server, a launcher, a contender."""
    if '--serve' in sys.argv:
        serve()
        return
    if '--launch' in sys.argv:
        nodes, path = sys.argv[-2:]
        sys.argv = sys.argv[:1]
        import launchpad  # noqa: F401  (not part of the launch)
        write(path + '.start', repr(time.monotonic()))
        run_program(int(nodes), call_all, path)
        return
    name = sys.argv[sys.argv.index('--name') + 1]
    if name == 'ours-py':
        options, _ = works.parse()
        measure_in_program(name)
        if 'launch' in options.works:
            contender = Calls(name)
            contender.launch = launch
            works.measure_launch(contender, options)
        return
    contender = Standalone(name)
    if name == 'dm-launchpad':
        contender.launch = launch
    works.main(contender)


if __name__ == '__main__':
    main()
