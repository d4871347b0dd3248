"""How one server's rate grows with its clients, for contenders in Python: the twin of
cpp/clients.h.

Each client is a fork with a connection of its own and one call of 64 B outstanding; every answer is
held against its call. Readable by Python 3.8.
"""

import mmap
import os
import signal
import struct
import sys
import time
import traceback

import works

MOST_CLIENTS = 256
PATIENCE = 40  # Seconds that clients may take to begin or to end: else an answer was lost.
CONNECTING, CALLING, END = range(3)
LINE = 64  # Bytes of the shared page for each client's count, so that no two share a cache line.


class Page:
    """What all processes see: the phase, and each client's calls; one that connected counts 1."""

    def __init__(self):
        self.memory = mmap.mmap(-1, LINE * (1 + MOST_CLIENTS))

    def phase(self):
        """CONNECTING, CALLING or END."""
        return self.memory[0]

    def enter(self, phase):
        """The parent's."""
        self.memory[0] = phase

    def count(self, number, calls):
        """A client's."""
        struct.pack_into("Q", self.memory, LINE * (1 + number), calls)

    def counts(self, clients):
        """Of the first so many."""
        return [
            struct.unpack_from("Q", self.memory, LINE * (1 + number))[0]
            for number in range(clients)
        ]


def run_client(page, number, connect):
    """One client's life; raises if an answer is another call's."""
    call = connect()
    rest = b"x" * (len(works.PAYLOAD) - 12)
    calls = 0
    while page.phase() != END:
        payload = struct.pack("<iQ", number, calls) + rest
        if bytes(call(payload)) != payload:
            raise RuntimeError("an answer was another call's")
        calls += 1
        page.count(number, calls)
        while page.phase() == CONNECTING:
            time.sleep(0.001)


def fork_client(page, number, connect):
    """The process of a client; its status says whether all went well."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        run_client(page, number, connect)
        status = 0
    except BaseException:  # pylint: disable=broad-except
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def await_clients(so, what):
    """Waits until so() holds."""
    limit = time.monotonic() + PATIENCE
    while not so():
        if time.monotonic() > limit:
            raise RuntimeError(what)
        time.sleep(0.002)


def all_ended(pids):
    """Takes those that have ended off the list; raises if one of them failed."""
    for pid in list(pids):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            pids.remove(pid)
            if status:
                raise RuntimeError("a client failed")
    return not pids


def rate_of(connect, clients, seconds):
    """Calls per second of so many clients together."""
    page = Page()
    pids = []
    try:
        for number in range(clients):
            pids.append(fork_client(page, number, connect))
        await_clients(
            lambda: all(page.counts(clients)) or all_ended(pids), "a client cannot connect"
        )
        page.enter(CALLING)
        time.sleep(seconds / 4)
        before, start = sum(page.counts(clients)), time.perf_counter()
        time.sleep(seconds)
        calls, end = sum(page.counts(clients)) - before, time.perf_counter()
        page.enter(END)
        await_clients(lambda: all_ended(pids), "an answer was lost: a client still waits for it")
        return calls / (end - start)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def measure(contender, options):
    """The contender's server runs, and connect() gives a fork its own call(payload)."""
    for exponent in range(contender.most_clients.bit_length()):
        clients = 1 << exponent
        rate = rate_of(contender.connect, clients, options.seconds / 2)
        works.emit(contender.name, "clients", str(clients), rate, "calls/s")
