"""Messages as dm-reverb's protobufs look to programs: fields with defaults, HasField, equality,
and the same bytes from SerializeToString, without protobuf. Values.
"""

from __future__ import annotations

import copy
import operator
import struct
from typing import Any, ClassVar, NamedTuple


class Field(NamedTuple):
    """A field's number on the wire and its type: int, bool, float, str or a message class; in a
    list if it may come several times. `oneof`: set at most one of those that share the name.
    `presence`: HasField also tells 0 from not set.
    """

    number: int
    type: Any
    oneof: str | None = None
    presence: bool = False


def _whole(name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, it is {value!r}") from None


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _tagged(number: int, kind: Any, value: Any) -> bytes:
    if kind is float:
        return _varint(number << 3 | 1) + struct.pack("<d", value)
    if kind in (int, bool):
        return _varint(number << 3) + _varint(int(value))
    body = value.encode() if kind is str else value.SerializeToString()
    return _varint(number << 3 | 2) + _varint(len(body)) + body


class Message:
    """Base class; `FIELDS` says what there is."""

    FIELDS: ClassVar[dict[str, Field]] = {}

    def __init__(self, **values: Any) -> None:
        self._set: dict[str, Any] = {}
        # Messages that were asked for before they were set: theirs to be, once a field of them is.
        self._asked_for: dict[str, Message] = {}
        for name, value in values.items():
            if name not in self.FIELDS:
                raise ValueError(f'{type(self).__name__} has no "{name}" field.')
            if isinstance(value, dict):
                value = self.FIELDS[name].type(**value)
            if value is not None:
                setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        field = type(self).FIELDS.get(name)
        if field is None or "_set" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if name in self._set:
            return self._set[name]
        if isinstance(field.type, list):
            self._set[name] = []
            return self._set[name]
        if issubclass(field.type, Message):
            return self._asked_for.setdefault(name, field.type())
        return field.type()

    def __setattr__(self, name: str, value: Any) -> None:
        field = type(self).FIELDS.get(name)
        if field is None:
            if name not in ("_set", "_asked_for"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            object.__setattr__(self, name, value)
            return
        if isinstance(field.type, list):
            value = list(value)
        elif not isinstance(value, field.type):
            if not isinstance(field.type, type) or field.type not in (int, float, bool, str):
                raise TypeError(f"{name} must be a {field.type.__name__}, it is {value!r}")
            value = _whole(name, value) if field.type is int else field.type(value)
        if field.oneof:
            for other, its in self.FIELDS.items():
                if its.oneof == field.oneof:
                    self.ClearField(other)
        self._set[name] = value

    def HasField(self, name: str) -> bool:
        """Whether it was set."""
        if name not in self.FIELDS:
            raise ValueError(f'{type(self).__name__} has no "{name}" field.')
        return name in self._present()

    def WhichOneof(self, oneof: str) -> str | None:
        """Which field of the group was set."""
        present = self._present()
        return next((name for name in present if self.FIELDS[name].oneof == oneof), None)

    def ClearField(self, name: str) -> None:
        self._set.pop(name, None)
        self._asked_for.pop(name, None)

    def _present(self) -> dict[str, Any]:
        touched = {name: m for name, m in self._asked_for.items() if m._present()}
        return {**touched, **self._set}

    def SerializeToString(self) -> bytes:
        """The bytes that protobuf would make."""
        out = bytearray()
        present = self._present()
        for name, field in sorted(self.FIELDS.items(), key=lambda item: item[1].number):
            if name not in present:
                continue
            value = present[name]
            if isinstance(field.type, list):
                for part in value:
                    out += _tagged(field.number, field.type[0], part)
            elif field.oneof or field.presence or isinstance(value, Message) or value:
                out += _tagged(field.number, field.type, value)
        return bytes(out)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._known() == other._known()

    __hash__ = None  # type: ignore[assignment]

    def _known(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in self._present().items()
            if value != [] and (value or self.FIELDS[name].oneof or self.FIELDS[name].presence)
        }

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return type(self)(**copy.deepcopy(self._present(), memo))

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self._present())

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self._present().items())
        return f"{type(self).__name__}({inside})"


def _rebuild(kind: type[Message], values: dict[str, Any]) -> Message:
    return kind(**values)
