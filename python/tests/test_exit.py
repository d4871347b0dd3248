"""However an interpreter ends, with whatever runs in it, it ends: soon, and without a crash."""

from __future__ import annotations

import pytest

PRELUDE = """
import contextlib, os, sys, threading, time
import courier
import launchpad as lp

entered = threading.Event()

def block():
    entered.set()
    threading.Event().wait()

def spin():
    entered.set()
    while True:
        pass

def sleep():
    entered.set()
    time.sleep(1000)

server = courier.Server()
for function in (block, spin, sleep):
    server.Bind(function.__name__, function)
server.Bind("same", lambda value: value)
server.Start()
client = courier.Client(server.address)
assert client.same(1) == 1
"""

ENDS = {
    "a server and a client": "",
    "a thread in a handler that waits": "f = client.futures.block(); entered.wait()",
    "a thread in a handler that computes": "f = client.futures.spin(); entered.wait()",
    "a thread in a handler that sleeps": "f = client.futures.sleep(); entered.wait()",
    "a thread that waits for an answer": (
        "threading.Thread(target=client.block, daemon=True).start(); entered.wait()"
    ),
    "a future with a callback": (
        "f = client.futures.block(); f.add_done_callback(lambda f: print(f)); entered.wait()"
    ),
    "a client that waits for a server": (
        "c = courier.Client('unix:/nowhere/at.all')\\n"
        "threading.Thread(target=c.f, daemon=True).start()"
    ),
    "calls that come and go": (
        # What the end of its server tells a call that is on its way is no crash.
        "def go():\\n    with contextlib.suppress(Exception):\\n"
        "        while True: client.same(1)\\n"
        "for _ in range(4): threading.Thread(target=go, daemon=True).start()\\n"
        "client.same(2)"
    ),
    "futures that come and go": (
        "def go():\\n    with contextlib.suppress(Exception):\\n"
        "        while True: [f.result() for f in [client.futures.same(1)] * 20]\\n"
        "for _ in range(4): threading.Thread(target=go, daemon=True).start()\\n"
        "client.same(2)"
    ),
    "a stopped server": "server.Stop()",
    "cycles of references": "server.client = client; client.__dict__['server'] = server",
    "a program of a test": (
        "p = lp.Program('p'); p.add_node(lp.CourierNode(dict), label='n')\\n"
        "m = lp.launch(p, 'test_mt')"
    ),
    "a program of a test, of processes": (
        "import unittest\\n"
        "p = lp.Program('p'); p.add_node(lp.CourierNode(dict), label='n')\\n"
        "m = lp.launch(p, 'test_mp', test_case=unittest.TestCase())"
    ),
}


@pytest.mark.parametrize("end", ENDS, ids=ENDS)
def test_an_interpreter_ends_with(run, end):
    script = PRELUDE + "\n" + ENDS[end].replace("\\n", "\n") + "\nprint('the end', flush=True)\n"
    ended = run(script)
    assert ended.status == 0, ended.err
    assert "the end" in ended.out
    assert "Fatal" not in ended.err and "Traceback" not in ended.err


@pytest.mark.parametrize("how", ["sys.exit(3)", "os._exit(3)", "raise SystemExit(3)"])
def test_the_exit_status_is_the_scripts_own(run, how):
    ended = run(PRELUDE + "\nf = client.futures.block(); entered.wait()\n" + how + "\n")
    assert ended.status == 3, ended.err


def test_an_exception_of_the_script_is_shown_and_ends_it(run):
    ended = run(PRELUDE + "\nf = client.futures.block(); entered.wait()\n1 / 0\n")
    assert ended.status == 1
    assert "ZeroDivisionError" in ended.err


def test_nothing_leaks_when_clients_and_servers_come_and_go(run):
    ended = run(
        """
        import gc, os, time
        import courier

        def count():
            return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

        def once():
            server = courier.Server(thread_pool_size=2)
            server.Bind("same", lambda value: value)
            server.Start()
            client = courier.Client(server.address)
            assert client.same(1) == 1
            assert client.futures.same(2).result() == 2
            server.Stop()
            server.Join()

        once()
        gc.collect()
        before = count()
        for _ in range(20):
            once()
        gc.collect()
        # A closed client's thread ends by itself, soon.
        deadline = time.monotonic() + 20
        after = count()
        while any(a > b + 3 for a, b in zip(after, before)) and time.monotonic() < deadline:
            after = count()
        print("descriptors and threads", before, after, flush=True)
        assert after[0] <= before[0] + 3 and after[1] <= before[1] + 3
        """
    )
    assert ended.status == 0, ended.out + ended.err
