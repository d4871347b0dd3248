"""From a drawn Program to a running one: tells each node's C++ twin what to run and how, and
starts the run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from launchpad import _core
from launchpad.address import NodeAddressBuilder, SimpleLocalAddressBuilder
from launchpad.context import LaunchType
from launchpad.launch import serialization, worker_manager
from launchpad.nodes.courier.node import CourierHandle, CourierNode
from launchpad.nodes.python.local_multi_processing import PythonProcess
from launchpad.program import Program

_PROCESSES = (LaunchType.LOCAL_MULTI_PROCESSING, LaunchType.TEST_MULTI_PROCESSING)
_TESTS = (LaunchType.TEST_MULTI_THREADING, LaunchType.TEST_MULTI_PROCESSING)
_TERMINALS = ("current_terminal",)


def run(
    program: Program,
    *,
    launch_type: LaunchType,
    local_resources: dict[str, Any],
    test_case: Any,
    terminal: str | None,
    serialize: bool | None,
) -> worker_manager.WorkerManager:
    """See launchpad.launch.launch.launch."""
    _check(program, launch_type, local_resources, test_case, terminal)
    _bind(program, launch_type, local_resources)
    if launch_type in _PROCESSES:
        _prepare_processes(program, local_resources)
    else:
        should = launch_type is LaunchType.TEST_MULTI_THREADING if serialize is None else serialize
        _prepare_threads(program, should)
    from launchpad import flags

    manager = worker_manager.WorkerManager(
        _core.launch(
            program.core,
            launch_type.value,
            flags.TERMINATION_NOTICE_SECS.value,
            flags.RUN_DIR.value,
            launch_type not in _TESTS,
        )
    )
    if test_case is not None:
        manager.cleanup_after_test(test_case)
    if launch_type not in _TESTS:
        manager.wait()
    return manager


def _check(
    program: Program,
    launch_type: LaunchType,
    local_resources: dict[str, Any],
    test_case: Any,
    terminal: str | None,
) -> None:
    if launch_type in (LaunchType.LOCAL_DOCKER, LaunchType.VERTEX_AI):
        raise NotImplementedError(
            f"launch type {launch_type.value} is not supported yet: use local_mt or local_mp"
        )
    if launch_type is LaunchType.TEST_MULTI_PROCESSING and test_case is None:
        raise ValueError("launch type test_mp needs test_case, whose clean-up ends the processes")
    if terminal not in (None, *_TERMINALS):
        raise ValueError(
            f"`terminal` got a mode that it does not understand: {terminal!r}; "
            f"there is {', '.join(_TERMINALS)}"
        )
    for label, config in local_resources.items():
        if config and not isinstance(config, PythonProcess):
            raise ValueError(f"Launch config for {label} must be a PythonProcess.")


def _bind(program: Program, launch_type: LaunchType, local_resources: dict[str, Any]) -> None:
    """Contexts, edges and addresses, before anything is pickled."""
    for label, nodes in program.groups.items():
        for node in nodes:
            node._initialize_context(launch_type, local_resources.get(label))
            for handle in node.input_handles:
                handle.connect(node, label)
            node.bind_addresses()
            for address in node.addresses:
                if isinstance(node, CourierNode) and address is node.courier_address:
                    address.bind(NodeAddressBuilder(node.core.number, node.core.name))
                elif address.builder is None:
                    address.bind(SimpleLocalAddressBuilder())
    for node in program.get_all_nodes():
        node.core.set_inputs([owner.core for owner in _owners(node)])
    program.core.check()


def _owners(node: Any) -> list[Any]:
    handles = [h for h in node.input_handles if isinstance(h, CourierHandle)]
    owners = [handle.address.owning_node for handle in handles]
    return [owner for owner in owners if hasattr(owner, "core")]


def _functions(nodes: list[Any], label: str) -> list[Callable[[], Any]]:
    """What the nodes of one label run; nodes that are processes of their own have nothing here."""
    if hasattr(nodes[0], "runs_elsewhere"):
        return []
    functions = nodes[0].to_executables(nodes, label, nodes[0].launch_context)
    if len(functions) != len(nodes) or not all(map(callable, functions)):
        raise RuntimeError(
            f"to_executables of the nodes under {label!r} must give one function for each node"
        )
    return list(functions)


def _by_kind(nodes: list[Any]) -> list[list[Any]]:
    """Nodes under one label may be of several kinds, each of which makes its own executables."""
    kinds: dict[type, list[Any]] = {}
    for node in nodes:
        kinds.setdefault(type(node), []).append(node)
    return list(kinds.values())


def _prepare_threads(program: Program, serialize: bool) -> None:
    for label, nodes in program.groups.items():
        for same_kind in _by_kind(nodes):
            functions = _functions(same_kind, label)
            if serialize and functions:
                functions = serialization.copies(label, same_kind, functions)
            for node, function in zip(same_kind, functions):
                node.core.set_entry(_thread_entry(node.core.name, function))


def _thread_entry(name: str, function: Callable[[], Any]) -> Callable[[], None]:
    def entry() -> None:
        import threading

        from launchpad.stop_program import stop

        threading.current_thread().name = name
        context = _core.context()
        assert context is not None
        context.add_stop_handler(stop.run_handlers)
        try:
            function()
        except SystemExit as leaving:
            # The node's wish to end; a status that says failure is one.
            if leaving.code not in (None, 0, "") and not context.stop_requested:
                raise RuntimeError(f"the node called sys.exit({leaving.code!r})") from None

    return entry


def _prepare_processes(program: Program, local_resources: dict[str, Any]) -> None:
    for label, nodes in program.groups.items():
        config = local_resources.get(label) or PythonProcess()
        for same_kind in _by_kind(nodes):
            for node, function in zip(same_kind, _functions(same_kind, label)):
                payload = serialization.worker_payload(
                    label, node, function, config.flag_arguments()
                )
                node.core.set_payload(lambda payload=payload: payload)
                node.core.set_command(
                    [config.interpreter or sys.executable, "-c", _WORKER],
                    {**_python_path(), **config.environment()},
                    "",
                )


_WORKER = "from launchpad.worker import main; main()"


def _python_path() -> dict[str, str]:
    """So that a worker finds this launchpad wherever it was imported from."""
    import launchpad

    root = os.path.dirname(os.path.dirname(os.path.abspath(launchpad.__file__)))
    known = os.environ.get("PYTHONPATH", "")
    return {"PYTHONPATH": root + os.pathsep + known if known else root}
