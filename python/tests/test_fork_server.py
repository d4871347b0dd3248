"""Forks of a warmed process are what nodes that are started afresh are, and faster to start."""

import contextlib
import gc
import json
import os
import signal
import sys
import unittest

import pytest
from conftest import wait_until_gone

import launchpad as lp

# Prints, for each of two nodes, what one could tell a fork by, and what is the same anyway.
LOOK = """
import gc, json, os, random, signal, sys
import numpy as np
import launchpad as lp

def stream(s):
    return [s.name, s.mode, s.encoding, s.errors, s.newlines, s.line_buffering, s.write_through,
            s.isatty(), s.fileno(), s.seekable(), type(s.buffer).__name__, s.buffer.name,
            s.buffer.mode, s.closed]

def look():
    import faulthandler, locale
    return {
        "argv": sys.argv, "orig_argv": sys.orig_argv, "path": sys.path, "flags": list(sys.flags),
        "main": sorted(vars(sys.modules["__main__"])), "cwd": os.getcwd(),
        "environment": dict(os.environ),
        "streams": [stream(s) for s in (sys.stdin, sys.stdout, sys.stderr)],
        "originals": [sys.stdin is sys.__stdin__, sys.stdout is sys.__stdout__],
        "signals": [str(signal.getsignal(n)) for n in signal.valid_signals()],
        "mask": list(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "own_group": os.getpgid(0) == os.getpid(),
        "session": os.getsid(0) == os.getsid(os.getppid()),
        "parent": os.getppid() == LAUNCHER, "cpus": sorted(os.sched_getaffinity(0)),
        "gc": [gc.isenabled(), gc.get_threshold()], "faults": faulthandler.is_enabled(),
        "locale": locale.getlocale(), "umask": os.umask(0o22), "name": __name__,
        "descriptors": sorted(map(int, os.listdir("/proc/self/fd")))[:8],
        "absl": "absl.flags" in sys.modules,
    }

def node(i):
    print(json.dumps({"i": i, "fork": gc.get_freeze_count() > 0, "look": look(),
                      "random": [random.random(), float(np.random.rand())]}), flush=True)

LAUNCHER = os.getpid()
"""
LAUNCH = """
program = lp.Program("p")
for i in range(2):
    program.add_node(lp.PyNode(node, i), label="node")
lp.launch(program, launch_type="local_mp", local_resources={"node": lp.PythonProcess(**HOW)})
"""


def looks(run, how, *args):
    """What the two nodes of LOOK print."""
    ended = run(LOOK + f"\nHOW = {how!r}\n" + LAUNCH, *args)
    assert ended.status == 0, ended.err
    lines = [json.loads(line.split("] ", 1)[1]) for line in ended.out.splitlines()]
    return sorted(lines, key=lambda line: line["i"])


@pytest.mark.parametrize("how", [{}, {"env": {"MINE": 1}, "args": {"a": 1}, "cwd": "/"}])
def test_a_fork_is_as_a_node_that_was_started_afresh(run, how):
    forks = looks(run, how)
    fresh = looks(run, how, "--lp_no_forkserver")
    assert [line["fork"] for line in forks + fresh] == [True, True, False, False]
    for fork, other in zip(forks, fresh):
        other["look"]["argv"].remove("--lp_no_forkserver")
        # Scripts of two names.
        names = [os.path.basename(line["look"]["argv"][0]) for line in (fork, other)]
        assert names == ["script_0.py", "script_1.py"]
        del fork["look"]["argv"][0], other["look"]["argv"][0]
        differing = {
            k: (v, other["look"][k]) for k, v in fork["look"].items() if v != other["look"][k]
        }
        assert not differing


def test_forks_share_no_random_numbers(run):
    first, second = looks(run, {})
    assert first["fork"] and second["fork"]
    assert not set(first["random"]) & set(second["random"])


def test_numpy_counts_the_cpus_of_its_own_node(run):
    for line in looks(run, {"cpus": [min(os.sched_getaffinity(0))]}):
        assert not line["fork"]
        assert line["look"]["cpus"] == [min(os.sched_getaffinity(0))]


SMALL = """
import gc, os, signal, sys
import launchpad as lp
from launchpad.launch import fork_server

def node():
    print("fork" if gc.get_freeze_count() else "afresh", flush=True)
def make(count=4):
    program = lp.Program("p")
    for _ in range(count):
        program.add_node(lp.PyNode(node), label="node")
    return program
"""


def test_what_is_read_at_a_start_makes_no_forks(run):
    variables = ["PYTHONHASHSEED", "OMP_NUM_THREADS", "LD_BIND_NOW", "TZ", "CUDA_VISIBLE_DEVICES"]
    ended = run(
        SMALL
        + f"""
def node(variable):
    print(variable, os.environ[variable], bool(gc.get_freeze_count()), flush=True)
program = lp.Program("p")
how = {{}}
for variable in {variables}:
    program.add_node(lp.PyNode(node, variable), label=variable)
    how[variable] = lp.PythonProcess(env={{variable: "1"}})
lp.launch(program, "local_mp", local_resources=how)
"""
    )
    assert ended.status == 0, ended.err
    assert sorted(line.split("] ")[1] for line in ended.out.splitlines()) == sorted(
        f"{variable} 1 {variable == 'CUDA_VISIBLE_DEVICES'}" for variable in variables
    )


