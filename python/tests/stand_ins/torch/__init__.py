"""Stands in for PyTorch in tests: tensors on numpy arrays, with what the package asks of them."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

strided = "strided"


class dtype:
    """As torch's: its text is "torch." and the name."""

    def __init__(self, name: str, carrier: str = "") -> None:
        self.name = name
        self.carrier = np.dtype(carrier or name)

    def __repr__(self) -> str:
        return f"torch.{self.name}"


_DTYPES = {name: dtype(name) for name in ("float32", "float64", "int16", "int32", "int64", "uint8")}
float32, int16, uint8 = _DTYPES["float32"], _DTYPES["int16"], _DTYPES["uint8"]
bfloat16 = dtype("bfloat16", "int16")


class _Parts:
    """What a tensor has beside its dictionary."""

    __slots__ = ("_array", "_backward_hooks", "device", "dtype", "requires_grad")
    layout = strided
    is_quantized = False


class Tensor(_Parts):
    """Elements, which for bfloat16 are the integers of their bits."""

    def __init__(self, array: Any, of: dtype, requires_grad: bool = False, device: str = "cpu"):
        self._array, self.dtype, self.requires_grad = array, of, requires_grad
        self._backward_hooks, self.device = None, types.SimpleNamespace(type=device)

    def __reduce__(self) -> Any:
        return Tensor, (self._array.copy(), self.dtype, self.requires_grad, self.device.type)

    def __dlpack__(self, **options: Any) -> Any:
        raise AssertionError("asked of tensors that are plain")

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1 if self.device.type == "cpu" else 2), 0

    def _like(self, array: Any) -> Tensor:
        return Tensor(array, self.dtype)

    def is_conj(self) -> bool:
        return False

    is_neg = is_conj

    def dim(self) -> int:
        return self._array.ndim

    def numel(self) -> int:
        return self._array.size

    def element_size(self) -> int:
        return self._array.itemsize

    def stride(self, dim: int) -> int:
        return self._array.strides[dim] // self._array.itemsize

    def is_contiguous(self) -> bool:
        return self._array.flags.c_contiguous

    def contiguous(self) -> Tensor:
        return self._like(np.ascontiguousarray(self._array))

    def untyped_storage(self) -> Any:
        memory = self._array
        while isinstance(memory.base, np.ndarray):
            memory = memory.base
        return types.SimpleNamespace(nbytes=lambda: memory.nbytes)

    def permute(self, order: list[int]) -> Tensor:
        return self._like(self._array.transpose(order))

    def detach(self) -> Tensor:
        return self._like(self._array)

    def view(self, of: dtype) -> Tensor:
        return Tensor(self._array.view(of.carrier), of)

    def requires_grad_(self) -> Tensor:
        self.requires_grad = True
        return self

    def numpy(self) -> Any:
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        if self.dtype is bfloat16:
            raise TypeError("Got unsupported ScalarType BFloat16")
        # What its memory is of, numpy cannot see.
        return np.asarray(memoryview(self._array))


def from_numpy(array: Any) -> Tensor:
    """Over the array's memory, which must be writable, as torch only warns of."""
    if not array.flags.writeable:
        raise AssertionError("torch would write to memory that others read")
    return Tensor(array, _DTYPES[array.dtype.name])


class _IterableDataset:
    """As torch.utils.data has it: iterated, not indexed."""


utils = types.SimpleNamespace(data=types.SimpleNamespace(IterableDataset=_IterableDataset))
