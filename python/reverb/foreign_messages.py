"""Messages of protobuf's and TensorFlow's that lie in dm-reverb's: what they are told from is their
fields, so those of the libraries themselves are taken in their places. Values.

Of TensorProto those fields are left out that no column of a table can have: resources, variants.
"""

from __future__ import annotations

from typing import ClassVar

from reverb.message_fields import (
    BOOL,
    BYTES,
    DOUBLE,
    FLOAT,
    INT32,
    INT64,
    SINT64,
    STRING,
    UINT32,
    UINT64,
    Field,
    enum,
)
from reverb.messages import Message

_DTYPES = [
    "INVALID",
    "FLOAT",
    "DOUBLE",
    "INT32",
    "UINT8",
    "INT16",
    "INT8",
    "STRING",
    "COMPLEX64",
    "INT64",
    "BOOL",
    "QINT8",
    "QUINT8",
    "QINT32",
    "BFLOAT16",
    "QINT16",
    "QUINT16",
    "UINT16",
    "COMPLEX128",
    "HALF",
    "RESOURCE",
    "VARIANT",
    "UINT32",
    "UINT64",
    "FLOAT8_E5M2",
    "FLOAT8_E4M3FN",
]
_NUMBERS = {**{name: number for number, name in enumerate(_DTYPES)}, "INT4": 29, "UINT4": 30}
# Those of references are the dtypes' plus 100.
DATA_TYPE = enum(
    {f"DT_{name}": number for name, number in _NUMBERS.items()}
    | {f"DT_{name}_REF": number + 100 for name, number in _NUMBERS.items() if number}
)
TYPE_SPEC_CLASS = enum(
    {
        "UNKNOWN": 0,
        "SPARSE_TENSOR_SPEC": 1,
        "INDEXED_SLICES_SPEC": 2,
        "RAGGED_TENSOR_SPEC": 3,
        "TENSOR_ARRAY_SPEC": 4,
        "DATA_DATASET_SPEC": 5,
        "DATA_ITERATOR_SPEC": 6,
        "OPTIONAL_SPEC": 7,
        "PER_REPLICA_SPEC": 8,
        "VARIABLE_SPEC": 9,
        "ROW_PARTITION_SPEC": 10,
        "REGISTERED_TYPE_SPEC": 12,
        "EXTENSION_TYPE_SPEC": 13,
    }
)


class Timestamp(Message, package="google.protobuf"):
    """A time, from 1970 on in UTC."""

    FIELDS: ClassVar[dict[str, Field]] = {"seconds": Field(1, INT64), "nanos": Field(2, INT32)}


class TensorShapeProto(Message, package="tensorflow"):
    """A shape."""

    class Dim(Message, package="tensorflow"):
        """A dimension; -1: not known."""

        FIELDS: ClassVar[dict[str, Field]] = {"size": Field(1, INT64), "name": Field(2, STRING)}

    FIELDS: ClassVar[dict[str, Field]] = {"dim": Field(2, [Dim]), "unknown_rank": Field(3, BOOL)}


class TensorProto(Message, package="tensorflow"):
    """An array: its bytes, or its values in the field for their type."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "dtype": Field(1, DATA_TYPE),
        "tensor_shape": Field(2, TensorShapeProto),
        "version_number": Field(3, INT32),
        "tensor_content": Field(4, BYTES),
        "float_val": Field(5, [FLOAT]),
        "double_val": Field(6, [DOUBLE]),
        "int_val": Field(7, [INT32]),
        "string_val": Field(8, [BYTES]),
        "scomplex_val": Field(9, [FLOAT]),
        "int64_val": Field(10, [INT64]),
        "bool_val": Field(11, [BOOL]),
        "dcomplex_val": Field(12, [DOUBLE]),
        "half_val": Field(13, [INT32]),
        "uint32_val": Field(16, [UINT32]),
        "uint64_val": Field(17, [UINT64]),
        "float8_val": Field(18, BYTES),
    }


class TensorSpecProto(Message, package="tensorflow"):
    """Name, shape and dtype of a column."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "name": Field(1, STRING),
        "shape": Field(2, TensorShapeProto),
        "dtype": Field(3, DATA_TYPE),
    }


class BoundedTensorSpecProto(Message, package="tensorflow"):
    """The same of a column whose values have bounds."""

    FIELDS: ClassVar[dict[str, Field]] = {
        **TensorSpecProto.FIELDS,
        "minimum": Field(4, TensorProto),
        "maximum": Field(5, TensorProto),
    }


class NoneValue(Message, package="tensorflow"):
    """None."""


class StructuredValue(Message, package="tensorflow"):
    """A nest; a signature is one of specs."""


class ListValue(Message, package="tensorflow"):
    """A list."""

    FIELDS: ClassVar[dict[str, Field]] = {"values": Field(1, [StructuredValue])}


class TupleValue(Message, package="tensorflow"):
    """A tuple."""

    FIELDS: ClassVar[dict[str, Field]] = {"values": Field(1, [StructuredValue])}


class DictValue(Message, package="tensorflow"):
    """A dict."""

    FIELDS: ClassVar[dict[str, Field]] = {"fields": Field(1, {STRING: StructuredValue})}


class PairValue(Message, package="tensorflow"):
    """A name and a value."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "key": Field(1, STRING),
        "value": Field(2, StructuredValue),
    }


class NamedTupleValue(Message, package="tensorflow"):
    """A named tuple."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "name": Field(1, STRING),
        "values": Field(2, [PairValue]),
    }


class TypeSpecProto(Message, package="tensorflow"):
    """A spec of what is no tensor."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "type_spec_class": Field(1, TYPE_SPEC_CLASS),
        "type_state": Field(2, StructuredValue),
        "type_spec_class_name": Field(3, STRING),
        "num_flat_components": Field(4, INT32),
    }


# Now that there is what it may have in it.
StructuredValue.FIELDS = {
    "none_value": Field(1, NoneValue, "kind"),
    "float64_value": Field(11, DOUBLE, "kind"),
    "int64_value": Field(12, SINT64, "kind"),
    "string_value": Field(13, STRING, "kind"),
    "bool_value": Field(14, BOOL, "kind"),
    "tensor_shape_value": Field(31, TensorShapeProto, "kind"),
    "tensor_dtype_value": Field(32, DATA_TYPE, "kind"),
    "tensor_spec_value": Field(33, TensorSpecProto, "kind"),
    "type_spec_value": Field(34, TypeSpecProto, "kind"),
    "bounded_tensor_spec_value": Field(35, BoundedTensorSpecProto, "kind"),
    "list_value": Field(51, ListValue, "kind"),
    "tuple_value": Field(52, TupleValue, "kind"),
    "dict_value": Field(53, DictValue, "kind"),
    "named_tuple_value": Field(54, NamedTupleValue, "kind"),
    "tensor_value": Field(55, TensorProto, "kind"),
    "numpy_value": Field(56, TensorProto, "kind"),
}
