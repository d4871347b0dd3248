"""What upstream's nodes and modules do, as its inventory says, where nothing else shows it."""

from __future__ import annotations

import functools
import json
import pickle
import sys
import threading

import pytest

import courier
import launchpad as lp
from launchpad.launch import serialization
from launchpad.launch.xm_docker import launch as xm_docker
from launchpad.nodes import base
from launchpad.nodes.python import local_multi_processing
from launchpad.nodes.python import xm_docker as node_xm_docker


class Runner:
    def __init__(self):
        self.runs = 0

    def run(self):
        self.runs += 1
        return self.runs

    def count(self):
        return self.runs


def test_a_node_whose_run_is_disabled_serves_and_run_can_be_called():
    program = lp.Program("p")
    node = lp.CourierNode(Runner)
    node.disable_run()
    handle = program.add_node(node, label="n")
    manager = lp.launch(program, "test_mt")
    client = handle.dereference()
    assert client.count() == 0
    assert client.run() == 1
    assert courier.list_methods(client) == ["count", "run"]
    manager.stop_and_wait()


def test_each_handle_and_each_client_is_another():
    program = lp.Program("p")
    node = lp.CourierNode(dict)
    first, second = program.add_node(node, label="n"), node.create_handle()
    assert first is not second
    manager = lp.launch(program, "test_mt")
    assert first.dereference() is not first.dereference()
    assert pickle.loads(pickle.dumps(first)).dereference().keys is not None
    manager.stop_and_wait()


WITHOUT_RUN = """
import launchpad as lp

class Quiet:
    pass

program = lp.Program("p")
program.add_node(lp.PyClassNode(Quiet), label="quiet")
lp.launch(program, "local_mp")
"""


def test_a_py_class_node_without_run_says_that_it_ends(run):
    ended = run(WITHOUT_RUN)
    assert ended.status == 0
    assert "PyClassNode<Quiet> ends at once: its object has no run()" in ended.err


def test_a_constructor_may_be_a_function_and_return_nothing():
    program = lp.Program("p")
    handle = program.add_node(lp.CourierNode(lambda: None), label="n")
    manager = lp.launch(program, "test_mt")
    assert courier.list_methods(handle.dereference()) == []
    manager.stop_and_wait()


def test_a_relaunched_program_builds_its_objects_anew():
    built = []
    program = lp.Program("p")
    program.add_node(lp.PyClassNode(lambda: built.append(1)), label="n")
    for _ in range(2):
        lp.launch(program, "local_mt")
    assert len(built) == 2


def test_a_handle_of_ones_own_is_tracked_and_transforms_nothing():
    class Own(base.Handle):
        def dereference(self):
            return 5

    handle = Own()
    executables = [print]
    assert handle.transform(executables) is executables
    found: list[base.Handle] = []
    base.extract_handles(lp.Deferred(print, [handle, {"again": handle}]), found)
    assert found == [handle]


def test_an_address_pickles_without_its_node():
    address = lp.Address("own")
    lp.PyNode(print).allocate_address(address)
    restored = pickle.loads(pickle.dumps(address))
    with pytest.raises(RuntimeError, match=r"Restored from pickle node named: .*PyNode"):
        restored.resolve()


def test_py_nodes_are_numbered():
    first, second = lp.PyNode(print), lp.PyNode(print)
    assert second.py_node_id > first.py_node_id


def test_processes_name_their_interpreter():
    process = lp.PythonProcess(args={"a": 1, "b": True, "c": False, "d": "x"})
    assert process.absolute_interpreter_path == sys.executable
    assert process.flag_arguments() == ["--a=1", "--b", "--noc", "--d=x"]
    functions = local_multi_processing.to_multiprocessing_executables([lp.PyNode(print)], "n", None)
    assert len(functions) == 1 and callable(functions[0])


def test_functions_are_written_to_a_file_with_what_they_share(tmp_path):
    shared: list[int] = []
    functions = [functools.partial(shared.append, 1), lambda: shared]
    serialization.serialize_functions(str(tmp_path / "f"), "n", functions)
    add, get = pickle.loads((tmp_path / "f").read_bytes())
    add()
    assert get() == [1]
    with pytest.raises(RuntimeError, match=r"associated to n were not.*functions\[0\]"):
        serialization.serialize_functions(str(tmp_path / "f"), "n", [threading.Lock().acquire])


CACHES = """
import functools, pickle
import cloudpickle
from launchpad.launch import serialization

@functools.lru_cache(maxsize=3)
def double(x):
    return 2 * x

double(1)
serialization.enable_lru_cache_pickling_once()
serialization.enable_lru_cache_pickling_once()
again = pickle.loads(cloudpickle.dumps(double))
print(again(2), again.cache_info().currsize, again.cache_parameters()["maxsize"])
"""


def test_caches_pickle_empty(run):
    ended = run(CACHES)
    assert ended.out == "4 1 3\n", ended.err


JAX_FLAGS = """
from absl import app, flags
import launchpad as lp

def node():
    print("platform", flags.FLAGS.jax_platforms)

def main(_):
    program = lp.Program("p")
    program.add_node(lp.PyNode(node), "n")
    resources = {"n": lp.PythonProcess(args={"jax_platforms": "cpu"})}
    lp.launch(program, "local_mp", local_resources=resources)

if __name__ == "__main__":
    app.run(main)
"""


def test_flags_of_jax_are_given_to_jax(run, tmp_path):
    (tmp_path / "jax.py").write_text(
        "from absl import flags\n"
        "class config:\n"
        "    def parse_flags_with_absl():\n"
        "        flags.DEFINE_string('jax_platforms', '', '')\n"
    )
    ended = run(JAX_FLAGS, env={"PYTHONPATH": str(tmp_path)})
    assert ended.out == "[n/0] platform cpu\n", ended.err


def test_upstreams_module_of_containers_launches_them(tmp_path, monkeypatch):
    assert node_xm_docker.DockerConfig is lp.DockerConfig
    program = lp.Program("p")
    program.add_node(lp.PyNode(print), label="n")
    with pytest.raises(ValueError, match="local_mt is no launch type of containers"):
        xm_docker.launch(program, "local_mt")
    with pytest.raises(ValueError, match="needs a DockerConfig for the label 'n'"):
        xm_docker.launch(program, "vertex_ai", {})


def test_consumer_producers_can_be_in_containers(run, tmp_path):
    name = "launchpad.examples.consumer_producers.launch_vertex_ai"
    ended = run(
        command=[sys.executable, "-m", name, "--lp_dry_run_dir=out", "--num_producers=3"],
    )
    assert ended.status == 0, ended.err
    job = json.loads((tmp_path / "out/job.json").read_text())
    pools = job["job_spec"]["worker_pool_specs"]
    assert [pool["replica_count"] for pool in pools] == [1, 3]
