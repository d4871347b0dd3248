"""The process of one Python node: `python -m launchpad.worker`, started by a launcher, never by
hand.

It reads what to run from its launcher, runs it in the main thread, and ends without waiting for
other threads. Usually it is a fork of a process that has imported what it needs: see
launchpad.warm_worker.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from launchpad import _core


def _load(payload: bytes) -> Callable[[], Any]:
    import pickle

    if payload.startswith(b"LPC1"):
        return _typed_node(payload)
    job = pickle.loads(payload)
    known = set(sys.path)
    sys.path.extend(entry for entry in job["sys_path"] if entry not in known)
    sys.argv = [*job["argv"][:1], *job["flags"], *job["argv"][1:]]
    function: Callable[[], Any] = pickle.loads(job["function"])
    if "absl.flags" in sys.modules:
        _parse_flags(job)
    if job["debugs"]:
        from launchpad.launch import debugger

        return debugger.debugged(function)
    return function


def _parse_flags(job: dict[str, Any]) -> None:
    """The launcher's flags are this node's too, and its own prevail."""
    from absl import flags

    import launchpad.flags  # noqa: F401  Defines ours.
    from launchpad.launch import main_flags

    try:
        main_flags.define(job["main_flags"])
        if any(argument.startswith("--jax_") for argument in sys.argv):
            jax: Any = importlib.import_module("jax")
            jax.config.parse_flags_with_absl()
        for arguments in (job["argv"][1:], job["flags"]):
            flags.FLAGS([sys.executable, *arguments], known_only=True)
    except Exception as error:  # A flag of the launcher's that has no such value here.
        print(f"launchpad: the node's flags could not be parsed: {error}", file=sys.stderr)


def _typed_node(payload: bytes) -> Callable[[], Any]:
    """A node of a C++ program: "module:Class" and its arguments."""
    from launchpad.address import NodeAddressBuilder
    from launchpad.nodes.courier.node import CourierNode

    target, args, kwargs = _core.unpack_call(payload)
    module, _, name = target.partition(":")
    sys.path.insert(0, os.getcwd())
    constructor: Any = importlib.import_module(module)
    for part in name.split("."):
        constructor = getattr(constructor, part)
    node = CourierNode(constructor, *args, **kwargs)
    context = _core.context()
    assert context is not None
    node.courier_address.bind(NodeAddressBuilder(context.task, context.name))
    return node.run


def _run(function: Callable[[], Any]) -> Callable[[], None]:
    def entry() -> None:
        from launchpad.stop_program import stop

        context = _core.context()
        assert context is not None
        context.add_stop_handler(stop.run_handlers)
        try:
            function()
        except SystemExit as leaving:
            code = leaving.code
            if isinstance(code, str) and code:
                print(code, file=sys.stderr)
            if code not in (None, 0, "") and not context.stop_requested:
                _end(code if isinstance(code, int) else 1)

    return entry


def _end(status: int) -> None:
    """Other threads, of the node or of libraries, do not keep the process."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(status)


def main(payload: bytes | None = None) -> None:
    """Runs the node that this process was started for; `payload`: instead of the launcher's."""
    if _core.is_fork_server():
        from launchpad import warm_worker

        warm_worker.serve()
    if not _core.is_worker():
        sys.exit("launchpad.worker is started by a launcher, not by hand")
    worker = _core.Worker()
    # What is removed there stays here, and a process of the node's would take it for its own.
    os.environ.pop("LAUNCHPAD_WORKER", None)
    try:
        function = _load(worker.payload() if payload is None else payload)
    except BaseException as error:
        worker.report_failure(error)
        _end(1)
    _end(worker.run(_run(function)))


if __name__ == "__main__":
    main()
