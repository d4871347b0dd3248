"""From a drawn Program to a running one: tells each node's C++ twin what to run and how, and
starts the run.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from launchpad import _core
from launchpad.address import NodeAddressBuilder, SimpleLocalAddressBuilder
from launchpad.context import LaunchType
from launchpad.launch import (
    fork_server,
    links,
    preflight,
    serialization,
    terminals,
    worker_manager,
)
from launchpad.nodes import colocation
from launchpad.nodes.courier.node import CourierNode
from launchpad.nodes.python.local_multi_processing import PythonProcess
from launchpad.program import Program
from launchpad.stop_program import stop

_PROCESSES = (LaunchType.LOCAL_MULTI_PROCESSING, LaunchType.TEST_MULTI_PROCESSING)
_TESTS = (LaunchType.TEST_MULTI_THREADING, LaunchType.TEST_MULTI_PROCESSING)


def run(
    program: Program,
    *,
    launch_type: LaunchType,
    local_resources: Mapping[str, Any] | None = None,
    test_case: Any = None,
    terminal: str | None = None,
    serialize: bool | None = None,
    forks: bool | None = None,
) -> worker_manager.WorkerManager:
    """See launchpad.launch.launch.launch."""
    if not isinstance(local_resources or {}, Mapping):
        raise TypeError(
            "local_resources maps labels to PythonProcesses, as {'label': lp.PythonProcess()}, not "
            f"{local_resources!r}"
        )
    local_resources = dict(local_resources or {})
    name = terminals.chosen(terminal)
    if launch_type is not LaunchType.LOCAL_MULTI_PROCESSING:
        name = "current_terminal"  # Threads print where the launcher does, and tests read it there.
    _check(program, launch_type, local_resources, test_case)
    with _fork_server(program, launch_type, local_resources, forks) as server:
        _bind(program, launch_type, local_resources)
        _preflight(program, launch_type, local_resources)
        if launch_type in _PROCESSES:
            _prepare_processes(program, local_resources, _debugs(launch_type, name))
            _prepare_cpus(program, local_resources)
        else:
            tests = launch_type is LaunchType.TEST_MULTI_THREADING
            should = tests if serialize is None else serialize
            _prepare_threads(program, should, _debugs(launch_type, name))
        return _start(program, launch_type, test_case, name, server)


@contextlib.contextmanager
def _fork_server(
    program: Program, launch_type: LaunchType, local_resources: dict[str, Any], forks: bool | None
) -> Iterator[_core.ForkServer | None]:
    """What forks for the nodes, if that is wanted. It warms up inside of the scope."""
    from launchpad import flags

    wanted = not flags.NO_FORKSERVER.value if forks is None else forks
    if not wanted or launch_type not in _PROCESSES or flags.DRY_RUN.value:
        yield None
        return
    server = fork_server.start(program, local_resources, worker_command(), _python_path())
    try:
        yield server
    finally:
        if server is not None:
            server.close()


def _start(
    program: Program,
    launch_type: LaunchType,
    test_case: Any,
    terminal: str,
    server: _core.ForkServer | None,
) -> worker_manager.WorkerManager:
    from launchpad import flags

    if sys.stdout is not None:
        sys.stdout.flush()  # What the launcher itself prints comes after it.
    manager = worker_manager.WorkerManager(
        _run=_core.launch(
            program.core,
            launch_type.value,
            flags.TERMINATION_NOTICE_SECS.value,
            flags.RUN_DIR.value,
            launch_type not in _TESTS,
            terminal,
            flags.TMUX_SESSION_NAME.value,
            flags.TMUX_OPEN_WINDOW.value,
            server,
        )
    )
    context = _core.context()
    if context is not None and context.task < 0:  # The launcher's own.
        context.add_stop_handler(stop.run_handlers)
    if test_case is not None:
        manager.cleanup_after_test(test_case)
    if launch_type not in _TESTS:
        manager.wait()
    return manager


def _debugs(launch_type: LaunchType, terminal: str) -> bool:
    from launchpad import flags

    return (
        flags.PDB_POST_MORTEM.value
        and launch_type not in _TESTS
        and terminals.has_keyboard(terminal)
    )


def _check(
    program: Program,
    launch_type: LaunchType,
    local_resources: dict[str, Any],
    test_case: Any,
) -> None:
    if launch_type is LaunchType.TEST_MULTI_PROCESSING and test_case is None:
        raise ValueError("launch type test_mp needs test_case, whose clean-up ends the processes")
    for label, config in local_resources.items():
        if label not in program.groups:
            raise ValueError(
                f"local_resources has the label {label!r}, which no node has; there is: "
                + ", ".join(map(repr, program.groups))
            )
        if config and not isinstance(config, PythonProcess):
            raise ValueError(
                f"Launch config for {label} must be a PythonProcess. Make it with "
                f"lp.PythonProcess(args=..., env=...), not {config!r}"
            )


def _preflight(program: Program, launch_type: LaunchType, local_resources: dict[str, Any]) -> None:
    from launchpad import flags

    if flags.DRY_RUN.value:
        report = preflight.check(program, launch_type, local_resources)
        if report.errors or report.warnings:
            print(report)
        print(program.core.draw("text") if report else "Not launched.", end="", flush=True)
        raise SystemExit(0 if report else 1)
    report = preflight.before_launch(program, local_resources)
    if not report:
        raise ValueError(str(report))
    if report.warnings:
        print(f"launchpad: {report}", file=sys.stderr)


def _bind(program: Program, launch_type: LaunchType, local_resources: dict[str, Any]) -> None:
    """Contexts, edges and addresses, before anything is pickled."""
    colocation.number(program.core, program.get_all_nodes())
    for label, nodes in program.groups.items():
        for node in colocation.with_inner(nodes):
            node._initialize_context(launch_type, local_resources.get(label))
            for handle in node.input_handles:
                handle.connect(node, label)
            node.bind_addresses()
            for address in node.addresses:
                if isinstance(node, CourierNode) and address is node.courier_address:
                    address.bind(NodeAddressBuilder(node.core.number, node.core.name))
                elif address.builder is None:
                    address.bind(SimpleLocalAddressBuilder())
    links.link(program)
    program.core.check()


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


def _prepare_threads(program: Program, serialize: bool, debugs: bool) -> None:
    claim: list[bool] | None = [] if debugs else None
    for label, nodes in program.groups.items():
        for same_kind in _by_kind(nodes):
            functions = _functions(same_kind, label)
            if serialize and functions:
                functions = serialization.copies(label, same_kind, functions)
            for node, function in zip(same_kind, functions):
                if isinstance(node, colocation.Colocation) and node.needs_process:
                    _prepare_process(label, node, function, PythonProcess(), False)
                    continue
                node.core.set_entry(_thread_entry(node.core.name, function, claim))


def _thread_entry(
    name: str, function: Callable[[], Any], claim: list[bool] | None
) -> Callable[[], None]:
    def entry() -> None:
        import threading

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
        except Exception as error:
            if claim is not None:
                from launchpad.launch import debugger  # It brings pdb.

                debugger.of_thread(claim, name, error)
            raise

    return entry


def _prepare_processes(program: Program, local_resources: dict[str, Any], debugs: bool) -> None:
    for label, nodes in program.groups.items():
        config = local_resources.get(label) or PythonProcess()
        for same_kind in _by_kind(nodes):
            for node, function in zip(same_kind, _functions(same_kind, label)):
                _prepare_process(label, node, function, config, debugs)


def _prepare_process(
    label: str, node: Any, function: Callable[[], Any], config: PythonProcess, debugs: bool
) -> None:
    payload = serialization.worker_payload(label, node, function, config.flag_arguments(), debugs)
    node.core.set_payload(lambda: payload)
    node.core.set_command(
        worker_command(config.interpreter),
        {**_python_path(), **config.environment()},
        os.fspath(config.cwd or ""),
    )


def _prepare_cpus(program: Program, local_resources: dict[str, Any]) -> None:
    for label, nodes in program.groups.items():
        config = local_resources.get(label)
        if config and config.cpus:
            for node in nodes:
                node.core.set_place(list(config.cpus), "")


# What a worker's interpreter runs.
WORKER = "from launchpad.worker import main; main()"


def worker_command(interpreter: str | None = None) -> list[str]:
    """What starts a worker; the launcher or a fork server does."""
    return [interpreter or sys.executable, "-c", WORKER]


def _python_path() -> dict[str, str]:
    """So that a worker finds this launchpad wherever it was imported from."""
    import launchpad

    root = os.path.dirname(os.path.dirname(os.path.abspath(launchpad.__file__)))
    known = os.environ.get("PYTHONPATH", "")
    return {"PYTHONPATH": root + os.pathsep + known if known else root}
