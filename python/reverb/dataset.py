"""Dataset: an iterable with the chain of methods that programs know from tf.data, on numpy arrays.

Each `iter()` starts anew, and one thread uses an iterator; `close()` may be called by another and
ends it, also while it waits. Nothing runs before `iter()`, and only prefetch, interleave with
num_parallel_calls and the samplers of replay datasets use threads. Datasets can be pickled, with
the functions in them, e.g. for the workers of a torch DataLoader: each copy starts anew.
"""

from __future__ import annotations

import copyreg
import io
import itertools
import random
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cloudpickle
import numpy as np
import tree

from reverb import prefetching
from reverb.specs import TensorShape, TensorSpec, as_spec

AUTOTUNE = -1


class Scope:
    """What an iterator holds that must be told when it is closed. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closers: list[Callable[[], None]] | None = []

    def add(self, closer: Callable[[], None]) -> None:
        """Calls it at the close: now, if that was before."""
        with self._lock:
            if self._closers is not None:
                self._closers.append(closer)
                return
        closer()

    @property
    def closed(self) -> bool:
        return self._closers is None

    def close(self) -> None:
        with self._lock:
            closers, self._closers = self._closers or [], None
        for closer in reversed(closers):
            closer()


class DatasetIterator:
    """The elements of a dataset, one after the other; `with` closes it at the end."""

    def __init__(self, make: Callable[[Scope], Iterator[Any]]) -> None:
        self._scope = Scope()
        self._elements = make(self._scope)

    def __iter__(self) -> DatasetIterator:
        return self

    def __next__(self) -> Any:
        if self._scope.closed:
            raise StopIteration
        try:
            return next(self._elements)
        except BaseException:
            self.close()
            raise

    next = __next__

    def close(self) -> None:
        """Ends the iteration and what runs in its background. Any thread, any number of times."""
        self._scope.close()

    def __enter__(self) -> DatasetIterator:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        scope = self.__dict__.get("_scope")
        if scope is not None:
            scope.close()


class Dataset:
    """See the module.

    Args:
      make: gives a new iterator of the elements; it registers what close() must end.
      element_spec: gives the nest of the elements' specs.
    """

    def __init__(
        self, make: Callable[[Scope], Iterator[Any]], element_spec: Callable[[], Any]
    ) -> None:
        self._make = make
        self._element_spec = element_spec
        self._iterators: weakref.WeakSet[DatasetIterator] = weakref.WeakSet()

    @staticmethod
    def range(*args: int) -> Dataset:
        """Numbers, as range() has them; int64."""
        spec = TensorSpec((), np.int64)
        return Dataset(lambda _: (np.int64(i) for i in range(*args)), lambda: spec)

    @staticmethod
    def from_iterable(elements: Iterable[Any], element_spec: Any = None) -> Dataset:
        """Elements (nests of arrays) of anything that can be iterated, again and again; of what can
        be iterated once, such as a generator, each is given once.
        """
        if isinstance(elements, Iterator):
            elements = _Once(elements)

        def spec() -> Any:
            if element_spec is not None:
                return tree.map_structure(as_spec, element_spec)
            first = elements.first() if isinstance(elements, _Once) else next(iter(elements))
            return tree.map_structure(_spec_of, first)

        return Dataset(lambda _: iter(elements), spec)

    def __reduce__(self) -> Any:
        pickle = io.BytesIO()
        _Pickler(pickle).dump(self)
        return cloudpickle.loads, (pickle.getvalue(),)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _iterators=weakref.WeakSet())

    @property
    def element_spec(self) -> Any:
        """The nest of reverb.specs.TensorSpec that elements have."""
        return self._element_spec()

    def __iter__(self) -> DatasetIterator:
        iterator = DatasetIterator(self._make)
        self._iterators.add(iterator)
        return iterator

    def as_numpy_iterator(self) -> DatasetIterator:
        """The same as iter(): elements are numpy's anyway."""
        return iter(self)

    def close(self) -> None:
        """Closes the iterators that there are."""
        for iterator in list(self._iterators):
            iterator.close()

    def _then(
        self,
        make: Callable[[Iterator[Any], Scope], Iterator[Any]],
        element_spec: Callable[[], Any] | None = None,
    ) -> Dataset:
        """A dataset on top of this one."""
        return Dataset(
            lambda scope: make(self._make(scope), scope), element_spec or self._element_spec
        )

    def batch(self, batch_size: int, drop_remainder: bool = False, **_tuning: Any) -> Dataset:
        """Stacks so many elements along a new first dimension. The last batch may be smaller,
        unless drop_remainder.
        """
        size = _positive(batch_size, "batch_size")

        def make(elements: Iterator[Any], _: Scope) -> Iterator[Any]:
            while chunk := list(itertools.islice(elements, size)):
                if len(chunk) == size or not drop_remainder:
                    yield tree.map_structure(lambda *leaves: np.stack(leaves), *chunk)

        lead = size if drop_remainder else None
        return self._then(make, lambda: _with_lead(self.element_spec, lead))

    def unbatch(self) -> Dataset:
        """Splits elements along their first dimension."""

        def make(elements: Iterator[Any], _: Scope) -> Iterator[Any]:
            for element in elements:
                leaves = tree.flatten(element)
                for row in range(len(leaves[0])):
                    yield tree.unflatten_as(element, [leaf[row] for leaf in leaves])

        return self._then(
            make,
            lambda: tree.map_structure(
                lambda s: TensorSpec(s.shape[1:], s.dtype), self.element_spec
            ),
        )

    def map(
        self, map_func: Callable[..., Any], num_parallel_calls: int | None = None, **_tuning: Any
    ) -> Dataset:
        """Applies a function to each element; a plain tuple gives several arguments. With
        num_parallel_calls that many threads do it, in order all the same.
        """

        def call(element: Any) -> Any:
            return map_func(*element) if type(element) is tuple else map_func(element)

        def make(elements: Iterator[Any], scope: Scope) -> Iterator[Any]:
            if num_parallel_calls is None:
                return map(call, elements)
            return prefetching.parallel_map(call, elements, num_parallel_calls, scope)

        return self._then(make, lambda: _spec_of_result(call, self.element_spec))

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """The elements for which the function says true."""

        def keep(element: Any) -> Any:
            return predicate(*element) if type(element) is tuple else predicate(element)

        return self._then(lambda elements, _: filter(keep, elements))

    def take(self, count: int) -> Dataset:
        """The first so many; -1: all."""
        return self._then(
            lambda elements, _: itertools.islice(elements, None if count < 0 else int(count))
        )

    def skip(self, count: int) -> Dataset:
        """All but the first so many."""
        return self._then(lambda elements, _: itertools.islice(elements, int(count), None))

    def repeat(self, count: int | None = None) -> Dataset:
        """Starts again at the end, so many times; None or -1: without end."""

        def make(scope: Scope) -> Iterator[Any]:
            turns = itertools.count() if count is None or count < 0 else iter(range(int(count)))
            return itertools.chain.from_iterable(self._make(scope) for _ in turns)

        return Dataset(make, self._element_spec)

    def shuffle(self, buffer_size: int, seed: int | None = None, **_tuning: Any) -> Dataset:
        """Gives a random one of the next buffer_size elements."""
        size = _positive(buffer_size, "buffer_size")

        def make(elements: Iterator[Any], _: Scope) -> Iterator[Any]:
            rng = random.Random(seed)
            buffer: list[Any] = []
            for element in elements:
                buffer.append(element)
                if len(buffer) == size:
                    place = rng.randrange(size)
                    buffer[place], buffer[-1] = buffer[-1], buffer[place]
                    yield buffer.pop()
            rng.shuffle(buffer)
            yield from buffer

        return self._then(make)

    def enumerate(self, start: int = 0) -> Dataset:
        """Pairs of a number and an element."""
        return self._then(
            lambda elements, _: ((np.int64(i), e) for i, e in enumerate(elements, start)),
            lambda: (TensorSpec((), np.int64), self.element_spec),
        )

    def prefetch(self, buffer_size: int | None = None, **_tuning: Any) -> Dataset:
        """A thread keeps so many elements ready; None or -1: two."""
        size = 2 if buffer_size is None or buffer_size == AUTOTUNE else int(buffer_size)
        if size == 0:
            return self
        _positive(size, "buffer_size")
        return self._then(lambda elements, scope: prefetching.prefetch(elements, size, scope))

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        **_tuning: Any,
    ) -> Dataset:
        """Elements of the datasets that the function makes, of cycle_length of them in turn. With
        num_parallel_calls a thread reads each; what is ready comes first, unless deterministic.
        """
        width = 16 if cycle_length in (None, AUTOTUNE) else _positive(cycle_length, "cycle_length")
        block = _positive(block_length or 1, "block_length")
        in_turn = num_parallel_calls is None or deterministic is not False

        def open_one(element: Any, scope: Scope) -> Iterator[Any]:
            inner = map_func(*element) if type(element) is tuple else map_func(element)
            made = inner._make(scope) if isinstance(inner, Dataset) else iter(inner)
            return prefetching.prefetch(made, block, scope) if num_parallel_calls else made

        def make(elements: Iterator[Any], scope: Scope) -> Iterator[Any]:
            inner = (open_one(element, scope) for element in elements)
            if in_turn:
                return prefetching.round_robin(inner, width, block)
            return prefetching.first_ready(inner, width, block, scope)

        def spec() -> Any:
            scope = Scope()
            try:
                first = next(self._make(scope))
            finally:
                scope.close()
            return (map_func(*first) if type(first) is tuple else map_func(first)).element_spec

        return self._then(make, spec)

    def flat_map(self, map_func: Callable[..., Any]) -> Dataset:
        """The elements of the datasets that the function makes, one dataset after the other."""
        return self.interleave(map_func, cycle_length=1)

    def apply(self, transformation: Callable[[Dataset], Dataset]) -> Dataset:
        """transformation(self)."""
        return transformation(self)

    def with_options(self, options: Any) -> Dataset:
        """Accepted for tf.data's sake: there is nothing to set."""
        del options
        return self


