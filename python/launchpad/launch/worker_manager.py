"""WorkerManager: the run of one program, as lp.launch returns it; threads and processes of one's
own, watched as one; and what a node sees of its own run. Any thread.
"""

from __future__ import annotations

import atexit
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

from launchpad import _core
from launchpad.launch import workers
from launchpad.stop_program import stop as stop_program
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
    """Watches a program's nodes, or threads and processes that its user starts.

    Args:
      kill_main_thread: kept for upstream's sake; the process that waits is never killed.
      register_in_thread: whether get_worker_manager() gives it in the calling thread.
    """

    def __init__(
        self,
        kill_main_thread: bool = True,
        register_in_thread: bool = False,
        *,
        _run: _core.Run | None = None,
    ) -> None:
        del kill_main_thread
        self._run = _run
        self._raised = False
        self._bridged = False
        self._workers = workers.Workers(self, None if _run is None else _run.stop)
        if register_in_thread:
            stop_program.current.manager = self
        if _run is not None:
            _live.add(self)
            return
        context = _core.context()
        if context is not None and context.task >= 0:  # Inside of a node.
            context.add_stop_handler(self._workers.stop)

    def thread_worker(self, name: str, function: Callable[[], Any]) -> None:
        """Runs the function in a thread of that name."""
        self._bridge()
        self._workers.add_thread(name, function)

    def process_worker(
        self,
        name: str,
        command: Sequence[str],
        env: dict[str, str] | None = None,
        **popen_kwargs: Any,
    ) -> None:
        """Starts the command; `env` is added to the environment, `popen_kwargs` are Popen's."""
        self._bridge()
        self._workers.add_process(name, list(command), env, **popen_kwargs)

    def register_existing_process(self, name: str, pid: int) -> None:
        """Watches a process that somebody else started; only a child's failure can be seen."""
        self._bridge()
        self._workers.add_existing(name, pid)

    def _bridge(self) -> None:
        """The stop of the program is that of the workers beside it."""
        if self._run is None or self._bridged:
            return
        self._bridged = True
        run = self._run

        def watch() -> None:
            run.wait_for_stop(None)
            self._workers.stop()

        threading.Thread(target=watch, name="lp-stop", daemon=True).start()

    def wait(
        self,
        labels_to_wait_for: Sequence[str] | None = None,
        raise_error: bool = True,
        return_on_first_completed: bool = False,
    ) -> None:
        """Waits until all nodes and workers have ended, and raises the first failure, once.

        Args:
          labels_to_wait_for: waits for those of some labels or names only; a failure of any node
            or worker is raised all the same.
          raise_error: False keeps the failure for the next wait.
          return_on_first_completed: waits for the first of them only.

        Raises:
          ValueError: a label that nobody has.
        """
        labels = None if labels_to_wait_for is None else list(labels_to_wait_for)
        first = return_on_first_completed
        with self._failures(raise_error):
            if self._run is None:
                self._wait_for_workers(labels, first)
            elif not self._workers.names():
                self._wait_for_run(labels, first)
            else:
                self._wait_for_both(labels, first)
        failure = self._workers.take_failure() if raise_error else None
        if failure is not None:
            raise failure

    def _wait_for_workers(self, labels: list[str] | None, first: bool) -> None:
        known = self._workers.names()
        for label in labels or ():
            if label not in known:
                names = ", ".join(map(repr, sorted(known)))
                raise ValueError(f"no worker has the name {label!r}; there is: {names}")
        with self._workers.listening():
            self._workers.wait(labels, first)

    def _wait_for_run(self, labels: list[str] | None, first: bool) -> None:
        assert self._run is not None
        if labels is None and not first:
            self._run.wait()
            return
        run = self._run
        # Off this thread, so that Ctrl-C ends the wait of a test.
        over: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

        def watch() -> None:
            try:
                run.wait_for(labels or [], first)
                over.put(None)
            except BaseException as error:
                over.put(error)

        threading.Thread(target=watch, name="lp-wait", daemon=True).start()
        error = over.get()
        if error is not None:
            raise error

    def _wait_for_both(self, labels: list[str] | None, first: bool) -> None:
        names = self._workers.names()
        of_run = None if labels is None else [label for label in labels if label not in names]
        if of_run == []:
            self._workers.wait(labels, first)
            return
        over: list[BaseException | None] = []

        def watch() -> None:
            try:
                self._wait_for_run(of_run, first)
                over.append(None)
            except BaseException as error:
                over.append(error)
            self._workers.changed()

        threading.Thread(target=watch, name="lp-wait", daemon=True).start()
        # A failure of the run comes first; one of a worker stops the run.
        self._workers.wait(labels, first, also=lambda: bool(over))
        if over and over[0] is not None:
            raise over[0]

    @contextlib.contextmanager
    def _failures(self, raise_error: bool) -> Any:
        from launchpad import errors

        try:
            yield
        except errors.NodeFailed as failure:
            if failure.code is errors.StatusCode.ABORTED and not failure._parts[3]:
                raise KeyboardInterrupt(str(failure)) from None
            if raise_error and not self._raised:
                self._raised = True
                raise failure from None
        finally:
            if self.done:
                _live.discard(self)

    def join(self) -> None:
        """The same as wait()."""
        self.wait()

    def stop(self) -> None:
        """Asks every node and worker to end. Returns at once."""
        if self._run is not None:
            self._run.stop()
        self._workers.stop()

    def stop_and_wait(self) -> None:
        """Asks every node and worker to end, and waits for them; raises the first failure."""
        self.stop()
        self.wait()

    def wait_for_stop(self, timeout_secs: float | None = None) -> bool:
        """Waits until all are asked to stop; False if the time passed first."""
        if self._run is not None:
            return self._run.wait_for_stop(timeout_secs)
        return self._workers.stop_event.wait(timeout_secs)

    def stop_event(self) -> threading.Event:
        """An event that is set once all are asked to stop."""
        if self._run is None:
            return self._workers.stop_event
        run = self._run
        event = threading.Event()

        def watch() -> None:
            run.wait_for_stop(None)
            event.set()

        threading.Thread(target=watch, name="lp-stop-event", daemon=True).start()
        return event

    def check_for_thread_worker_exception(self) -> None:
        """Raises the first failure so far of a node or a thread, once; does not wait."""
        if self._run is not None:
            with self._failures(True):
                self._run.check()
        failure = self._workers.take_failure(of_thread=True)
        if failure is not None:
            raise failure

    @property
    def done(self) -> bool:
        """Whether every node and worker has ended."""
        return (self._run is None or self._run.done) and self._workers.done

    def cleanup_after_test(self, test_case: Any) -> None:
        """The test's clean-up ends them all, and fails the test if one failed."""
        test_case.addCleanup(self.stop_and_wait)


class OwnRun(WorkerManager):
    """What a node sees of the run that it is part of. Workers that it starts are the node's."""

    def stop(self) -> None:
        """Asks every node of the program to end. Returns at once."""
        stop()

    def wait_for_stop(self, timeout_secs: float | None = None) -> bool:
        """Waits until the program is asked to stop; False if the time passed first."""
        return wait_for_stop(timeout_secs)

    def stop_event(self) -> threading.Event:
        """An event that is set once the program stops."""
        return stop_event()


def get_worker_manager() -> WorkerManager:
    """The calling thread's manager: of the WorkerManager that started or registered the thread,
    else a node's view of its run. RuntimeError elsewhere.
    """
    manager = getattr(stop_program.current, "manager", None)
    if manager is not None:
        return manager
    context = _core.context()
    if context is None:
        raise RuntimeError(
            "A worker manager is there only in the nodes of a running program, and in the threads "
            "of a WorkerManager: make one with WorkerManager(register_in_thread=True)."
        )
    manager = stop_program.current.manager = OwnRun()
    return manager


@atexit.register
def _end_live_runs() -> None:
    for manager in list(_live):
        manager.stop()
    for manager in list(_live):
        manager.wait(raise_error=False)
