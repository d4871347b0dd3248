"""lp.check, --lp_dry_run, lp.draw and the command `launchpad`."""

import os
import subprocess
import sys
import threading

import pytest

import launchpad as lp
from launchpad import cli


class Peer:
    def __init__(self, other=None, lock=None):
        self._other = other

    def ping(self):
        return "pong"


def ring(pools):
    """Peers, each of which holds the next one's handle."""
    program = lp.Program("ring")
    nodes = [
        lp.CourierNode(Peer, courier_kwargs={"thread_pool_size": pool} if pool else None)
        for pool in pools
    ]
    with program.group("peer"):
        handles = [program.add_node(node) for node in nodes]
    for node, handle in zip(nodes, handles[1:] + handles[:1]):
        node.configure(handle)
    return program


def fan(actors=2):
    program = lp.Program("fan")
    counter = program.add_node(lp.CourierNode(Peer), "counter")
    with program.group("actor"):
        for _ in range(actors):
            program.add_node(lp.PyClassNode(Peer, counter))
    return program


def test_a_sound_program_has_no_findings():
    report = lp.check(fan())
    assert report
    assert str(report) == ""


def test_a_cycle_of_bounded_pools_is_a_warning_that_prints_it():
    report = lp.check(ring([1, 2]))
    assert report
    [warning] = report.warnings
    assert warning.node == "peer/0"
    assert "peer/0 (1 thread) -> peer/1 (2 threads) -> peer/0" in warning.what
    assert "futures" in warning.mend
    assert "test_preflight.py:" in warning.mend


def test_a_cycle_with_a_pool_that_nobody_bounded_is_none():
    assert str(lp.check(ring([1, None]))) == ""


def test_a_node_that_does_not_pickle_is_named_with_the_attribute_and_its_place():
    program = lp.Program("p")
    program.add_node(lp.CourierNode(Peer, lock={"a": threading.Lock()}), "peer")
    [error] = lp.check(program).errors
    assert error.node == "peer/0"
    assert "node._kwargs['lock']['a'] (lock)" in error.what
    assert "test_preflight.py:" in error.what
    assert "constructor" in error.mend


def test_threads_need_no_pickles():
    program = lp.Program("p")
    program.add_node(lp.CourierNode(Peer, lock=threading.Lock()), "peer")
    report = lp.check(program, "local_mt")
    assert report
    assert len(report.warnings) == 1


def test_a_launch_says_where_a_node_that_does_not_pickle_was_added():
    program = lp.Program("p")
    program.add_node(lp.CourierNode(Peer, lock=threading.Lock()), "peer")
    with pytest.raises(RuntimeError, match=r"added at .*test_preflight\.py:\d+"):
        lp.launch(program, "test_mt")


def test_handles_of_nodes_that_were_never_added_are_errors():
    program = lp.Program("p")
    program.add_node(lp.PyClassNode(Peer, lp.CourierNode(Peer).create_handle()), "peer")
    report = lp.check(program)
    assert not report
    assert "never added to a program: call add_node" in str(report)


def test_handles_of_another_program_are_errors():
    handle = lp.Program("other").add_node(lp.CourierNode(Peer), "other")
    program = lp.Program("p")
    program.add_node(lp.PyClassNode(Peer, handle), "peer")
    assert "of another program" in str(lp.check(program))


@pytest.mark.parametrize("kind", [lp.MultiThreadingColocation, lp.MultiProcessingColocation])
def test_a_node_that_stands_in_two_places_is_an_error_with_both(kind):
    program = lp.Program("p")
    node = lp.CourierNode(Peer)
    program.add_node(node, "peer")
    program.add_node(kind([node]), "pool")
    [error] = lp.check(program).errors
    assert error.node == "pool/0"
    assert "stands under 'peer' as well" in error.what
    assert "Make a node of its own for each place" in error.mend
    with pytest.raises(ValueError, match="stands under 'peer' as well"):
        lp.launch(program, "local_mt")


def test_a_colocation_inside_of_itself_is_refused():
    outer, inner = lp.MultiThreadingColocation([]), lp.MultiThreadingColocation([])
    outer.add_node(inner)
    for colocation in (outer, inner):
        with pytest.raises(ValueError, match="cannot be inside of itself"):
            inner.add_node(colocation)


def test_an_address_that_is_no_nodes_is_an_error():
    program = lp.Program("p")
    program.add_node(lp.PyClassNode(Peer, lp.Address("lost")), "peer")
    [error] = lp.check(program).errors
    assert "lp.Address that is no node's" in error.what
    assert "allocate_address" in error.mend


class FixedAddress(lp.AbstractAddressBuilder):
    def build(self):
        return "localhost:7"


