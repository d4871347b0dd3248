"""What a message's fields are made of: their types, and which values those take. Values.

Types have protobuf's names and ranges, so that a value which protobuf would refuse is refused here.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np


class Scalar(NamedTuple):
    """A type that is no message.

    Fields:
      name: protobuf's.
      python: the type of its values here; `python()` is the default.
      wire: how it lies in bytes: 0 as a varint, 1 as eight bytes, 2 after its length, 5 as four.
      low, high: the range of whole numbers.
      names: of an enum's numbers.
    """

    name: str
    python: type
    wire: int
    low: int = 0
    high: int = 0
    names: Mapping[str, int] | None = None

    def checked(self, field: str, value: Any) -> Any:
        """The value as it is kept.

        Raises:
          TypeError: it is of another type.
          ValueError: it is out of range, or a name that the enum does not have.
        """
        if self.python is int:
            if type(value) is int and self.low <= value <= self.high:
                return value
            return self._whole(field, value)
        if self.python is float:
            return self._real(field, value)
        if self.python is bool:
            if isinstance(value, (bool, np.bool_)):
                return bool(value)
            return bool(_index(field, value, "True or False"))
        if isinstance(value, str) and self.python is str:
            return value
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value) if self.python is bytes else bytes(value).decode()
        raise TypeError(f"{field} must be {self.python.__name__}, it is {value!r}")

    def _whole(self, field: str, value: Any) -> int:
        if self.names is not None and isinstance(value, str):
            if value not in self.names:
                raise ValueError(f"{field} has no value named '{value}'")
            return self.names[value]
        value = _index(field, value, "a whole number")
        if not self.low <= value <= self.high:
            raise ValueError(f"{field} must be from {self.low} to {self.high}, it is {value}")
        return value

    def _real(self, field: str, value: Any) -> float:
        if type(value) is float and self.wire == 1:
            return value
        try:
            if isinstance(value, (str, bytes)):
                raise TypeError
            value = float(value)
        except TypeError:
            raise TypeError(f"{field} must be a number, it is {value!r}") from None
        if self.wire == 1:
            return value
        try:
            return float(struct.unpack("<f", struct.pack("<f", value))[0])
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")


def _index(field: str, value: Any, what: str) -> int:
    try:
        return int(operator.index(value))
    except TypeError:
        raise TypeError(f"{field} must be {what}, it is {value!r}") from None


BOOL = Scalar("bool", bool, 0)
BYTES = Scalar("bytes", bytes, 2)
DOUBLE = Scalar("double", float, 1)
FLOAT = Scalar("float", float, 5)
INT32 = Scalar("int32", int, 0, -(2**31), 2**31 - 1)
INT64 = Scalar("int64", int, 0, -(2**63), 2**63 - 1)
SINT64 = Scalar("sint64", int, 0, -(2**63), 2**63 - 1)
STRING = Scalar("string", str, 2)
UINT32 = Scalar("uint32", int, 0, 0, 2**32 - 1)
UINT64 = Scalar("uint64", int, 0, 0, 2**64 - 1)


def enum(names: Mapping[str, int]) -> Scalar:
    """The type of an enum with these names. As in protobuf, other numbers are taken, too."""
    return Scalar("enum", int, 0, -(2**31), 2**31 - 1, names)


class Field(NamedTuple):
    """A field's number on the wire and its type: a Scalar or a message class; in a list if it may
    come several times, in a dict from its key's type if it is a map to messages. `oneof`: set at
    most one of those that share the name; 0 is told from not set.
    """

    number: int
    type: Any
    oneof: str | None = None
