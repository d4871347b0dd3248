"""Server and Table: where items live. Any thread."""

from __future__ import annotations

import abc
import contextlib
import os
import weakref
from collections.abc import Sequence
from typing import Any

from launchpad import _core
from reverb import (
    client,
    item_selectors,
    local_servers,
    plots,
    rate_limiters,
    reverb_types,
    table_info,
)
from reverb import (
    signature as signature_lib,
)
from reverb.platform.checkpointers_lib import CheckpointerBase
from reverb.platform.default import checkpointers

_tables_of_limiters: weakref.WeakKeyDictionary[rate_limiters.RateLimiter, weakref.ref[Table]] = (
    weakref.WeakKeyDictionary()
)


class TableExtensionBase(metaclass=abc.ABCMeta):
    """What sees every change of a table. Extensions are written in C++."""

    @abc.abstractmethod
    def build_internal_extensions(self, table_name: str) -> Sequence[Any]:
        """The C++ extensions for a table."""


class Table:
    """A set of items with rules: which is sampled, which makes room, how fast they come and go.

    Args:
      name: of the table; not empty.
      sampler: which item is sampled: one of reverb.selectors.
      remover: which item leaves when there are too many.
      max_size: items at most.
      rate_limiter: one of reverb.rate_limiters; its own.
      max_times_sampled: an item leaves with its n-th sample; below 1: never for that.
      extensions: see TableExtensionBase.
      signature: a nest of specs (anything with shape and dtype) that items must fit, with the time
        dimension first where a column has one.
      max_bytes: items leave, too, when the stored data takes more; 0: no bound.
      seed: of its random choices; None: another each time.

    Raises:
      ValueError: an empty name, a bad size, a leaf of the signature without shape and dtype, or a
        rate limiter that another table has.
    """

    def __init__(
        self,
        name: str,
        sampler: reverb_types.SelectorType,
        remover: reverb_types.SelectorType,
        max_size: int,
        rate_limiter: rate_limiters.RateLimiter,
        max_times_sampled: int = 0,
        extensions: Sequence[TableExtensionBase] = (),
        signature: reverb_types.SpecNest = None,
        *,
        max_bytes: int = 0,
        seed: int | None = None,
    ) -> None:
        if not name:
            raise ValueError("name must be nonempty")
        if max_size <= 0:
            raise ValueError(f"max_size ({max_size}) must be a positive integer")
        if max_size >= 2**63:
            raise ValueError(f"max_size ({max_size}) must be less than 2**63")
        if max_bytes < 0:
            raise ValueError(
                f"max_bytes ({max_bytes}) must be a positive integer, or 0 for no bound"
            )
        self._sampler = item_selectors.check(sampler, "sampler")
        self._remover = item_selectors.check(remover, "remover")
        self._rate_limiter = rate_limiter
        self._extensions = extensions
        self._signature = signature_lib.as_specs(signature)
        self._max_bytes = max_bytes
        self._seed = seed
        if any(list(extension.build_internal_extensions(name)) for extension in extensions):
            raise NotImplementedError("extensions can only be given to tables in C++, so far")
        self._check_free(rate_limiter, name)
        self.internal_table = _core.ReplayTable(
            name,
            table_info.selector_to_native(sampler),
            table_info.selector_to_native(remover),
            max_size,
            (
                rate_limiter.samples_per_insert,
                rate_limiter.min_size_to_sample,
                rate_limiter.min_diff,
                rate_limiter.max_diff,
            ),
            max_times_sampled,
            max_bytes,
            None if self._signature is None else signature_lib.to_native(self._signature),
            seed,
        )
        # Now that there is a table to have it.
        _tables_of_limiters[rate_limiter] = weakref.ref(self)

    @staticmethod
    def _check_free(rate_limiter: rate_limiters.RateLimiter, name: str) -> None:
        if not isinstance(rate_limiter, rate_limiters.RateLimiter):
            raise TypeError(
                f"rate_limiter must be one of reverb.rate_limiters, it is {rate_limiter!r}"
            )
        known = _tables_of_limiters.get(rate_limiter)
        other = known() if known is not None else None
        if other is not None:
            raise ValueError(
                f"the rate limiter of table '{name}' is table '{other.name}''s already: it counts "
                "for one table, so make another one"
            )

    @classmethod
    def queue(
        cls,
        name: str,
        max_size: int,
        extensions: Sequence[TableExtensionBase] = (),
        signature: reverb_types.SpecNest = None,
    ) -> Table:
        """First in, first out, each item once; inserts wait while it is full."""
        order, limiter = item_selectors.Fifo, rate_limiters.Queue(max_size)
        return cls(name, order(), order(), max_size, limiter, 1, extensions, signature)

    @classmethod
    def stack(
        cls,
        name: str,
        max_size: int,
        extensions: Sequence[TableExtensionBase] = (),
        signature: reverb_types.SpecNest = None,
    ) -> Table:
        """Last in, first out, each item once; inserts wait while it is full."""
        order, limiter = item_selectors.Lifo, rate_limiters.Stack(max_size)
        return cls(name, order(), order(), max_size, limiter, 1, extensions, signature)

    @property
    def name(self) -> str:
        """As it was given."""
        return self.internal_table.name

    @property
    def info(self) -> reverb_types.TableInfo:
        """Its state now."""
        return table_info.from_native(self.internal_table.info())

    def can_sample(self, num_samples: int) -> bool:
        """Whether the rate limiter would let so many samples pass now.

        Raises:
          ValueError: fewer than one.
        """
        return self.internal_table.can_sample(num_samples)

    def can_insert(self, num_inserts: int) -> bool:
        """Whether the rate limiter would let so many inserts pass now.

        Raises:
          ValueError: fewer than one.
        """
        return self.internal_table.can_insert(num_inserts)

    def replace(
        self,
        name: str | None = None,
        sampler: reverb_types.SelectorType | None = None,
        remover: reverb_types.SelectorType | None = None,
        max_size: int | None = None,
        rate_limiter: rate_limiters.RateLimiter | None = None,
        max_times_sampled: int | None = None,
        extensions: Sequence[TableExtensionBase] | None = None,
        signature: reverb_types.SpecNest = None,
        *,
        max_bytes: int | None = None,
    ) -> Table:
        """A new, empty table like this one, but for what is given."""
        info = self.info
        limits = info.rate_limiter_info
        return Table(
            name=_first(name, self.name),
            sampler=_first(sampler, reverb_types.selector_of(info.sampler_options)),
            remover=_first(remover, reverb_types.selector_of(info.remover_options)),
            max_size=_first(max_size, info.max_size),
            rate_limiter=rate_limiter
            or rate_limiters.RateLimiter(
                samples_per_insert=limits.samples_per_insert,
                min_size_to_sample=limits.min_size_to_sample,
                min_diff=limits.min_diff,
                max_diff=limits.max_diff,
            ),
            max_times_sampled=_first(max_times_sampled, info.max_times_sampled),
            extensions=_first(extensions, self._extensions),
            signature=_first(signature, self._signature),
            max_bytes=_first(max_bytes, self._max_bytes),
            seed=self._seed,
        )

    def __repr__(self) -> str:
        info = self.info
        return (
            f"Table(sampler={self._sampler}, remover={self._remover}, max_size={info.max_size}, "
            f"max_times_sampled={info.max_times_sampled}, name={self.name}, "
            f"rate_limiter={self._rate_limiter}, signature={self._signature})"
        )


