"""Mistakes at the launch of a program are named."""

from __future__ import annotations

import pytest

import launchpad as lp
from launchpad import context
from launchpad.launch import worker_manager
from launchpad.nodes.python import local_multi_processing


def nothing(*args, **kwargs):
    pass


def test_mistakes_of_a_launch_are_named():
    def program():
        made = lp.Program("p")
        made.add_node(lp.PyNode(nothing), label="n")
        return made

    with pytest.raises(ValueError, match="'bogus' is not a valid LaunchType"):
        lp.launch(program(), launch_type="bogus")
    with pytest.raises((ValueError, AssertionError), match="test_case"):
        lp.launch(program(), launch_type="test_mp")
    with pytest.raises(ValueError, match=r"terminal.*got a mode"):
        lp.launch(program(), launch_type="local_mp", terminal="bogus")
    with pytest.raises(ValueError, match=r"Launch config for n must be a PythonProcess."):
        lp.launch(program(), launch_type="local_mp", local_resources={"n": 5})
    with pytest.raises(ValueError, match="has the label 'other', which no node has"):
        resources = {"other": lp.PythonProcess()}
        lp.launch(program(), launch_type="local_mp", local_resources=resources)
    with pytest.raises((ValueError, IndexError), match="empty"):
        lp.launch([])
    lp.launch(program(), launch_type="local_mp", local_resources={"n": {}})


def test_a_run_directory_that_is_too_long_for_a_socket_is_refused(run, tmp_path):
    folder = tmp_path / ("x" * 90)
    folder.mkdir()
    ended = run(
        """
        import launchpad as lp
        program = lp.Program("p")
        program.add_node(lp.CourierNode(dict), label="n")
        lp.launch(program, launch_type="local_mp")
        """,
        env={"LAUNCHPAD_RUN_DIR": str(folder)},
    )
    assert ended.status == 1
    assert "x" * 90 in ended.err
    assert "too long" in ended.err
    assert list(folder.iterdir()) == []


def test_arguments_that_cannot_be_walked_name_the_node():
    class Constructed:
        pass

    with pytest.raises(ValueError, match=r"(?s)Failed to construct the PyClassNode with.*args"):
        lp.PyClassNode(Constructed, {1: "int", "a": "str"})


def test_a_launch_context_is_set_by_a_launch():
    node = lp.PyNode(nothing)
    with pytest.raises(RuntimeError, match="Launch context is not yet initialized"):
        _ = node.launch_context.launch_type
    with pytest.raises(AssertionError, match="Launchpad context was not instantiated"):
        context.get_context()
    assert node.default_launch_config(lp.LaunchType.LOCAL_MULTI_THREADING) is None
    assert local_multi_processing.PythonProcess is lp.PythonProcess
    assert isinstance(worker_manager.WorkerManager, type)