def test_two_nodes_with_one_address_are_an_error():
    program = lp.Program("p")
    for _ in range(2):
        node = lp.PyClassNode(Peer)
        address = lp.Address("own")
        node.allocate_address(address)
        address.bind(FixedAddress())
        program.add_node(node, "peer")
    [error] = lp.check(program).errors
    assert error.node == "peer/1"
    assert "localhost:7, as 'peer/0' is" in error.what
    with pytest.raises(ValueError, match="localhost:7"):
        lp.launch(program, "local_mt")


def test_two_nodes_of_one_colocation_with_one_address_are_an_error():
    nodes = [lp.PyNode(print) for _ in range(2)]
    for node in nodes:
        address = lp.Address("own")
        node.allocate_address(address)
        address.bind(FixedAddress())
    program = lp.Program("p")
    program.add_node(lp.MultiThreadingColocation(nodes), label="both")
    (error,) = lp.check(program).errors
    assert "as another node inside of it is" in error.what


def test_resources_that_this_machine_lacks_are_found():
    beyond = max(os.sched_getaffinity(0)) + 1
    resources = {"actor": lp.PythonProcess(cpus=[beyond], gpus=[99])}
    report = lp.check(fan(), "local_mp", resources)
    assert f"CPUs [{beyond}]" in report.errors[0].what
    assert "GPUs [99]" in report.warnings[0].what
    assert "local_resources['actor']" in report.errors[0].mend


PROGRAM = """
import threading
from absl import app
import launchpad as lp

class Peer:
    def __init__(self, *args): pass
    def run(self): print("it runs")

def make_program(actors=2, lock=False):
    program = lp.Program("fan")
    counter = program.add_node(lp.CourierNode(Peer), "counter")
    with program.group("actor"):
        for _ in range(actors):
            program.add_node(lp.PyClassNode(Peer, counter, *([threading.Lock()] if lock else [])))
    return program

if __name__ == "__main__":
    import sys
    app.run(lambda _: lp.launch(make_program(lock="lock" in sys.argv)))
"""

PICTURE = """\
fan: 3 nodes, 2 labels
  counter   CourierNode<Peer>
  actor \u00d72  PyClassNode<Peer>
    └─► counter  (2 handles)
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "fan.py"
    path.write_text(PROGRAM)
    return path


def run(path, *arguments):
    return subprocess.run(
        [sys.executable, path, *arguments], capture_output=True, text=True, timeout=30
    )


def test_a_dry_run_prints_the_graph_and_launches_nothing(path):
    ended = run(path, "--lp_dry_run", "--lp_launch_type=local_mp")
    assert (ended.returncode, ended.stdout) == (0, PICTURE), ended.stderr


def test_a_dry_run_of_a_program_with_errors_prints_them_and_fails(path):
    ended = run(path, "--lp_dry_run", "--lp_launch_type=local_mp", "lock")
    assert ended.returncode == 1
    assert "error: node 'actor/0'" in ended.stdout
    assert "it runs" not in ended.stdout


def test_draw_gives_text_dot_and_svg():
    assert lp.draw(fan()) == PICTURE
    assert '"actor" -> "counter" [label=2];' in lp.draw(fan(), "dot")
    assert "\u00d72</tspan>" in lp.draw(fan(), format="svg")
    with pytest.raises(ValueError, match="text, dot and svg"):
        lp.draw(fan(), "png")


def test_the_command_draws_what_a_function_makes(path, capsys):
    assert cli.main(["graph", f"{path}:make_program", "actors=3"]) == 0
    assert "actor \u00d73" in capsys.readouterr().out
    assert cli.main(["graph", "launchpad.examples.hello_world.launch:nothing"]) == 2
    assert "there is no 'nothing'" in capsys.readouterr().err


def test_the_command_writes_a_file_in_the_format_of_its_name(path, tmp_path):
    assert cli.main(["graph", str(path), "-o", str(tmp_path / "fan.svg")]) == 0
    assert (tmp_path / "fan.svg").read_text().startswith("<svg ")


def test_the_command_checks(path, capsys):
    assert cli.main(["check", str(path)]) == 0
    assert capsys.readouterr().out == "nothing is wrong\n"
    assert cli.main(["check", str(path), "lock=True"]) == 1
    assert "does not pickle" in capsys.readouterr().out


@pytest.mark.parametrize(
    "place", ["no_such_module:f", "no_such_file.py", "os:getcwd", "math"], ids=str
)
def test_the_command_says_what_leads_to_no_program(place, capsys):
    assert cli.main(["graph", place]) == 2
    assert capsys.readouterr().err.startswith("launchpad: ")
