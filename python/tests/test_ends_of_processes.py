"""How programs of processes end: the launcher's status says what happened, its last lines say why.

Each test is a launcher that is a process of its own.
"""

from __future__ import annotations

import signal

import pytest

# A program of a node that does what argv[1] says, and of one that waits for the stop.
FAILING = """
import sys
import launchpad as lp

class Bystander:
    def run(self):
        lp.wait_for_stop()
        print("bystander was stopped", flush=True)

class Broken:
    def __init__(self):
        raise KeyError("cannot be built")

def fail(how):
    print("failing", flush=True)
    # Not the module's globals: cloudpickle sends only those that a function names.
    names = ("os", "signal", "sys", "threading")
    exec(how, {name: __import__(name) for name in names} | {"lp": lp})

def main():
    program = lp.Program("p")
    program.add_node(lp.PyClassNode(Bystander), label="bystander")
    if sys.argv[1] == "constructor":
        program.add_node(lp.CourierNode(Broken), label="failing")
    else:
        program.add_node(lp.PyNode(fail, sys.argv[1]), label="failing")
    lp.launch(program, launch_type=sys.argv[2])
    print("launch returned", flush=True)

if __name__ == "__main__":
    main()
"""


def last_lines(text: str) -> str:
    return "\n".join(text.rstrip().splitlines()[-3:])


def test_an_exception_ends_the_program_and_is_shown_once_last(run):
    ended = run(FAILING, "raise ValueError('the reason')", "local_mp")
    assert ended.status == 1
    assert "launch returned" not in ended.out
    assert "bystander was stopped" in ended.out
    assert ended.err.rstrip().endswith("ValueError: the reason")
    assert "node 'failing/0' failed: ValueError: the reason" in ended.err
    assert ended.err.count("in fail\n") == 1


def test_a_constructor_that_raises_ends_the_program(run):
    ended = run(FAILING, "constructor", "local_mp")
    assert ended.status == 1
    assert "node 'failing/0' failed: KeyError: 'cannot be built'" in ended.err
    assert ended.err.rstrip().endswith("KeyError: 'cannot be built'")


@pytest.mark.parametrize(
    "how, reason",
    [
        ("sys.exit(3)", "exited with code 3"),
        ("sys.exit('a message')", "exited with code 1"),
        ("os._exit(4)", "exited with code 4"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("os.abort()", "SIGABRT"),
    ],
)
def test_a_node_that_dies_is_named_with_its_reason(run, how, reason):
    ended = run(FAILING, how, "local_mp")
    assert ended.status != 0
    assert "bystander was stopped" in ended.out
    assert "failing/0" in last_lines(ended.err)
    assert reason in last_lines(ended.err)
    if "message" in how:
        assert "a message" in ended.err


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
@pytest.mark.parametrize("how", ["sys.exit()", "sys.exit(0)", "sys.exit(None)", "None"])
def test_a_node_that_ends_well_does_not_end_the_program(run, how, launch_type):
    ended = run(
        f"""
        import sys
        import launchpad as lp

        class Quitter:
            def run(self):
                {how}

        def outlive(quitter):
            try:
                while True:
                    quitter.anything()
            except Exception as error:
                print("quitter has ended:", error.code, flush=True)

        program = lp.Program("p")
        handle = program.add_node(lp.CourierNode(Quitter), label="quitter")
        program.add_node(lp.PyNode(outlive, handle), label="outliver")
        lp.launch(program, launch_type="{launch_type}")
        """
    )
    assert ended.status == 0, ended.err
    assert "quitter has ended" in ended.out


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
@pytest.mark.parametrize(
    "how",
    [
        "lp.stop(); lp.wait_for_stop(); sys.exit(3)",
        "lp.stop()",
        "t = threading.Thread(target=lp.stop); t.start(); t.join()",
        "lp.make_program_stopper('local_mp')()",
        "lp.make_program_stopper('local_mp')(mark_as_completed=True)",
    ],
)
def test_a_program_stopped_by_a_node_is_a_success(run, how, launch_type):
    ended = run(FAILING, how, launch_type)
    assert ended.status == 0, ended.err
    assert "launch returned" in ended.out
    assert "bystander was stopped" in ended.out


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_an_exception_while_stopping_is_a_failure(run, launch_type):
    how = "lp.stop(); lp.wait_for_stop(); raise ValueError('late')"
    ended = run(FAILING, how, launch_type)
    assert ended.status == 1
    assert "ValueError: late" in ended.err


def test_the_first_failure_is_shown_not_what_it_led_to(run):
    ended = run(
        """
        import launchpad as lp

        class Server:
            def work(self):
                raise SystemError("unused")
            def run(self):
                raise ValueError("first")

        def ask(server):
            lp.wait_for_stop()
            server.work()

        program = lp.Program("p")
        handle = program.add_node(lp.CourierNode(Server), label="server")
        program.add_node(lp.PyNode(ask, handle), label="asker")
        lp.launch(program, launch_type="local_mp")
        """
    )
    assert ended.status == 1
    assert ended.err.rstrip().endswith("ValueError: first")


def test_the_original_type_of_a_nodes_failure_can_be_caught(run):
    ended = run(
        """
        import launchpad as lp

        class Mine(ValueError):
            def __init__(self, word, number):
                super().__init__(word)
                self.number = number

        def node():
            raise Mine("word", 5)

        for launch_type in ("local_mt", "local_mp"):
            program = lp.Program("p")
            program.add_node(lp.PyNode(node), label="n")
            try:
                lp.launch(program, launch_type=launch_type)
            except ValueError as error:
                print("caught", isinstance(error, lp.NodeFailed), "n/0" in str(error), flush=True)
        """
    )
    assert ended.status == 0, ended.err
    assert ended.out.count("caught True True") == 2


def test_a_process_that_ignores_the_stop_is_killed_after_the_notice(run):
    ended = run(
        """
        import signal, threading
        from absl import app
        import launchpad as lp

        def stubborn():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            print("stubborn", flush=True)
            lp.stop()
            threading.Event().wait()

        def main(_):
            program = lp.Program("p")
            program.add_node(lp.PyNode(stubborn), label="stubborn")
            lp.launch(program, launch_type="local_mp")

        if __name__ == "__main__":
            app.run(main)
        """,
        "--lp_termination_notice_secs=0.3",
    )
    assert ended.status == 0, ended.err
    assert "stubborn/0" in last_lines(ended.err)


def test_output_that_was_not_flushed_is_not_lost(run):
    ended = run(FAILING, "print('buffered'); lp.stop()", "local_mp")
    assert "[failing/0] buffered" in ended.out


def test_a_node_with_threads_that_go_on_ends(run):
    how = "threading.Thread(target=threading.Event().wait).start(); lp.stop()"
    ended = run(FAILING, how, "local_mp")
    assert ended.status == 0, ended.err


def test_status_of_the_launcher_after_a_signal_is_not_zero(start):
    program = start(FAILING, "print('up', flush=True); lp.wait_for_stop()", "local_mp")
    program.read_until("up")
    program.send(signal.SIGQUIT)
    assert program.end() != 0
