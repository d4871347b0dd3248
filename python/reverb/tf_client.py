"""TFClient: dm-reverb's client for TensorFlow's graphs, on eager values: TensorFlow's tensors,
where it is installed, or numpy's arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tree

from reverb import arrays, replay_sample
from reverb import client as client_lib


class TFClient:
    """Calls of a replay server, by values that turn into numpy arrays.

    Args:
      server_address: as Client's.
      shared_name, name: accepted for dm-reverb's sake.
    """

    def __init__(
        self, server_address: str, shared_name: str | None = None, name: str = "reverb"
    ) -> None:
        del shared_name
        self._name = name
        self._client = client_lib.Client(server_address)

    @property
    def server_address(self) -> str:
        """As it was given."""
        return self._client.server_address

    def sample(
        self,
        table: str,
        data_dtypes: Any,
        *,
        name: str | None = None,
        timeout: float | None = None,
    ) -> replay_sample.ReplaySample:
        """One item, its data nested as data_dtypes are."""
        del name
        (sample,) = self._client.sample(str(table), emit_timesteps=False, timeout=timeout)
        return replay_sample.ReplaySample(
            sample.info, tree.unflatten_as(data_dtypes, list(sample.data))
        )

    def insert(
        self,
        data: Sequence[Any],
        tables: Any,
        priorities: Any,
        *,
        name: str | None = None,
        timeout: float | None = None,
    ) -> None:
        """As Client.insert, of a flat list, with as many tables as priorities."""
        del name
        names = [t.decode() if isinstance(t, bytes) else str(t) for t in np.asarray(tables)]
        if len(names) != len(priorities):
            raise ValueError(f"there are {len(names)} tables, but {len(priorities)} priorities")
        leaves = [arrays.as_array(leaf) for leaf in data]
        self._client.insert(leaves, dict(zip(names, map(float, priorities))), timeout=timeout)

    def update_priorities(
        self,
        table: str,
        keys: Any,
        priorities: Any,
        *,
        name: str | None = None,
        timeout: float | None = None,
    ) -> None:
        """As Client.mutate_priorities, by two arrays of one length."""
        del name
        pairs = zip(np.asarray(keys).tolist(), np.asarray(priorities).tolist(), strict=True)
        self._client.mutate_priorities(str(table), updates=dict(pairs), timeout=timeout)
