"""Tensors of torch and arrays of jax, whose own pickles copy them into the pickle: these travel as
numpy arrays over the same memory, and are what they were where they arrive.

Neither library is imported before one of its arrays is at hand. Any thread. What is not named here
(tensors on a GPU, sparse or quantized ones, subclasses) is pickled as its library does it.
"""

from __future__ import annotations

import sys
from typing import Any

# torch's dtypes that numpy has not, by what they travel as.
_CARRIERS = {
    "bfloat16": "int16",
    "float8_e4m3fn": "uint8",
    "float8_e4m3fnuz": "uint8",
    "float8_e5m2": "uint8",
    "float8_e5m2fnuz": "uint8",
}
_DLPACK_CPU = 1
_OF_ANOTHER_PACKAGE = 2  # numpy's word for dtypes such as ml_dtypes has.


def _inverse(order: list[int]) -> list[int]:
    """The permutation that undoes it."""
    return [order.index(dim) for dim in range(len(order))]


def torch_tensor(
    array: Any, dtype: str | None, order: list[int] | None, requires_grad: bool
) -> Any:
    """The tensor that reduce_torch took apart, over the array's memory."""
    import torch

    # torch knows no read-only memory: what others read as well is copied.
    tensor = torch.from_numpy(array if array.flags.writeable else array.copy())
    if dtype is not None:
        tensor = tensor.view(getattr(torch, dtype))
    if order is not None:
        tensor = tensor.permute(_inverse(order))
    return tensor.requires_grad_() if requires_grad else tensor


def jax_array(array: Any, dtype: str | None) -> Any:
    """The array that reduce_jax took apart, on the default device."""
    import jax

    if dtype is not None:
        import ml_dtypes

        array = array.view(getattr(ml_dtypes, dtype))
    return jax.device_put(array)


def _is_plain(tensor: Any, torch: Any) -> bool:
    """Whether its elements and strides are all that there is to it."""
    return (
        tensor.device.type == "cpu"
        and tensor.layout is torch.strided
        and not tensor.is_quantized
        and not (tensor.is_conj() or tensor.is_neg())
        and not any(getattr(tensor, "names", ()))
        and not (tensor.__dict__ or tensor._backward_hooks)
    )


def _dense(tensor: Any) -> tuple[Any, list[int] | None]:
    """The elements in the order in which they lie in memory, and which dimension is where (None: as
    in the tensor), so that a transposed one is not copied for its strides.
    """
    if tensor.is_contiguous():
        return tensor, None
    order = sorted(range(tensor.dim()), key=tensor.stride, reverse=True)
    permuted = tensor.permute(order)
    return (permuted, order) if permuted.is_contiguous() else (tensor.contiguous(), None)


def _reduce_torch(tensor: Any) -> Any:
    torch = sys.modules.get("torch")
    if torch is None or type(tensor) is not torch.Tensor or not _is_plain(tensor, torch):
        return NotImplemented
    size = tensor.numel() * tensor.element_size()
    if size > tensor.untyped_storage().nbytes():  # Expanded: its memory is less.
        return NotImplemented
    dtype = str(tensor.dtype).removeprefix("torch.")
    carrier = _CARRIERS.get(dtype)
    elements, order = _dense(tensor.detach())
    try:
        array = (elements.view(getattr(torch, carrier)) if carrier else elements).numpy()
    except (TypeError, RuntimeError):
        # A dtype that numpy has not, or a tensor of a transformation.
        return NotImplemented
    return torch_tensor, (array, dtype if carrier else None, order, tensor.requires_grad)


def _reduce_jax(array: Any) -> Any:
    jax = sys.modules.get("jax")
    if jax is None or not isinstance(array, jax.Array) or array.weak_type:
        return NotImplemented
    import numpy as np

    value = np.asarray(array)  # Not copied, if it lies in this machine's memory.
    if value.dtype.isbuiltin != _OF_ANOTHER_PACKAGE:
        return jax_array, (value, None)
    return jax_array, (value.view(f"u{value.dtype.itemsize}"), value.dtype.name)


# By the name of the type, which costs the other values of a pickle next to nothing.
_REDUCERS = {"Tensor": _reduce_torch, "ArrayImpl": _reduce_jax}


def reduce(value: Any) -> Any:
    """As `__reduce__` would give it, of a tensor or array of another library; NotImplemented: it is
    pickled as ever.
    """
    reducer = _REDUCERS.get(type(value).__name__)
    return NotImplemented if reducer is None else reducer(value)


def as_numpy(value: Any) -> Any:
    """A numpy array over the memory of another library's array or tensor, or None: it is no such
    thing, or lies elsewhere.
    """
    reduced = reduce(value)
    if reduced is not NotImplemented:
        rebuild, (array, dtype, *rest) = reduced
        if rebuild is torch_tensor and rest[0] is not None:
            array = array.transpose(_inverse(rest[0]))
        if dtype is not None:
            import ml_dtypes

            array = array.view(getattr(ml_dtypes, dtype))
        return array
    if type(value).__name__ == "EagerTensor":
        return _of_tensorflow(value)
    device = getattr(type(value), "__dlpack_device__", None)
    if device is None or device(value)[0] != _DLPACK_CPU:
        return None
    import numpy as np

    if isinstance(value, np.ndarray):  # Its subclasses are more than their elements.
        return None
    try:
        return np.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError):  # Of a dtype that numpy has not.
        return None


def _of_tensorflow(tensor: Any) -> Any:
    """Not by DLPack: TensorFlow ends the process if it is asked for that of a tensor of texts."""
    import numpy as np

    array = np.asarray(tensor.numpy())
    return None if array.dtype.kind in "OSU" else array
