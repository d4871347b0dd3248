"""Workers: threads and processes that a program starts itself, through a WorkerManager. One list of
them ends as one: the first failure stops the others. Any thread may call it; signals come to it
while the main thread waits.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any

from launchpad import _core
from launchpad.stop_program import stop as stop_program

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)


class _Worker:
    """One of them. `ended` and `left` are guarded by the list's condition."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ended = False

    def signal(self, number: int) -> None:
        """To a process; a thread has only the stop event."""


class _Process(_Worker):
    def __init__(self, name: str, pid: int) -> None:
        super().__init__(name)
        self.pidfd = os.pidfd_open(pid)

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)


class Workers:
    """The workers of one manager.

    Args:
      manager: what get_worker_manager() gives in its threads.
      on_failure: called when a worker failed.
    """

    def __init__(self, manager: Any, on_failure: Callable[[], None] | None = None) -> None:
        self._manager = manager
        self._on_failure = on_failure
        self._context = _core.context()
        self._condition = threading.Condition()
        self._workers: list[_Worker] = []
        self._failure: BaseException | None = None
        self._thread_failed = False
        self._kill_at: float | None = None
        self.stop_event = threading.Event()

    def names(self) -> set[str]:
        """Of those that were ever started."""
        with self._condition:
            return {worker.name for worker in self._workers}

    def add_thread(self, name: str, function: Callable[[], Any]) -> None:
        worker = _Worker(name)

        def run() -> None:
            stop_program.current.manager = self._manager
            if self._context is not None:
                _core.set_thread_context(self._context)
            error: BaseException | None = None
            try:
                function()
            except SystemExit as leaving:
                if leaving.code not in (None, 0, "") and not self.stop_event.is_set():
                    error = leaving
            except BaseException as failure:
                error = failure
            self._ended(worker, error, of_thread=True)

        self._add(worker)
        threading.Thread(target=run, name=name, daemon=True).start()

    def add_process(
        self, name: str, command: list[str], env: dict[str, str] | None, **popen_kwargs: Any
    ) -> None:
        environment = {**os.environ, **(env or {})}
        process = subprocess.Popen(command, env=environment, **popen_kwargs)
        worker = _Process(name, process.pid)
        self._watch(worker, process.wait)

    def add_existing(self, name: str, pid: int) -> None:
        worker = _Process(name, pid)

        def status() -> int:
            with open(os.dup(worker.pidfd)) as pidfd:
                try:  # A child of this process stays its parent's to reap.
                    told = os.waitid(os.P_PIDFD, pidfd.fileno(), os.WEXITED | os.WNOWAIT)
                except ChildProcessError:
                    _wait_readable(pidfd.fileno())
                    return 0  # Another's child: nobody here can know.
            assert told is not None
            return told.si_status if told.si_code == os.CLD_EXITED else -told.si_status

        self._watch(worker, status)

    def _watch(self, worker: _Process, status: Callable[[], int]) -> None:
        def run() -> None:
            code = status()
            asked = self.stop_event.is_set() and code in (-signal.SIGTERM, -signal.SIGKILL)
            error = None
            if code != 0 and not asked:
                how = f"exited with code {code}" if code > 0 else f"was killed by signal {-code}"
                error = RuntimeError(f'A "{worker.name}" worker {how}.')
            self._ended(worker, error)
            os.close(worker.pidfd)

        self._add(worker)
        threading.Thread(target=run, name=f"{worker.name} watch", daemon=True).start()

    def _add(self, worker: _Worker) -> None:
        with self._condition:
            self._workers.append(worker)
        if self.stop_event.is_set():
            worker.signal(signal.SIGTERM)

    def _ended(self, worker: _Worker, error: BaseException | None, of_thread: bool = False) -> None:
        with self._condition:
            worker.ended = True
            if error is not None and self._failure is None:
                self._failure = error
                self._thread_failed = of_thread
            self._condition.notify_all()
        if error is not None:
            self.stop()
            if self._on_failure is not None:
                self._on_failure()

    def stop(self) -> None:
        """Asks all to end. Those that do not within --lp_termination_notice_secs are killed, if
        they are processes, or left behind.
        """
        with self._condition:
            if self.stop_event.is_set():
                return
            self.stop_event.set()
            notice = _notice_secs()
            self._kill_at = None if notice < 0 else time.monotonic() + notice
            self._signal(signal.SIGTERM)
            self._condition.notify_all()
        if self._context is None:  # Else the program's own stop calls them.
            stop_program.run_handlers()

    def kill(self) -> None:
        """Ends the wait for them at once."""
        self.stop()
        with self._condition:
            self._kill_at = time.monotonic()
            self._condition.notify_all()

    def _signal(self, number: int) -> None:
        for worker in self._workers:
            if not worker.ended:
                worker.signal(number)

    def wait(
        self,
        names: Collection[str] | None = None,
        first: bool = False,
        also: Callable[[], bool] = lambda: True,
    ) -> None:
        """Until those of the names (None: all) have ended, or a failure that nobody has taken.

        Args:
          names: of workers.
          first: until one of them has ended.
          also: what must be true as well, or, with `first`, ends the wait too; `changed` tells.
        """
        with self._condition:
            while not self._over(names, first, also):
                left = None if self._kill_at is None else self._kill_at - time.monotonic()
                if left is not None and left <= 0:
                    self._give_up()
                else:
                    self._condition.wait(left)

    def _over(self, names: Collection[str] | None, first: bool, also: Callable[[], bool]) -> bool:
        if self._failure is not None:
            return True
        counting = [w.ended for w in self._workers if names is None or w.name in names]
        if first:
            return any(counting) or also()
        return all(counting) and also()

    def changed(self) -> None:
        """What `also` of a wait says may have changed."""
        with self._condition:
            self._condition.notify_all()

    def _give_up(self) -> None:
        self._kill_at = None
        self._signal(signal.SIGKILL)
        late = [worker.name for worker in self._workers if not worker.ended]
        for worker in self._workers:
            worker.ended |= not isinstance(worker, _Process)
        if late:
            print(
                "launchpad: these workers did not stop in time and were killed or left behind: "
                + ", ".join(sorted(late)),
                file=sys.stderr,
                flush=True,
            )

    def take_failure(self, of_thread: bool = False) -> BaseException | None:
        """The first failure, given once; `of_thread`: only if it was a thread's."""
        with self._condition:
            if of_thread and not self._thread_failed:
                return None
            failure, self._failure = self._failure, None
            return failure

    @property
    def done(self) -> bool:
        with self._condition:
            return all(worker.ended for worker in self._workers)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Meanwhile SIGINT and SIGTERM stop the workers, if this is the main thread; the second
        one, or SIGQUIT, kills them.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        # A handler may find its own thread inside of any lock; this queue's put takes none.
        inbox: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        before: dict[int, Any] = {}
        for each in _SIGNALS:
            if signal.getsignal(each) not in (signal.SIG_IGN, None):
                before[each] = signal.signal(each, lambda number, _: inbox.put(number))
        thread = threading.Thread(target=self._hear, args=(inbox,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            inbox.put(None)
            thread.join()

    def _hear(self, inbox: queue.SimpleQueue[int | None]) -> None:
        first = True
        while (number := inbox.get()) is not None:
            if first and number != signal.SIGQUIT:
                print(
                    "User-requested termination. Asking workers to stop (Ctrl-C again kills).",
                    file=sys.stderr,
                    flush=True,
                )
                self.stop()
            else:
                self.kill()
            first = False


def _notice_secs() -> float:
    from absl import flags

    from launchpad.flags import TERMINATION_NOTICE_SECS

    if not flags.FLAGS.is_parsed():
        return float(TERMINATION_NOTICE_SECS.default)
    return float(TERMINATION_NOTICE_SECS.value)


def _wait_readable(descriptor: int) -> None:
    import select

    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.poll()
