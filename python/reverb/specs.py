"""TensorSpec and TensorShape: what a table's signature says about one array. Values.

Any object with `shape` and `dtype` is accepted where a spec is wanted (dm_env's, numpy's, jax's,
TensorFlow's, torch's); what Reverb gives back are these. Messages spell dtypes as TensorFlow does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

# numpy's names of dtypes that TensorFlow's messages spell otherwise.
_SPELLED = {"float16": "half", "float32": "float", "float64": "double", "object": "string"}


class TensorShape:
    """The sizes of an array's dimensions; None is one that is not known, and an unknown rank is
    TensorShape(None). It is a leaf for dm-tree, equal to the tuple of its sizes.
    """

    __slots__ = ("_dims",)

    def __init__(self, dims: Any = None) -> None:
        if isinstance(dims, TensorShape):
            self._dims: tuple[int | None, ...] | None = dims._dims
        elif dims is None or getattr(dims, "rank", 0) is None:
            self._dims = None
        elif isinstance(dims, (int, np.integer)):
            self._dims = (int(dims),)
        else:
            # TensorFlow's version 1 has Dimension objects inside.
            sizes = (getattr(size, "value", size) for size in dims)
            self._dims = tuple(None if s is None or int(s) < 0 else int(s) for s in sizes)

    @property
    def dims(self) -> tuple[int | None, ...] | None:
        """The sizes; None if not even their number is known."""
        return self._dims

    @property
    def rank(self) -> int | None:
        """The number of dimensions, or None."""
        return None if self._dims is None else len(self._dims)

    @property
    def ndims(self) -> int | None:
        """The same as rank."""
        return self.rank

    def as_list(self) -> list[int | None]:
        """The sizes; ValueError if the rank is not known."""
        return list(self)

    def is_fully_defined(self) -> bool:
        """Whether all sizes are known."""
        return self._dims is not None and None not in self._dims

    def is_compatible_with(self, other: Any) -> bool:
        """Whether an array could have both shapes."""
        theirs = TensorShape(other)._dims
        if self._dims is None or theirs is None:
            return True
        return len(self._dims) == len(theirs) and all(
            a is None or b is None or a == b for a, b in zip(self._dims, theirs)
        )

    def num_elements(self) -> int | None:
        """The product of the sizes, or None if one is not known."""
        sizes = [size for size in self._dims or () if size is not None]
        return int(np.prod(sizes)) if self.is_fully_defined() else None

    def __iter__(self) -> Iterator[int | None]:
        if self._dims is None:
            raise ValueError("the rank of this shape is not known, so it has no sizes")
        return iter(self._dims)

    def __len__(self) -> int:
        return len(tuple(iter(self)))

    def __getitem__(self, key: Any) -> Any:
        found = tuple(iter(self))[key]
        return TensorShape(found) if isinstance(key, slice) else found

    def __bool__(self) -> bool:
        return self._dims is not None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TensorShape):
            return self._dims == other._dims
        if other is None or isinstance(other, Iterable):
            return self._dims == (None if other is None else tuple(other))
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._dims)

    def __add__(self, other: Any) -> TensorShape:
        return TensorShape((*self, *other))

    def __radd__(self, other: Any) -> TensorShape:
        return TensorShape((*other, *self))

    def __repr__(self) -> str:
        return f"TensorShape({self._dims if self._dims is None else list(self._dims)})"

    def __reduce__(self) -> Any:
        return TensorShape, (self._dims,)


class TensorSpec:
    """The shape, dtype and name of an array.

    Args:
      shape: sizes of the dimensions, None for any; None for any rank.
      dtype: what numpy makes a dtype of, or TensorFlow's.
      name: for messages and for unpacking; may be None.
    """

    __slots__ = ("_dtype", "_name", "_shape")

    def __init__(self, shape: Any, dtype: Any = np.float32, name: str | None = None) -> None:
        self._shape = TensorShape(shape)
        self._dtype = as_dtype(dtype)
        self._name = name

    @property
    def shape(self) -> TensorShape:
        """Of the array."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the array's elements; `object` for texts."""
        return self._dtype

    @property
    def name(self) -> str | None:
        """Or None."""
        return self._name

    def is_compatible_with(self, value: Any) -> bool:
        """Whether the array, or an array of that spec, may be where this spec is wanted."""
        if not (hasattr(value, "shape") and hasattr(value, "dtype")):
            value = np.asarray(value)
        return self._dtype == as_dtype(value.dtype) and self._shape.is_compatible_with(value.shape)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TensorSpec):
            return NotImplemented
        return (self._shape, self._dtype, self._name) == (other._shape, other._dtype, other._name)

    def __hash__(self) -> int:
        return hash((self._shape, self._dtype))

    def __repr__(self) -> str:
        shape = None if self._shape.dims is None else tuple(self._shape)
        return f"TensorSpec(shape={shape}, dtype={self._dtype.name}, name={self._name!r})"

    def __reduce__(self) -> Any:
        return TensorSpec, (self._shape.dims, self._dtype, self._name)


def as_dtype(dtype: Any) -> np.dtype[Any]:
    """numpy's dtype of numpy's, jax's, TensorFlow's or torch's; texts and bytes are `object`.

    Raises:
      TypeError: it is no dtype.
    """
    if type(dtype).__module__ == "torch":  # Printed as "torch." and numpy's name.
        dtype = str(dtype).removeprefix("torch.")
        if dtype == "bfloat16":
            import ml_dtypes

            dtype = ml_dtypes.bfloat16
    found = np.dtype(getattr(dtype, "as_numpy_dtype", dtype))
    if found.kind in "SU":
        return np.dtype(object)
    return found.newbyteorder("=") if not found.isnative else found


def as_spec(leaf: Any) -> TensorSpec:
    """The TensorSpec of anything with `shape` and `dtype`.

    Raises:
      ValueError: it has none.
    """
    if isinstance(leaf, TensorSpec):
        return leaf
    try:
        name = getattr(leaf, "name", None)
        return TensorSpec(leaf.shape, leaf.dtype, name if isinstance(name, str) else None)
    except (AttributeError, TypeError, ValueError):
        raise ValueError(f"Unsupported signature spec: {leaf}") from None


def spell_dtype(dtype: Any) -> str:
    """As TensorFlow's messages have it: `float`, `double`, `int64`, `string`."""
    name = as_dtype(dtype).name
    return _SPELLED.get(name, name)


def spell_shape(shape: Any) -> str:
    """As TensorFlow's messages have it: `[2,?]`, and `<unknown>`."""
    dims = TensorShape(shape).dims
    if dims is None:
        return "<unknown>"
    return "[" + ",".join("?" if size is None else str(size) for size in dims) + "]"
