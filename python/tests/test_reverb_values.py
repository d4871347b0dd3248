"""What reverb is made of, without a server: specs, selectors, rate limiters, messages, samples."""

from __future__ import annotations

import collections
import copy
import pickle
import sys

import ml_dtypes
import numpy as np
import pytest
import tree

import reverb
from reverb import arrays, reverb_types, signature, specs, structures


class Foreign:
    """A spec as other libraries have it."""

    def __init__(self, shape, dtype, name=None):
        self.shape, self.dtype, self.name = shape, dtype, name


class ForeignDType:
    as_numpy_dtype = np.int64


def test_a_shape_is_a_leaf_that_equals_its_tuple():
    shape = specs.TensorShape([2, None])
    assert shape == (2, None)
    assert shape == [2, None]
    assert not tree.is_nested(shape)
    assert (shape.rank, shape[0], shape[1:], len(shape)) == (2, 2, (None,), 2)
    assert np.zeros(specs.TensorShape((2, 3))).shape == (2, 3)
    assert specs.TensorShape(None).rank is None
    assert specs.TensorShape(None) != ()
    assert pickle.loads(pickle.dumps(shape)) == shape


@pytest.mark.parametrize(
    ("one", "other", "compatible"),
    [
        ((2, None), (2, 3), True),
        (None, (2, 3), True),
        ((2,), (2, 1), False),
        ((2,), (3,), False),
        ((), (), True),
    ],
)
def test_shapes_are_compatible_if_an_array_could_have_both(one, other, compatible):
    assert specs.TensorShape(one).is_compatible_with(other) == compatible
    assert specs.TensorShape(other).is_compatible_with(one) == compatible


@pytest.mark.parametrize("none", [None, (), [], {}])
def test_a_signature_without_leaves_is_none(none):
    assert signature.as_specs(none) is None


def test_an_array_is_a_signature_for_those_like_it():
    assert signature.as_specs(np.ones(2, np.float32)) == reverb.TensorSpec((2,), np.float32)
    assert signature.as_specs(np.zeros(())) == reverb.TensorSpec((), np.float64)


def test_what_numpy_does_not_take_by_itself_becomes_an_array():
    class Scalar:
        """As TensorFlow's: `__array__` gives what is no array."""

        def __init__(self, value):
            self.value = value

        def __array__(self, *args, **options):
            return self.value

        def numpy(self):
            return self.value

    assert arrays.as_array(b"a\0").item() == b"a\0"
    assert arrays.as_array("a\0").item() == "a\0"
    assert arrays.as_array(Scalar(b"a\0")).item() == b"a\0"
    half = arrays.as_array(Scalar(ml_dtypes.bfloat16(2)))
    assert half.dtype == ml_dtypes.bfloat16 and half == 2
    assert arrays.as_array([1, 2]).tolist() == [1, 2]
    with pytest.raises(ValueError):
        arrays.as_array([[1], [1, 2]])


def test_a_spec_is_compatible_with_arrays_that_fit():
    spec = reverb.TensorSpec((None, 2), np.float32, "x")
    assert spec.is_compatible_with(np.zeros((5, 2), np.float32))
    assert not spec.is_compatible_with(np.zeros((5, 2)))
    assert not spec.is_compatible_with(np.zeros((5, 3), np.float32))
    assert spec.is_compatible_with(reverb.TensorSpec((1, 2), np.float32))
    assert repr(spec) == "TensorSpec(shape=(None, 2), dtype=float32, name='x')"
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_anything_with_shape_and_dtype_is_a_spec():
    assert specs.as_spec(np.zeros((2, 3), np.int8)) == reverb.TensorSpec((2, 3), np.int8)
    assert specs.as_spec(Foreign((2,), ForeignDType(), "n")) == reverb.TensorSpec((2,), int, "n")
    assert specs.as_spec(Foreign((), str)).dtype == object
    with pytest.raises(ValueError, match=r"Unsupported signature spec: 3"):
        specs.as_spec(3)


def test_messages_spell_dtypes_and_shapes_as_tensorflow_does():
    dtypes = [np.float16, np.float32, np.float64, np.int64, bool, str]
    spelled = ["half", "float", "double", "int64", "bool", "string"]
    assert [specs.spell_dtype(d) for d in dtypes] == spelled
    assert specs.spell_shape((2, None)) == "[2,?]"
    assert specs.spell_shape(None) == "<unknown>"


Point = collections.namedtuple("Point", "y x")


@pytest.mark.parametrize(
    "nest",
    [
        reverb.TensorSpec((), np.float32),
        {"b": reverb.TensorSpec((1,), int, "named"), "a": [reverb.TensorSpec(None, str)]},
        (reverb.TensorSpec((None,), bool), Point(reverb.TensorSpec((), int), ())),
        {1: reverb.TensorSpec((2,), int), 0: {"x": reverb.TensorSpec((), int)}},
    ],
)
def test_a_signature_comes_back_from_what_travels(nest):
    text, columns = signature.to_native(nest)
    native = (text, [(name, np.dtype(dtype), shape) for name, dtype, shape in columns])
    found = signature.from_native(native)
    tree.assert_same_structure(nest, found, check_types=False)
    assert tree.flatten(found) == tree.flatten(nest)


