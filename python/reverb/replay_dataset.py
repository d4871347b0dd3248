"""What TrajectoryDataset and TimestepDataset share: a stream of samples of one table as a Dataset.

Each iterator has a stream of its own, which is read in the background.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import tree

from launchpad import _core
from reverb import client as client_lib
from reverb import errors, local_servers, replay_sample
from reverb import signature as signature_lib
from reverb.dataset import Dataset, Scope
from reverb.specs import TensorShape, TensorSpec, spell_dtype, spell_shape

Self = TypeVar("Self", bound="ReplayDataset")

# How often a wait for the server looks whether it was closed.
_TICK_SECS = 2.0
# Samples in one answer of the server, at most.
_ANSWER = 64


class ReplayDataset(Dataset):
    """Samples of one table, as ReplaySamples of numpy arrays. Lists in the data become tuples.

    Args:
      server_address: the server's, e.g. "localhost:1234" or client.server_address.
      table: its name.
      dtypes: a nest of dtypes, of the data.
      shapes: a nest of shapes of the same structure; None is any size.
      max_in_flight_samples_per_worker: samples that are asked for ahead. More is faster, and
        staler.
      num_workers_per_iterator: multiplies that; -1: 1.
      max_samples_per_stream: accepted for dm-reverb's sake; streams are not begun anew here.
      rate_limiter_timeout_ms: the iteration ends when the rate limiter lets no sample pass for so
        long; -1: never for that.
      max_samples: samples in all; -1: any number.
      retry_timeout_secs: a server that is gone for so long is an error (RuntimeError); None: it is
        waited for.

    Raises:
      ValueError: dtypes and shapes differ in structure, or a number cannot be.
    """

    _timesteps = False

    def __init__(
        self,
        server_address: str,
        table: str,
        dtypes: Any,
        shapes: Any,
        max_in_flight_samples_per_worker: int,
        num_workers_per_iterator: int = -1,
        max_samples_per_stream: int = -1,
        rate_limiter_timeout_ms: int = -1,
        max_samples: int = -1,
        *,
        retry_timeout_secs: float | None = None,
    ) -> None:
        if max_in_flight_samples_per_worker < 1:
            raise ValueError(
                f"max_in_flight_samples_per_worker ({max_in_flight_samples_per_worker}) must be a "
                "positive integer"
            )
        for name, number in (
            ("num_workers_per_iterator", num_workers_per_iterator),
            ("max_samples_per_stream", max_samples_per_stream),
            ("max_samples", max_samples),
        ):
            if number < 1 and number != -1:
                raise ValueError(f"{name} ({number}) must be a positive integer or -1")
        if rate_limiter_timeout_ms < -1:
            raise ValueError(
                f"rate_limiter_timeout_ms ({rate_limiter_timeout_ms}) must be an integer >= -1"
            )
        self._server_address = str(server_address)
        self._table = str(table)
        to_tuples = signature_lib.lists_to_tuples
        self._data_spec = _specs_of(to_tuples(dtypes), to_tuples(shapes))
        self._max_in_flight = max_in_flight_samples_per_worker * max(1, num_workers_per_iterator)
        self._timeout = None if rate_limiter_timeout_ms < 0 else rate_limiter_timeout_ms / 1000
        self._max_samples = max_samples
        self._retry_timeout = retry_timeout_secs
        info_spec = tree.map_structure(
            TensorSpec, replay_sample.SampleInfo.tf_shapes(), replay_sample.SampleInfo.tf_dtypes()
        )
        spec = replay_sample.ReplaySample(info_spec, self._data_spec)
        super().__init__(self._samples, lambda: spec)

    @classmethod
    def from_table_signature(
        cls: type[Self],
        server_address: str,
        table: str,
        max_in_flight_samples_per_worker: int,
        num_workers_per_iterator: int = -1,
        max_samples_per_stream: int = -1,
        rate_limiter_timeout_ms: int = -1,
        get_signature_timeout_secs: float | None = None,
        max_samples: int = -1,
        *,
        retry_timeout_secs: float | None = None,
    ) -> Self:
        """A dataset with the dtypes and shapes of the table's signature.

        Args:
          get_signature_timeout_secs: how long to wait for the server; None: for ever.
          others: see the class.

        Raises:
          ValueError: no such table, or one without a signature.
          DeadlineExceededError: the server did not answer in time.
        """
        info = client_lib.Client(server_address).server_info(get_signature_timeout_secs)
        if table not in info:
            raise ValueError(
                f"Server at {server_address} does not contain any table named {table}. "
                f"Found: {', '.join(sorted(info))}."
            )
        signature = info[table].signature
        if not signature:
            raise ValueError(f"Table {table} at {server_address} does not have a signature.")
        return cls(
            server_address,
            table,
            tree.map_structure(lambda spec: spec.dtype, signature),
            tree.map_structure(lambda spec: spec.shape, signature),
            max_in_flight_samples_per_worker,
            num_workers_per_iterator,
            max_samples_per_stream,
            rate_limiter_timeout_ms,
            max_samples,
            retry_timeout_secs=retry_timeout_secs,
        )

    def _samples(self, scope: Scope) -> Iterator[Any]:
        sampler = self._open(scope, min(_ANSWER, self._max_in_flight), 1)
        while (sample := sampler.next(None)) is not None:
            yield sample

    def _open(self, scope: Scope, answer: int, at_least: int) -> _core.ReplaySampler:
        """A new stream, after a look at the table's signature."""
        nearer = local_servers.nearer(self._server_address)
        native = _core.ReplayClient(self._server_address, nearer)
        self._check_signature(native, scope)
        # The nest must not depend on the user's own classes of mappings.
        data = tree.map_structure(lambda _: 0, self._data_spec)
        nest = _core.replay_nest(replay_sample.ReplaySample(replay_sample.SampleInfo.zeros(), data))
        if nest is None:
            raise ValueError("dtypes must be a nest of dicts, lists, tuples and named tuples")
        sampler = _core.ReplaySampler(
            native,
            self._table,
            nest,
            signature_lib.to_native(self._data_spec)[1],
            self._timesteps,
            max(self._max_in_flight, answer),
            answer,
            at_least,
            self._max_samples,
            self._timeout,
            self._retry_timeout,
        )
        scope.add(sampler.close)
        return sampler

    def _infos(self, native: _core.ReplayClient, scope: Scope) -> list[dict[str, Any]]:
        """The tables' states; none, if the scope is closed before the server is there."""
        limit = self._retry_timeout
        end = None if limit is None else time.monotonic() + limit
        while not scope.closed:
            left = _TICK_SECS if end is None else min(_TICK_SECS, max(0, end - time.monotonic()))
            try:
                return native.info(left)
            except errors.DeadlineExceededError:
                if end is not None and time.monotonic() >= end:
                    raise RuntimeError(
                        f"no replay server was at {self._server_address} for {limit} s"
                    ) from None
        return []

    def _check_signature(self, native: _core.ReplayClient, scope: Scope) -> None:
        """Raises ValueError if the table's signature is not what is asked for."""
        tables = {info["name"]: info["signature"] for info in self._infos(native, scope)}
        if tables.get(self._table) is None:
            return
        columns = tables[self._table][1]
        described = f"  Table signature: {signature_lib.describe(columns)}"
        wanted = tree.flatten(self._data_spec)
        if len(wanted) != len(columns):
            raise ValueError(
                f"Inconsistent number of tensors requested from table '{self._table}'.  Requested "
                f"{len(wanted)} tensors, but table signature shows {len(columns)} tensors."
                f"{described}"
            )
        for index, (spec, (_, dtype, dims)) in enumerate(zip(wanted, columns)):
            if spec.dtype == dtype and self._fits(spec.shape, TensorShape(dims)):
                continue
            raise ValueError(
                f"Requested incompatible tensor at flattened index {index} from table "
                f"'{self._table}'.  Requested (dtype, shape): ({spell_dtype(spec.dtype)}, "
                f"{spell_shape(spec.shape)}).  Signature (dtype, shape): ({spell_dtype(dtype)}, "
                f"{spell_shape(dims)}).{described}"
            )

    def _fits(self, wanted: TensorShape, signature: TensorShape) -> bool:
        if wanted.is_compatible_with(signature):
            return True
        # A signature of whole items, for steps.
        return self._timesteps and bool(signature.rank) and wanted.is_compatible_with(signature[1:])


