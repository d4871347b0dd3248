"""Arrays in shared memory, which travel between the nodes of one host without a copy.

Any thread. Arrays of less than 64 KiB, and arrays that go to another host, are copied as ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from launchpad import _core

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


def empty(shape: int | Sequence[int], dtype: npt.DTypeLike = float) -> npt.NDArray[Any]:
    """An uninitialised array, as `numpy.empty` makes it, in shared memory.

    Passed to (or returned from) a node on the same host, it is lent instead of copied: in a time
    that does not depend on its size. It, and the arrays that it is a view of, are read-only from
    then on, since the receiver reads the same memory; views made before are not, and must not be
    written to. `take` makes it writable again.

    Args:
        shape: Its dimensions.
        dtype: Anything that `numpy.dtype` takes, except types that hold Python objects.

    Raises:
        ValueError: there is no such array, or it would hold Python objects.
        MemoryError: there is no memory for it.
    """
    return cast("npt.NDArray[Any]", _core.empty(shape, dtype))


def take(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A writable array with the elements of `array`: itself, if it is writable.

    A read-only array in shared memory, that was received or that was sent, is made writable without
    a copy if no other process and no call on its way holds its memory any more; otherwise, and for
    other read-only arrays, the result is a copy. Arrays over the same memory see what is written.

    Raises:
        TypeError: `array` is not exactly a numpy array.
    """
    return cast("npt.NDArray[Any]", _core.take(array))
