"""What upstream's README and its users' programs do first, in this process and in others."""

from __future__ import annotations

import threading

import pytest
from absl import flags
from absl.testing import absltest

import launchpad as lp

FLAGS = flags.FLAGS


class Producer:
    def work(self, context):
        return context * 2


class Consumer:
    def __init__(self, producers, stop, results):
        self._producers = producers
        self._stop = stop
        self._results = results

    def run(self):
        futures = [p.futures.work(i) for i, p in enumerate(self._producers)]
        self._results += [future.result() for future in futures]
        self._results += [p.work(i) for i, p in enumerate(self._producers)]
        self._stop()


def make_program(num_producers, results):
    program = lp.Program("consumer_producers")
    with program.group("producer"):
        handles = [program.add_node(lp.CourierNode(Producer)) for _ in range(num_producers)]
    stop = lp.make_program_stopper(FLAGS.lp_launch_type)
    node = lp.CourierNode(Consumer, handles, stop, results=results)
    program.add_node(node, label="consumer")
    return program


def test_local_mt_runs_until_a_node_stops_the_program():
    results: list[int] = []
    lp.launch(make_program(3, results), launch_type="local_mt")
    assert results == [0, 2, 4, 0, 2, 4]


def test_launch_type_comes_from_its_flag_when_none_is_given():
    results: list[int] = []
    assert FLAGS.lp_launch_type == lp.LAUNCH_TYPE.value == "local_mt"
    lp.launch(make_program(1, results))
    assert results == [0, 0]


def test_launch_type_may_be_the_enum():
    results: list[int] = []
    lp.launch(make_program(1, results), launch_type=lp.LaunchType.LOCAL_MULTI_THREADING)
    assert results == [0, 0]


def test_the_first_of_several_programs_is_launched_with_a_notice(capfd):
    first: list[int] = []
    second: list[int] = []
    lp.launch([make_program(1, first), make_program(1, second)], launch_type="local_mt")
    assert (first, second) == ([0, 0], [])
    assert "Multiple programs are provided" in capfd.readouterr().err


def test_a_program_can_be_launched_twice():
    results: list[int] = []
    program = make_program(1, results)
    lp.launch(program, launch_type="local_mt")
    lp.launch(program, launch_type="local_mt")
    assert results == [0, 0, 0, 0]


def test_launch_works_off_the_main_thread():
    results: list[int] = []
    thread = threading.Thread(
        target=lambda: lp.launch(make_program(2, results), launch_type="local_mt")
    )
    thread.start()
    thread.join(30)
    assert results == [0, 2, 0, 2]


class LaunchInTests(absltest.TestCase):
    def test_test_mt_returns_at_once_and_its_clean_up_ends_the_program(self):
        program = make_program(2, [])
        (consumer_node,) = program.groups["consumer"]
        consumer_node.disable_run()
        manager = lp.launch(program, launch_type="test_mt", test_case=self)
        consumer = consumer_node.create_handle().dereference()
        self.assertFalse(manager.done)
        producer = program.groups["producer"][1].create_handle().dereference()
        self.assertEqual(producer.work(4), 8)
        self.assertIsNone(consumer.run())
        manager.wait()
        self.assertTrue(manager.done)

    def test_test_mp_runs_processes(self):
        program = lp.Program("processes")
        handle = program.add_node(lp.CourierNode(Producer), label="producer")
        lp.launch(program, launch_type="test_mp", test_case=self)
        self.assertEqual(handle.dereference().work(4), 8)

    def test_enable_run_takes_disable_run_back(self):
        results = []
        program = make_program(1, results)
        (node,) = program.groups["consumer"]
        node.disable_run()
        node.enable_run()
        lp.launch(program, "test_mt", test_case=self, serialize_py_nodes=False).wait()
        self.assertEqual(results, [0, 0])


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_py_nodes_run_a_function_with_clients_for_handles(run, launch_type):
    ended = run(
        """
        import sys
        from absl import app
        import launchpad as lp

        import threading

        class Adder:
            def __init__(self, offset=0):
                self._offset = offset
                self._runner_is_done = threading.Event()
            def add(self, a, *, b):
                return a + b + self._offset
            def runner_is_done(self):
                self._runner_is_done.set()
            def wait_for_runner(self):
                assert self._runner_is_done.wait(30)

        class Runner:
            def __init__(self, adder):
                self._adder = adder
            def run(self):
                # One write: the other thread's print may fall between two.
                print(f"Runner has {self._adder.add(1, b=2)}\\n", end="", flush=True)
                self._adder.runner_is_done()

        def ask(first, nested, *, word):
            both = [first.add(1, b=1), nested["deep"][0].add(1, b=1)]
            print(f"PyNode has {both} {word}\\n", end="", flush=True)
            first.wait_for_runner()
            lp.stop()

        def main(_):
            program = lp.Program("nodes")
            one = program.add_node(lp.CourierNode(Adder), label="one")
            with program.group("ten"):
                ten = program.add_node(lp.CourierNode(Adder, offset=10))
            program.add_node(lp.PyClassNode(Runner, one), label="runner")
            program.add_node(lp.PyNode(ask, one, {"deep": (ten,)}, word="w"), label="asker")
            lp.launch(program)
            print("launch returned", flush=True)

        if __name__ == "__main__":
            app.run(main)
        """,
        f"--lp_launch_type={launch_type}",
    )
    assert ended.status == 0, ended.err
    assert "Runner has 3" in ended.out
    assert "PyNode has [2, 12] w" in ended.out
    assert "launch returned" in ended.out


