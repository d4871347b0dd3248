"""A table for the tests with other libraries: floats, bfloat16 and texts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import ml_dtypes
import numpy as np
from reverb_tables import serving, table

import reverb

SIGNATURE = {
    "x": reverb.TensorSpec([None, 2], np.float32),
    "half": reverb.TensorSpec([None], ml_dtypes.bfloat16),
    "name": reverb.TensorSpec([None], object),
}


@contextlib.contextmanager
def counting(count: int) -> Iterator[reverb.TrajectoryDataset]:
    """The items 0, 1, 2, ... as a dataset, each once, in this order; its end comes 0.5 s after
    the last. `x` is the number twice, `half` once, `name` "item " and the number.
    """
    options = {"sampler": reverb.selectors.Fifo(), "max_times_sampled": 1}
    with serving(table(signature=SIGNATURE, **options)) as server:
        client = server.localhost_client()
        for i in range(count):
            x, half = np.full(2, i, np.float32), ml_dtypes.bfloat16(i)
            client.insert({"x": x, "half": half, "name": f"item {i}"}, {"t": 1.0})
        yield reverb.TrajectoryDataset.from_table_signature(
            client.server_address, "t", 4, rate_limiter_timeout_ms=500
        )
