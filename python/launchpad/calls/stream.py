"""Stream: the results of a remote generator, one after the other, while they are made.

A method that is a generator gives one to its callers. The generator runs ahead of who takes by 64
results or 8 MiB, then waits; it ends where it is (GeneratorExit) when the stream is closed, dropped
or loses its connection. One thread, or one coroutine, at a time takes from it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from launchpad import _core

if TYPE_CHECKING:
    import asyncio


class Stream:
    """An iterator over the results of a remote generator; in a coroutine, an asynchronous one.

    Taking raises what the generator raised, after the results before it; UNAVAILABLE if its node
    ended; DEADLINE_EXCEEDED if the next result took longer than the client's `call_timeout`: it can
    still be taken then.
    """

    def __init__(self, source: _core.StreamSource) -> None:
        self._source = source
        self._arrival: asyncio.Future[None] | None = None

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        return self._source.next()

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Any:
        if not self._source.ready():
            await self._arrive()
        try:
            return self._source.next()
        except StopIteration:
            raise StopAsyncIteration from None

    async def _arrive(self) -> None:
        """Waits until next() need not, without holding up the loop."""
        import asyncio  # By who uses it only: it takes long to import.

        loop = asyncio.get_running_loop()
        arrival = self._arrival
        if arrival is None:
            arrival = loop.create_future()

            def settle() -> None:
                self._arrival = None
                if not arrival.done():
                    arrival.set_result(None)

            def arrived() -> None:  # On the client's thread.
                with contextlib.suppress(RuntimeError):  # The loop is closed: nobody waits.
                    loop.call_soon_threadsafe(settle)

            if not self._source.when_ready(arrived):
                return
            self._arrival = arrival
        try:
            # Whoever gives up does not take the result from who waits next.
            await asyncio.wait_for(asyncio.shield(arrival), self._source.patience)
        except asyncio.TimeoutError:
            self._source.raise_too_late()

    def close(self) -> None:
        """Takes no more: the generator ends where it is. Idempotent."""
        self._source.close()

    async def aclose(self) -> None:
        """The same, for contextlib.aclosing."""
        self.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
