"""WorkerManager: the run of one program, as lp.launch returns it; and what a node sees of its own
run. Any thread.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Sequence
from typing import Any

from launchpad import _core
from launchpad.stop_program.stop import (
    register_stop_handler,
    stop,
    stop_event,
    unregister_stop_handler,
    wait_for_stop,
)

__all__ = [
    "OwnRun",
    "WorkerManager",
    "get_worker_manager",
    "register_stop_handler",
    "stop_event",
    "unregister_stop_handler",
    "wait_for_stop",
]

# Runs that go on while nobody holds their manager, e.g. in a test.
_live: set[WorkerManager] = set()


class WorkerManager:
    """Watches a program's nodes."""

    def __init__(self, run: _core.Run) -> None:
        self._run = run
        self._raised = False
        _live.add(self)

    def wait(
        self, labels_to_wait_for: Sequence[str] | None = None, raise_error: bool = True
    ) -> None:
        """Waits until all nodes (or those of some labels) have ended, and raises the first
        failure, once. Without `raise_error` it is kept for the next wait.
        """
        from launchpad import errors

        try:
            if labels_to_wait_for is None:
                self._run.wait()
            else:
                self._run.wait_for(list(labels_to_wait_for))
        except errors.NodeFailed as failure:
            if failure.code is errors.StatusCode.ABORTED and not failure._parts[3]:
                raise KeyboardInterrupt(str(failure)) from None
            if raise_error and not self._raised:
                self._raised = True
                raise failure from None
        finally:
            if self._run.done:
                _live.discard(self)

    def join(self) -> None:
        """The same as wait()."""
        self.wait()

    def stop(self) -> None:
        """Asks every node to end. Returns at once."""
        self._run.stop()

    def stop_and_wait(self) -> None:
        """Asks every node to end, and waits for them; raises the first failure."""
        self._run.stop()
        self.wait()

    def wait_for_stop(self, timeout_secs: float | None = None) -> bool:
        """Waits until the program is asked to stop; False if the time passed first."""
        return self._run.wait_for_stop(timeout_secs)

    def stop_event(self) -> threading.Event:
        """An event that is set once the program stops."""
        event = threading.Event()

        def watch() -> None:
            self._run.wait_for_stop(None)
            event.set()

        threading.Thread(target=watch, name="lp-stop-event", daemon=True).start()
        return event

    @property
    def done(self) -> bool:
        """Whether every node has ended."""
        return self._run.done

    def cleanup_after_test(self, test_case: Any) -> None:
        """The test's clean-up ends the program, and fails the test if a node failed."""
        test_case.addCleanup(self.stop_and_wait)


class OwnRun:
    """What a node sees of the run that it is part of."""

    def stop(self) -> None:
        """Asks every node to end. Returns at once."""
        stop()

    def wait_for_stop(self, timeout_secs: float | None = None) -> bool:
        """Waits until the program is asked to stop; False if the time passed first."""
        return wait_for_stop(timeout_secs)

    def stop_event(self) -> threading.Event:
        """An event that is set once the program stops."""
        return stop_event()


def get_worker_manager() -> OwnRun:
    """The calling node's view of its run. RuntimeError outside of a running program."""
    if _core.context() is None:
        raise RuntimeError("A worker manager is there only in the nodes of a running program.")
    return OwnRun()


@atexit.register
def _end_live_runs() -> None:
    for manager in list(_live):
        manager.stop()
    for manager in list(_live):
        manager.wait(raise_error=False)