@pytest.mark.parametrize(
    "argument, expected",
    [("", "fork"), (", fork_server=True", "fork"), (", fork_server=False", "afresh")],
)
def test_the_argument_says_whether_there_are_forks(run, argument, expected):
    ended = run(SMALL + f"\nlp.launch(make(), launch_type='local_mp'{argument})")
    assert [line.split("] ")[1] for line in ended.out.splitlines()] == [expected] * 4


def test_the_argument_prevails_over_the_flag(run):
    ended = run(SMALL + "\nlp.launch(make(), 'local_mp', fork_server=True)", "--lp_no_forkserver")
    assert ended.out.count("fork") == 4


def test_a_single_node_is_started_by_itself(run):
    assert run(SMALL + "\nlp.launch(make(1), 'local_mp')").out == "[node/0] afresh\n"


def test_nodes_with_an_interpreter_of_their_own_are_no_forks(run, tmp_path):
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    how = f"lp.PythonProcess(interpreter={str(link)!r}, env=dict(PYTHONPATH=':'.join(sys.path)))"
    ended = run(SMALL + f"\nlp.launch(make(), 'local_mp', local_resources=dict(node={how}))")
    assert ended.status == 0, ended.err
    assert ended.out.count("afresh") == 4


KILLED = """
start = fork_server.start
def start_and_kill(*args):
    server = start(*args)
    os.kill(server.pid, signal.SIGKILL)
    return server
fork_server.start = start_and_kill
"""


def test_a_fork_server_that_is_killed_is_done_without(run):
    ended = run(SMALL + KILLED + "\nlp.launch(make(20), launch_type='local_mp')")
    assert ended.status == 0, ended.err
    assert ended.out.count("afresh") == 20


def test_a_fork_server_with_threads_forks_nothing(run, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import os, threading\n"
        "if 'LAUNCHPAD_FORK_SERVER' in os.environ:\n"
        "    threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    environment = {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    ended = run(SMALL + "\nlp.launch(make(), launch_type='local_mp')", env=environment)
    assert ended.status == 0, ended.err
    assert ended.out.count("afresh") == 4


def test_nothing_is_left_when_the_launcher_is_killed_while_the_server_warms_up(start, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal\nif 'LAUNCHPAD_FORK_SERVER' in os.environ:\n    signal.pause()\n"
    )
    environment = {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    announce = SMALL + KILLED.replace(
        "os.kill(server.pid, signal.SIGKILL)", "print('server', server.pid, flush=True)"
    )
    launcher = start(announce + "\nlp.launch(make(), launch_type='local_mp')", env=environment)
    server = launcher.number_after("server")
    launcher.send(signal.SIGKILL)
    wait_until_gone(server)
    launcher.end()


def test_the_fork_server_ends_once_the_nodes_run(start):
    announce = SMALL + KILLED.replace(
        "os.kill(server.pid, signal.SIGKILL)", "print('server', server.pid, flush=True)"
    )
    wait = "\ndef node():\n    print('pid', os.getpid(), flush=True)\n    lp.wait_for_stop()\n"
    launcher = start(announce + wait + "\nlp.launch(make(2), launch_type='local_mp')")
    server = launcher.number_after("server")
    nodes = [launcher.number_after("pid") for _ in range(2)]
    wait_until_gone(server)
    launcher.send(signal.SIGKILL)
    for pid in nodes:
        wait_until_gone(pid)
    launcher.end()


FAIL = """
def fail(i):
    how = sys.argv[-1]
    if i == 1:
        lp.wait_for_stop()
    elif how == "raise":
        raise KeyError("broken")
    elif how == "exit":
        os._exit(7)
    else:
        os.kill(os.getpid(), signal.SIGSEGV)
program = lp.Program("p")
for i in range(2):
    program.add_node(lp.PyNode(fail, i), label="node")
try:
    lp.launch(program, launch_type="local_mp")
except lp.NodeFailed as error:
    print(isinstance(error, KeyError), str(error).splitlines()[0])
"""


@pytest.mark.parametrize("mode", ["--lp_no_forkserver", "--nolp_no_forkserver"])
@pytest.mark.parametrize(
    "how, expected",
    [
        ("raise", "True node 'node/0' failed: KeyError: 'broken'"),
        ("exit", "False node 'node/0' exited with code 7"),
        ("signal", "False node 'node/0' was killed by signal 11 (SIGSEGV)"),
    ],
)
def test_the_launcher_learns_how_a_node_ended(run, mode, how, expected):
    ended = run(SMALL + FAIL, mode, how)
    assert ended.out == expected + "\n", ended.err


class Echo:
    def echo(self, value):
        return value


def test_launches_in_a_row_leave_no_descriptor_and_no_child():
    def launch_once():
        case = unittest.TestCase()
        program = lp.Program("p")
        with program.group("echo"):
            handles = [program.add_node(lp.CourierNode(Echo)) for _ in range(2)]
        lp.launch(program, launch_type="test_mp", test_case=case)
        assert handles[1].dereference().echo(3) == 3
        case.doCleanups()

    def look():
        gc.collect()  # Clients that nobody holds.
        children = []
        for thread in os.listdir("/proc/self/task"):
            ended = contextlib.suppress(FileNotFoundError, ProcessLookupError)
            with ended, open(f"/proc/self/task/{thread}/children") as file:
                children += file.read().split()
        return len(os.listdir("/proc/self/fd")), sorted(children)

    launch_once()
    before = look()
    for _ in range(4):
        launch_once()
    descriptors, children = look()
    assert descriptors <= before[0]  # What earlier tests held may have been let go of.
    assert children == before[1]