def test_threads_then_processes_then_processes_in_one_process(run):
    ended = run(
        """
        import os
        import launchpad as lp

        class Runner:
            def run(self):
                print("ran in the launcher:", os.getppid() != LAUNCHER, flush=True)
                lp.stop()

        LAUNCHER = os.getpid()

        def make():
            program = lp.Program("p")
            program.add_node(lp.PyClassNode(Runner), label="runner")
            return program

        if __name__ == "__main__":
            for launch_type in ("local_mt", "local_mp", "local_mp"):
                lp.launch(make(), launch_type=launch_type)
            print("all done", flush=True)
        """
    )
    assert ended.status == 0, ended.err
    assert ended.out.count("ran in the launcher: True") == 1
    assert ended.out.count("ran in the launcher: False") == 2
    assert ended.out.endswith("all done\n")


def test_processes_can_be_launched_off_the_main_thread(run):
    ended = run(
        """
        import threading
        import launchpad as lp

        def node():
            print("node ran", flush=True)

        def go():
            program = lp.Program("p")
            program.add_node(lp.PyNode(node), label="n")
            lp.launch(program, launch_type="local_mp")
            print("returned", flush=True)

        thread = threading.Thread(target=go)
        thread.start()
        thread.join()
        """
    )
    assert ended.status == 0, ended.err
    assert "node ran" in ended.out and "returned" in ended.out


def test_the_launchers_flags_reach_the_nodes(run):
    ended = run(
        """
        from absl import app, flags
        import launchpad as lp

        FLAGS = flags.FLAGS
        flags.DEFINE_string("word", "default", "")
        flags.DEFINE_bool("loud", True, "")

        def node():
            print("word", FLAGS.word, FLAGS.loud, flush=True)

        def main(_):
            program = lp.Program("p")
            program.add_node(lp.PyNode(node), label="n")
            program.add_node(lp.PyNode(node), label="own")
            resources = {"own": lp.PythonProcess(args={"word": "mine", "loud": False})}
            lp.launch(program, local_resources=resources)

        if __name__ == "__main__":
            app.run(main)
        """,
        "--word=given",
        "--lp_launch_type=local_mp",
    )
    assert ended.status == 0, ended.err
    assert "[n/0] word given True" in ended.out
    assert "[own/0] word mine False" in ended.out


def test_python_process_adds_to_the_environment(run):
    ended = run(
        """
        import os
        import launchpad as lp

        def node():
            print("got", os.environ.get("WORD"), flush=True)

        program = lp.Program("p")
        program.add_node(lp.PyNode(node), label="a")
        program.add_node(lp.PyNode(node), label="b")
        resources = {"a": lp.PythonProcess(env={"WORD": 5})}
        lp.launch(program, launch_type="local_mp", local_resources=resources)
        """
    )
    assert ended.status == 0, ended.err
    assert "[a/0] got 5" in ended.out
    assert "[b/0] got None" in ended.out