def _specs_of(dtypes: Any, shapes: Any) -> Any:
    """The nest of specs; a tuple of sizes counts as a shape where `dtypes` has a leaf."""
    try:
        return tree.map_structure_up_to(
            dtypes, lambda dtype, shape: TensorSpec(shape, dtype), dtypes, shapes
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"dtypes and shapes must have the same structure: {error}") from None


def stack(samples: list[Any]) -> Any:
    """Samples of equal shapes as one, with a new first dimension."""
    return tree.map_structure(lambda *leaves: np.stack(leaves), *samples)


def unstack(batch: Any) -> list[Any]:
    """The samples of a batch."""
    leaves = tree.flatten(batch)
    return [
        tree.unflatten_as(batch, [leaf[row] for leaf in leaves]) for row in range(len(leaves[0]))
    ]


def batches(next_batch: Callable[[], Any], size: int, drop_remainder: bool) -> Iterator[Any]:
    """Batches of one size of what a stream gives: batches of that size as they are, others put
    together anew.
    """
    waiting: list[Any] = []
    while (got := next_batch()) is not None:
        alone = isinstance(got, list)
        if not waiting and not alone and len(got.info.key) == size:
            yield got
            continue
        waiting += got if alone else unstack(got)
        while len(waiting) >= size:
            yield stack(waiting[:size])
            del waiting[:size]
    if waiting and not drop_remainder:
        yield stack(waiting)
