"""MultiProcessingColocation: nodes that run as processes of one node, which starts them again when
they fail. The node is a process itself in every launch type; its children end with it.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from launchpad import _core
from launchpad.launch import serialization
from launchpad.nodes.colocation import Colocation, with_inner
from launchpad.nodes.courier.node import CourierNode
from launchpad.nodes.python.node import PyNode

_CHILD = "from launchpad.nodes.multi_processing_colocation.child import main; main()"
PAYLOAD_VARIABLE = "LAUNCHPAD_CHILD_PAYLOAD"
_MAX_MESSAGE = 1 << 20


class MultiProcessingColocation(Colocation):
    """Runs nodes as processes of their own, side by side, as one node of the program.

    Args:
      nodes: PyNodes, courier nodes among them; more can be added with add_node.
      num_retries_on_failure: how often, all in all, a node that fails is started again.
    """

    def __init__(self, nodes: Sequence[PyNode[Any]], num_retries_on_failure: int = 0) -> None:
        if num_retries_on_failure < 0:
            raise ValueError(
                f"num_retries_on_failure must be 0 or more, not {num_retries_on_failure}"
            )
        self._num_retries_on_failure = num_retries_on_failure
        super().__init__(nodes)

    @property
    def needs_process(self) -> bool:
        return True

    def _run_nodes(self) -> None:
        self._check_not_empty()
        context = _core.context()
        if context is None:
            raise RuntimeError("MultiProcessingColocation works only in a launched program")
        retries = _Retries(self._num_retries_on_failure)
        children: list[_Child] = []
        ends: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        output = _core.Output()
        with _temporary_folder() as folder, contextlib.ExitStack() as at_end:
            at_end.callback(output.finish)
            at_end.callback(_kill, children)
            for i, node in enumerate(self._nodes):
                streams = output.add(str(i), False), output.add(str(i), True)
                place = os.path.join(folder, str(i))
                children.append(_Child(node, context, place, streams, retries))
            output.start()
            for child in children:
                threading.Thread(target=child.run, args=(ends,), daemon=True).start()

            def stop() -> None:
                for child in children:
                    child.stop()

            context.add_stop_handler(stop)
            for _ in children:
                error = ends.get()
                if error is not None:
                    raise error


# Waits for the end of its input, which comes however this process ends.
_SWEEPER = 'cat >/dev/null; rm -rf -- "$1"'


@contextlib.contextmanager
def _temporary_folder() -> Iterator[str]:
    """A folder that goes with this process, also when it is killed."""
    folder = tempfile.mkdtemp(prefix="launchpad-")
    sweeper = subprocess.Popen(
        ["/bin/sh", "-c", _SWEEPER, "sh", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Else it would be killed with the node's process group.
        cwd="/",
    )
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        assert sweeper.stdin is not None
        sweeper.stdin.close()
        sweeper.wait()


def _kill(children: list[_Child]) -> None:
    for child in children:
        child.kill()


class _Retries:
    """How many are left, for all children together. Any thread."""

    def __init__(self, count: int) -> None:
        self._count = self._left = count
        self._lock = threading.Lock()

    def use(self, cause: BaseException) -> None:
        with self._lock:
            if self._left <= 0:
                raise RuntimeError(
                    f"num_retries_on_failure (={self._count}) is reached. Allow more, or mend the "
                    f"last failure: {cause}"
                ) from cause
            self._left -= 1


class _Child:
    """One node and the process that runs it, one after the other."""

    def __init__(
        self,
        node: PyNode[Any],
        context: _core.Context,
        folder: str,
        streams: tuple[int, int],
        retries: _Retries,
    ) -> None:
        self._context = context
        self._retries = retries
        self._kind = node.kind
        self._streams = streams
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._over = False
        self._temporary = os.path.join(folder, "tmp")
        os.makedirs(self._temporary)
        self._payload = os.path.join(folder, "payload")
        with open(self._payload, "wb") as file:
            file.write(serialization.worker_payload(context.label, node, node.function, [], False))
        self._token = context.token_descriptor()
        # Held until the node has ended for good, so that calls wait while it is started again.
        self._listening = {
            number: context.inner_descriptor(number)
            for inner in with_inner([node])
            if isinstance(inner, CourierNode) and (number := inner.number) is not None
        }

    def run(self, ends: queue.SimpleQueue[BaseException | None]) -> None:
        """Until the node has ended well, or may not be started again."""
        _core.set_thread_context(self._context)
        try:
            while (failure := self._run_once()) is not None:
                if self._context.stop_requested or self._over:
                    break
                self._retries.use(failure)
            ends.put(None)
        except BaseException as error:
            ends.put(error)
        finally:
            for descriptor in (self._token, *self._listening.values()):
                os.close(descriptor)

    def _run_once(self) -> BaseException | None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {
            **os.environ,
            "TMPDIR": self._temporary,
            PAYLOAD_VARIABLE: self._payload,
            "LAUNCHPAD_WORKER": _core.inner_assignment(
                theirs.fileno(), self._token, self._listening
            ),
        }
        with ours, theirs:
            with self._lock:
                if self._over:
                    return None
                self._control = ours
                self._process = process = subprocess.Popen(
                    [sys.executable, "-c", _CHILD],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=self._streams[0],
                    stderr=self._streams[1],
                    pass_fds=[theirs.fileno(), self._token, *self._listening.values()],
                )
            theirs.close()
            if self._context.stop_requested:
                self.stop()
            failure = self._listen(ours)
            status = process.wait()
            with self._lock:
                self._control = None
        if status == 0:
            return None
        how = f"exited with status {status}" if status > 0 else f"was killed by signal {-status}"
        return failure or RuntimeError(f"{self._kind}, process {process.pid}, {how}")

    def _listen(self, control: socket.socket) -> BaseException | None:
        """What the process says, until it ends; how it failed, if it told."""
        failure: Any = None
        for packet in packets(control):
            kind, error = _core.decode_control(packet)
            if kind == "stop_requested":
                self._context.request_stop()
            elif kind == "failed":
                failure = error
        return failure

    def stop(self) -> None:
        """Asks the process to end."""
        with self._lock:
            if self._control is not None:
                with contextlib.suppress(OSError):  # It may have ended.
                    self._control.send(_core.encode_stop())

    def kill(self) -> None:
        """Ends the process, if it still runs."""
        with self._lock:
            self._over = True
            if self._process is not None and self._process.poll() is None:
                self._process.kill()


def packets(control: socket.socket) -> Iterator[bytes]:
    """What comes from the other end until that is closed."""
    while True:
        try:
            packet = control.recv(_MAX_MESSAGE)
        except ConnectionResetError:  # It left a message unread; what it sent before still comes.
            continue
        if not packet:
            return
        yield packet