def test_a_signature_of_named_tuples_keeps_their_fields():
    text, _ = signature.to_native(Point(x=reverb.TensorSpec((), int), y=reverb.TensorSpec((), int)))
    found = signature.decode(text, [1, 2])
    assert (type(found).__name__, found.y, found.x) == ("Point", 1, 2)


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        (reverb.selectors.Fifo(), "FifoSelector"),
        (reverb.selectors.Lifo(), "LifoSelector"),
        (reverb.selectors.Uniform(), "UniformSelector"),
        (reverb.selectors.Prioritized(0.6), "PrioritizedSelector(priority_exponent=0.6)"),
        (reverb.selectors.Prioritized(1), "PrioritizedSelector(priority_exponent=1)"),
        (reverb.selectors.MinHeap(), "HeapSelector(sign=1)"),
        (reverb.selectors.MaxHeap(), "HeapSelector(sign=-1)"),
    ],
)
def test_selectors_show_what_they_are_and_come_back_from_their_messages(selector, text):
    assert repr(selector) == text
    assert reverb_types.selector_of(reverb_types.options_of(selector)) == selector


def test_prioritized_needs_a_finite_exponent():
    with pytest.raises(TypeError):
        reverb.selectors.Prioritized()
    with pytest.raises(ValueError, match=r"must be a finite number"):
        reverb.selectors.Prioritized(float("nan"))


def test_rate_limiters_say_what_they_are():
    limiters = reverb.rate_limiters
    text = "RateLimiter(samples_per_insert=1, min_diff_=0, max_diff=5, min_size_to_sample=1)"
    assert repr(limiters.Queue(5)) == text
    assert repr(limiters.Stack(5)) == text
    assert "max_diff=1.79769e+308, min_size_to_sample=3" in repr(limiters.MinSize(3))
    ratio = limiters.SampleToInsertRatio(4.0, 100, 8.0)
    assert (ratio.min_diff, ratio.max_diff, ratio.samples_per_insert) == (392, 408, 4)
    ratio = limiters.SampleToInsertRatio(4.0, 100, (-50, 450.5))
    assert (ratio.min_diff, ratio.max_diff) == (-50, 450.5)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda m: m.MinSize(0), r"min_size_to_sample \(0\) must be a positive integer"),
        (lambda m: m.RateLimiter(0, 1, 0, 1), r"samples_per_insert \(0\) must be > 0"),
        (lambda m: m.RateLimiter(1, 0, 0, 1), r"min_size_to_sample \(0\) must be a positive"),
        (lambda m: m.RateLimiter(1, 1, float("nan"), 1), r"min_diff \(nan\) must be <= max_diff"),
        (lambda m: m.SampleToInsertRatio(-1, 1, 10), r"samples_per_insert \(-1\) must be > 0"),
        (lambda m: m.SampleToInsertRatio(1, 1, 0.5), "The size of error_buffer must be >= max"),
        (lambda m: m.SampleToInsertRatio(1, 1, (5, 10)), "will result in a deadlock as soon as"),
        (lambda m: m.SampleToInsertRatio(1, 0, 10), r"min_size_to_sample \(0\) must be"),
    ],
)
def test_rate_limiters_that_cannot_be_are_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make(reverb.rate_limiters)


def test_a_message_knows_what_was_set_and_has_protobufs_bytes():
    options = reverb_types.KeyDistributionOptions(fifo=True, is_deterministic=True)
    assert (options.fifo, options.lifo, options.HasField("fifo")) == (True, False, True)
    assert options.WhichOneof("distribution") == "fifo"
    assert options.SerializeToString() == b"\x08\x01\x38\x01"
    options.heap.min_heap = True
    assert not options.HasField("heap") or options.heap.min_heap
    options = reverb_types.options_of(reverb.selectors.Prioritized(0.5))
    assert options.prioritized.priority_exponent == 0.5
    assert options.SerializeToString() == b"\x1a\x09\x09\x00\x00\x00\x00\x00\x00\xe0\x3f"
    assert copy.deepcopy(options) == pickle.loads(pickle.dumps(options)) == options
    with pytest.raises(AttributeError):
        options.no_such_field  # noqa: B018


def test_sample_info_has_the_fields_and_dtypes_of_datasets():
    dtypes = reverb.SampleInfo.tf_dtypes()
    assert dtypes == (np.uint64, np.float64, np.int64, np.float64, np.int32)
    assert reverb.SampleInfo.zeros() == (0, 0.0, 0, 0.0, 0)
    assert reverb.SampleInfo.tf_shapes().key == ()


def test_structures_grow_by_what_is_new_in_a_step():
    known = {"a": None, "b": [None]}
    assert structures.union(known, {"c": (1, 2)}) == {"a": None, "b": [None], "c": (None, None)}
    assert structures.union(known, {"b": [1, 2]}) == {"a": None, "b": [None, None]}
    assert structures.union(known, {"b": None}) == known
    with pytest.raises(ValueError, match=r"a single value was appended before, where now"):
        structures.union(known, {"a": {"x": 1}})
    with pytest.raises(ValueError, match=r"a list was appended before"):
        structures.union(known, {"b": 3})


def test_import_reverb_brings_neither_tensorflow_nor_a_server():
    assert "tensorflow" not in sys.modules
