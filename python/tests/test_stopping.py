"""Nodes stop their program, wait for its stop, and are called when it stops."""

from __future__ import annotations

import threading
import types

import pytest

import launchpad as lp
from launchpad.stop_program import stop

PROGRAM = """
import sys, threading
import launchpad as lp

def print(text):
    # Threads' lines must not mix.
    sys.stdout.write(text + "\\n")
    sys.stdout.flush()

class Server:
    def stop(self):
        lp.stop()
    def stop_in_a_thread(self):
        thread = threading.Thread(target=lp.stop)
        thread.start()
        thread.join()
    def stopping(self):
        return lp.wait_for_stop(0)
    def event_is_set(self):
        return lp.stop_event().is_set()

class Waiter:
    def __init__(self, peer):
        self._peer = peer
    def run(self):
        peer = self._peer
        DO

def main():
    program = lp.Program("p")
    handle = program.add_node(lp.CourierNode(Server), label="server")
    program.add_node(lp.PyClassNode(Waiter, handle), label="waiter")
    lp.launch(program, launch_type=sys.argv[1])
    print("launch returned")

if __name__ == "__main__":
    main()
"""


def program(do: str) -> str:
    lines = do.strip("\n").split("\n")
    indent = len(lines[0]) - len(lines[0].lstrip())
    return PROGRAM.replace("DO", "\n        ".join(line[indent:] for line in lines))


TYPES = pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])


@TYPES
@pytest.mark.parametrize("method", ["stop", "stop_in_a_thread"])
def test_a_method_of_a_server_may_stop_the_program(run, method, launch_type):
    ended = run(program(f"peer.{method}(); print(str(lp.wait_for_stop()))"), launch_type)
    assert ended.status == 0, ended.err
    assert "True" in ended.out and "launch returned" in ended.out


@TYPES
def test_stop_functions_work_in_methods_and_own_threads(run, launch_type):
    ended = run(
        program(
            """
            print(f"before {peer.stopping()} {peer.event_is_set()} {lp.wait_for_stop(0.001)}")
            event = lp.stop_event()
            def wait():
                print(f"thread {lp.wait_for_stop(20)} {lp.stop_event().wait(20)}")
            thread = threading.Thread(target=wait)
            thread.start()
            lp.stop()
            thread.join()
            print(f"after {lp.wait_for_stop()} {lp.wait_for_stop(0)} {event.wait(20)}")
            """
        ),
        launch_type,
    )
    assert ended.status == 0, ended.err
    assert "before False False False" in ended.out
    assert "thread True True" in ended.out
    assert "after True True True" in ended.out


@TYPES
def test_stop_handlers_are_called_once_and_alone(run, launch_type):
    ended = run(
        program(
            """
            done = threading.Semaphore(0)
            def plain():
                print("plain handler")
                done.release()
            def with_signal(number, frame):
                print(f"signal handler {int(number)} {frame}")
                done.release()
            def bad():
                done.release()
                raise ValueError("bad handler")
            def unwanted():
                print("unwanted handler")
            for handler in (bad, plain, with_signal, unwanted, plain):
                lp.register_stop_handler(handler)
            lp.unregister_stop_handler(unwanted)
            lp.unregister_stop_handler(print)
            lp.stop()
            lp.stop()
            for _ in range(3):
                assert done.acquire(timeout=20)
            print("all were called")
            """
        ),
        launch_type,
    )
    assert ended.status == 0, ended.err
    assert ended.out.count("plain handler") == 1
    assert ended.out.count("signal handler 15 None") == 1
    assert "unwanted" not in ended.out
    assert "bad handler" in ended.err
    assert "all were called" in ended.out


@TYPES
def test_a_node_that_sleeps_in_a_call_hears_the_stop(run, launch_type):
    ended = run(
        program(
            """
            from concurrent.futures import ThreadPoolExecutor
            with ThreadPoolExecutor(2) as pool:
                futures = [pool.submit(lp.wait_for_stop) for _ in range(2)]
                lp.stop()
                print(str([f.result() for f in futures]))
            """
        ),
        launch_type,
    )
    assert ended.status == 0, ended.err
    assert "[True, True]" in ended.out


@pytest.mark.parametrize(
    "call", [lp.stop, lp.wait_for_stop, lp.stop_event, lp.make_program_stopper("local_mt")]
)
def test_outside_a_program_there_is_nothing_to_stop(call):
    with pytest.raises(RuntimeError, match="node"):
        call()


def test_handlers_may_be_registered_before_there_is_a_program():
    called = []

    def handler():
        called.append(1)

    lp.register_stop_handler(handler)
    program = lp.Program("p")
    program.add_node(lp.PyNode(lp.stop), label="n")
    lp.launch(program, launch_type="local_mt")
    assert called == [1]


def test_make_program_stopper_knows_its_launch_types():
    import pickle

    for launch_type in ("local_mt", "local_mp", "test_mt", "test_mp", *lp.LaunchType):
        assert callable(pickle.loads(pickle.dumps(lp.make_program_stopper(launch_type))))
    with pytest.raises(ValueError, match="'bogus' is not a valid LaunchType"):
        lp.make_program_stopper("bogus")


def test_a_thread_stuck_in_a_call_to_an_ended_node_is_freed():
    entered = threading.Event()
    errors = []

    class Server:
        def block(self):
            entered.set()
            lp.wait_for_stop()

    def ask(server):
        try:
            server.block()
        except Exception as error:
            errors.append(error)

    program = lp.Program("p")
    handle = program.add_node(lp.CourierNode(Server), label="server")
    program.add_node(lp.PyNode(ask, handle), label="asker")
    manager = lp.launch(program, launch_type="test_mt", serialize_py_nodes=False)
    assert entered.wait(20)
    manager.stop_and_wait()
    assert manager.done


def in_own_thread(first, do):
    """What it gives in a thread that begins with `first`."""
    results = []

    def run():
        first()
        results.append(do())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return results


def test_a_thread_of_ones_own_belongs_to_the_node_whose_context_it_is_given():
    seen = []
    both_run = threading.Barrier(2)

    def node():
        both_run.wait(60)  # Two programs run here: whose thread it is must be said.
        given = lp.context.get_context()
        with pytest.raises(RuntimeError, match="set_context"):
            raise in_own_thread(lambda: None, stopping_or_why)[0]
        assert in_own_thread(lambda: lp.context.set_context(given), stopping_or_why) == [False]
        both_run.wait(60)
        in_own_thread(lambda: lp.context.set_context(given), lp.stop)
        seen.append(lp.wait_for_stop(60))
        both_run.wait(60)

    managers = []
    for _ in range(2):
        program = lp.Program("p")
        program.add_node(lp.PyNode(node), label="n")
        managers.append(lp.launch(program, "test_mt", serialize_py_nodes=False))
    for manager in managers:
        manager.wait()
    assert seen == [True, True]


def stopping_or_why():
    try:
        return lp.wait_for_stop(0)
    except RuntimeError as error:
        return error


def test_a_late_handler_is_its_registrars_and_not_taken_by_who_runs_the_others(monkeypatch):
    running_others = []

    class StoppingContext:
        def add_stop_handler(self, run):
            running_others.append(True)
            stop.run_handlers()
            run()
            running_others.clear()

    monkeypatch.setattr(stop, "_core", types.SimpleNamespace(context=StoppingContext))
    taken = []
    stop.register_stop_handler(lambda: taken.append(bool(running_others)))
    assert taken == [False]
