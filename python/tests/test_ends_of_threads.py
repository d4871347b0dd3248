"""How programs of threads and programs in tests end, and who gets to see the failure."""

from __future__ import annotations

import threading
import unittest

import pytest

import launchpad as lp


class Mine(ValueError):
    def __init__(self, word, number):
        super().__init__(word)
        self.number = number


def fail():
    raise Mine("the reason", 5)


class Broken:
    def __init__(self):
        raise KeyError("cannot be built")


def wait():
    assert lp.wait_for_stop()


def failing_program(node=None):
    program = lp.Program("failing")
    program.add_node(lp.PyNode(wait), label="bystander")
    program.add_node(node or lp.PyNode(fail), label="failing")
    return program


def test_local_mt_raises_the_nodes_exception_as_its_own_type():
    with pytest.raises(ValueError, match=r"node 'failing/0' failed: Mine: the reason") as raised:
        lp.launch(failing_program(), launch_type="local_mt")
    assert isinstance(raised.value, lp.NodeFailed)
    assert isinstance(raised.value, Mine)
    assert raised.value.number == 5
    assert raised.value.args == ("the reason",)
    assert str(raised.value).count("in fail\n") == 1


def test_local_mt_raises_what_a_constructor_raised():
    with pytest.raises(KeyError, match="cannot be built"):
        lp.launch(failing_program(lp.CourierNode(Broken)), launch_type="local_mt")


@pytest.mark.parametrize("status", [3, "a message"])
def test_local_mt_fails_when_a_node_exits_with_a_failure(status):
    def leave():
        raise SystemExit(status)

    with pytest.raises(lp.NodeFailed, match=r"failing/0.*sys.exit"):
        lp.launch(failing_program(lp.PyNode(leave)), launch_type="local_mt")


@pytest.mark.parametrize("launch_type", ["test_mt", "test_mp"])
def test_a_test_fails_when_a_node_failed(launch_type):
    class Case(unittest.TestCase):
        def test(self):
            lp.launch(failing_program(), launch_type=launch_type, test_case=self).wait_for_stop()

    result = unittest.TestResult()
    Case("test").run(result)
    ((_, text),) = result.errors
    assert "node 'failing/0' failed: Mine: the reason" in text


@pytest.mark.parametrize("launch_type", ["test_mt", "test_mp"])
def test_the_end_of_a_test_ends_the_program(launch_type):
    managers = []

    class Case(unittest.TestCase):
        def test(self):
            program = lp.Program("waiting")
            program.add_node(lp.PyNode(wait), label="waiter")
            managers.append(lp.launch(program, launch_type=launch_type, test_case=self))

    result = unittest.TestResult()
    Case("test").run(result)
    assert result.wasSuccessful(), result.errors
    assert managers[0].done


def test_a_failure_is_raised_once():
    manager = lp.launch(failing_program(), launch_type="test_mt")
    with pytest.raises(Mine):
        manager.wait()
    manager.wait()


def test_a_failure_can_be_left_for_later():
    manager = lp.launch(failing_program(), launch_type="test_mt")
    manager.wait(raise_error=False)
    assert manager.done
    with pytest.raises(Mine):
        manager.wait()


def test_wait_can_be_limited_to_labels():
    release = threading.Event()
    program = lp.Program("labels")
    program.add_node(lp.PyNode(lambda: None), label="short")
    program.add_node(lp.PyNode(release.wait), label="long")
    manager = lp.launch(program, launch_type="test_mt", serialize_py_nodes=False)
    manager.wait(labels_to_wait_for=["short"])
    assert not manager.done
    with pytest.raises(ValueError, match="no node has the label 'lonk'; there is: 'long', 'short'"):
        manager.wait(["lonk"])
    release.set()
    manager.wait()
    assert manager.done


def test_stop_and_wait_ends_a_program():
    program = lp.Program("waiting")
    program.add_node(lp.PyNode(wait), label="waiter")
    manager = lp.launch(program, launch_type="test_mt")
    manager.stop_and_wait()
    assert manager.done


def test_programs_run_side_by_side_and_stop_alone():
    def make():
        program = lp.Program("waiting")
        program.add_node(lp.PyNode(wait), label="waiter")
        return lp.launch(program, launch_type="test_mt")

    first, second = make(), make()
    first.stop_and_wait()
    assert not second.done
    second.stop_and_wait()


@pytest.mark.parametrize("launch_type", ["local_mt", "test_mt", "test_mp"])
def test_a_script_whose_program_failed_exits_with_1(run, launch_type):
    ended = run(
        f"""
        import unittest
        import launchpad as lp

        def fail():
            raise ValueError("the reason")

        class Case(unittest.TestCase):
            def test(self):
                program = lp.Program("p")
                program.add_node(lp.PyNode(fail), label="failing")
                lp.launch(program, launch_type="{launch_type}", test_case=self)

        unittest.main()
        """
    )
    assert ended.status == 1
    assert "node 'failing/0' failed: ValueError: the reason" in ended.err


def test_a_program_that_nobody_waits_for_does_not_hold_up_the_end(run):
    ended = run(
        """
        import launchpad as lp

        def node():
            lp.wait_for_stop()
            print("stopped", flush=True)

        program = lp.Program("p")
        program.add_node(lp.PyNode(node), label="n")
        lp.launch(program, launch_type="test_mt")
        """
    )
    assert ended.status == 0, ended.err
    assert ended.out == "stopped\n"


@pytest.mark.parametrize("labels", ["", "['n']"])
@pytest.mark.parametrize("launch_type", ["test_mt", "test_mp"])
def test_ctrl_c_ends_the_wait_of_a_test(run, launch_type, labels):
    ended = run(
        f"""
        import os, signal, threading, unittest
        import launchpad as lp

        def node():
            lp.wait_for_stop()

        program = lp.Program("p")
        program.add_node(lp.PyNode(node), label="n")
        case = unittest.TestCase()
        manager = lp.launch(program, launch_type="{launch_type}", test_case=case)
        ready = threading.Event()
        # It runs once the main thread waits and has let go of the interpreter.
        interrupt = lambda: (ready.wait(), os.kill(os.getpid(), signal.SIGINT))
        threading.Thread(target=interrupt).start()
        try:
            ready.set()
            manager.wait({labels})
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        case.doCleanups()
        print("ended", manager.done, flush=True)
        """
    )
    assert ended.status == 0, ended.err
    assert ended.out == "interrupted\nended True\n"