def _first(given: Any, otherwise: Any) -> Any:
    return otherwise if given is None else given


class Server:
    """Serves tables on the loopback interface.

    Args:
      tables: at least one; their names differ.
      port: where it listens; None or 0: a free one.
      checkpointer: where checkpoints go, and from where the newest is loaded; None: none is written
        until one is asked for, then to a temporary folder.

    Raises:
      ValueError: no tables, two of one name, one that another server has or had, or a port that is
        taken.
    """

    def __init__(
        self,
        tables: Sequence[Table] | None = None,
        port: int | None = None,
        checkpointer: CheckpointerBase | None = None,
    ) -> None:
        self._tables = list(tables or ())
        self._checkpointer = checkpointer or checkpointers.default_checkpointer()
        # First of all: if it is taken, nothing has become of the tables.
        try:
            listener = _core.ReplayListener(f"localhost:{port or 0}")
        except Exception as error:
            raise ValueError(
                f"Failed to BuildAndStart gRPC server: port {port}: {error}"
            ) from error
        try:
            self._server = _core.ReplayServer(
                [table.internal_table for table in self._tables],
                self._checkpointer.internal_checkpointer(),
            )
            address = self._server.serve_at(listener)
        finally:
            listener.close()
        self._port = int(address.rsplit(":", 1)[1])
        self._server.listen(local_servers.inner_address(self._port))
        # Without it clients on this host call over tcp, as others do.
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            self._server.listen(local_servers.socket_address(self._port))
        local_servers.sweep()
        # Once nobody has it, and before the interpreter takes its modules apart.
        self._stop = weakref.finalize(self, _stop, self._server)

    def __repr__(self) -> str:
        return (
            f"Server(port={self._port}, tables={self._tables}, checkpointer={self._checkpointer})"
        )

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    def stop(self) -> None:
        """Takes no more calls; everybody who waits for a table gets an error."""
        self._stop()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until it is stopped; False: not within `timeout` seconds.

        Raises:
          KeyboardInterrupt: Ctrl-C.
        """
        return self._server.wait(timeout)

    def localhost_client(self) -> client.Client:
        """A client of it."""
        return client.Client(f"localhost:{self._port}")


def _stop(server: _core.ReplayServer) -> None:
    server.stop()  # Does nothing in a fork.
    local_servers.tidy()


class ShardCheckpointer(CheckpointerBase):
    """Another's checkpoints, in a folder of this shard's."""

    def __init__(self, checkpointer: CheckpointerBase, shard: int) -> None:
        self._checkpointer = checkpointer
        self._shard = shard

    def internal_checkpointer(self) -> Any:
        folder, fallback, keep = self._checkpointer.internal_checkpointer()
        name = f"shard-{self._shard}"
        return os.path.join(folder, name), fallback and os.path.join(fallback, name), keep

    def __repr__(self) -> str:
        return f"ShardCheckpointer({self._checkpointer}, shard={self._shard})"


def record(tables: Sequence[Table], folder: str) -> plots.Recorder:
    """Begins to keep plots of the tables there."""
    natives = [table.internal_table for table in tables]
    return plots.Recorder(lambda: [native.info() for native in natives], folder=folder)


class NodeServer:
    """Serves the tables of a node: at the current node's own address in a running program, else at
    `address`. `number`: as the node of that number inside of it.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        checkpointer: CheckpointerBase | None = None,
        number: int | None = None,
        address: str | None = None,
    ) -> None:
        self._tables = list(tables)
        self._checkpointer = checkpointer
        self._server = _core.ReplayServer(
            [table.internal_table for table in self._tables],
            None if checkpointer is None else checkpointer.internal_checkpointer(),
        )
        if address is None:
            self._server.listen_as_node(number)
        else:
            self._server.listen(address, of_run=True)

    def checkpoint(self) -> str:
        return self._server.checkpoint()

    def stop(self) -> None:
        self._server.stop()