class _Once:
    """An iterator's elements, each of which is given once; the first can be looked at before."""

    def __init__(self, elements: Iterator[Any]) -> None:
        self._elements = elements
        self._ahead: list[Any] = []

    def first(self) -> Any:
        if not self._ahead:
            self._ahead.append(next(self._elements))
        return self._ahead[0]

    def __iter__(self) -> _Once:
        return self

    def __next__(self) -> Any:
        return self._ahead.pop() if self._ahead else next(self._elements)


class _Pickler(cloudpickle.Pickler):
    """Takes the functions that datasets are made of, whichever pickler asked for it."""

    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, Dataset):
            return super().reducer_override(obj)
        state = {name: value for name, value in vars(obj).items() if name != "_iterators"}
        return copyreg.__newobj__, (type(obj),), state  # type: ignore[attr-defined]


def _positive(number: Any, name: str) -> int:
    if int(number) < 1:
        raise ValueError(f"{name} ({number}) must be a positive integer")
    return int(number)


def _spec_of(leaf: Any) -> TensorSpec:
    array = leaf if hasattr(leaf, "shape") and hasattr(leaf, "dtype") else np.asarray(leaf)
    return TensorSpec(array.shape, array.dtype)


def _with_lead(nest: Any, size: int | None) -> Any:
    return tree.map_structure(lambda s: TensorSpec((size, *s.shape), s.dtype, s.name), nest)


def _spec_of_result(call: Callable[[Any], Any], nest: Any) -> Any:
    """What the function makes of zeros; sizes that are not known are tried as 1, and stay unknown
    only if the function keeps them where they are.
    """

    def zeros(spec: Any, size: int) -> Any:
        shape = [size if dim is None else dim for dim in spec.shape]
        return np.zeros(shape, spec.dtype) if shape else spec.dtype.type(0)

    results = [
        tree.map_structure(_spec_of, call(tree.map_structure(lambda s, n=n: zeros(s, n), nest)))
        for n in (1, 2)
    ]

    def merge(one: TensorSpec, two: TensorSpec) -> TensorSpec:
        dims = [a if a == b else None for a, b in zip(one.shape, two.shape)]
        return TensorSpec(TensorShape(dims), one.dtype)

    return tree.map_structure(merge, *results)
