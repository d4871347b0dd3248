"""A dataset for PyTorch's DataLoader. Needs the package torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tree

from reverb.dataset import Dataset


def to_torch_dataset(dataset: Dataset) -> Any:
    """A torch IterableDataset of the same elements, as tensors that share the arrays' memory; texts
    and unsigned 64-bit keys stay numpy's. Give DataLoader batch_size=None and batch here. Each of
    its workers samples for itself.
    """
    import torch

    def tensor_of(leaf: Any) -> Any:
        array = np.asarray(leaf)
        if array.dtype.kind == "O" or array.dtype in (np.uint16, np.uint32, np.uint64):
            return leaf
        array = np.require(array, requirements=["C", "W"])
        if array.dtype.name == "bfloat16":  # numpy's is another package's, torch its own.
            return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
        return torch.from_numpy(array)

    class ReplayDataset(torch.utils.data.IterableDataset):
        def __reduce__(self) -> Any:  # To a worker that is no fork.
            return to_torch_dataset, (dataset,)

        def __iter__(self) -> Iterator[Any]:
            return (tree.map_structure(tensor_of, element) for element in dataset)

    return ReplayDataset()
