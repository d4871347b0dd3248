"""Messages to the bytes of protobuf's wire format, and back. Pure.

Fields that are not known are left out when bytes are read.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from reverb.message_fields import SINT64, Field, Scalar

# As deep as protobuf reads.
MAX_DEPTH = 100

_PACKED = {1: "<d", 5: "<f"}


class DecodeError(ValueError):
    """The bytes are not a message's."""


def encode(fields: Mapping[str, Field], values: Mapping[str, Any]) -> bytes:
    """The bytes of those fields that are set."""
    out = bytearray()
    for name, field in sorted(fields.items(), key=lambda item: item[1].number):
        if name not in values:
            continue
        kind, value = field.type, values[name]
        if isinstance(kind, dict):
            ((key_kind, value_kind),) = kind.items()
            for key in sorted(value):
                entry = _tagged(1, key_kind, key) + _tagged(2, value_kind, value[key])
                out += _tag(field.number, 2) + _varint(len(entry)) + entry
        elif not isinstance(kind, list):
            if field.oneof or not _is_default(value):
                out += _tagged(field.number, kind, value)
        elif isinstance(kind[0], Scalar) and kind[0].wire != 2:
            packed = b"".join(_scalar(kind[0], part) for part in value)
            out += _tag(field.number, 2) + _varint(len(packed)) + packed
        else:
            for part in value:
                out += _tagged(field.number, kind[0], part)
    return bytes(out)


def _is_default(value: Any) -> bool:
    # Protobuf writes -0.0; and messages, which have no default but not to be set.
    return not value and not (isinstance(value, float) and math.copysign(1, value) < 0)


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _tag(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _tagged(number: int, kind: Any, value: Any) -> bytes:
    if isinstance(kind, Scalar):
        return _tag(number, kind.wire) + _scalar(kind, value)
    body = value.SerializeToString()
    return _tag(number, 2) + _varint(len(body)) + body


def _scalar(kind: Scalar, value: Any) -> bytes:
    if kind.wire in _PACKED:
        return struct.pack(_PACKED[kind.wire], value)
    if kind.wire == 0:
        return _varint(value << 1 ^ value >> 63 if kind is SINT64 else int(value))
    body = value.encode() if kind.python is str else value
    return _varint(len(body)) + body


def decode(data: bytes | memoryview, message: Any, depth: int = 0) -> None:
    """Adds what the bytes say to a message, as protobuf merges: what is set is set anew, messages
    grow by what is new, and so do lists.

    Raises:
      DecodeError: they are no such message's.
    """
    if depth > MAX_DEPTH:
        raise DecodeError(f"messages lie in messages more than {MAX_DEPTH} deep")
    names = {field.number: name for name, field in message.FIELDS.items()}
    for number, wire, raw in _fields(memoryview(data)):
        if number in names:
            _take(message, names[number], wire, raw, depth)


def _take(message: Any, name: str, wire: int, raw: Any, depth: int) -> None:
    """Adds a field. One of another wire type is not the one that is known."""
    kind = message.FIELDS[name].type
    if isinstance(kind, dict):
        if wire == 2:
            key, value = _entry(name, kind, raw, depth)
            getattr(message, name)[key] = value
    elif isinstance(kind, list) and isinstance(kind[0], Scalar):
        if wire == kind[0].wire:
            getattr(message, name).append(_value(name, kind[0], raw))
        elif wire == 2:
            getattr(message, name).extend(_unpacked(name, kind[0], raw))
    elif isinstance(kind, Scalar):
        if wire == kind.wire:
            setattr(message, name, _value(name, kind, raw))
    elif wire == 2:
        part = getattr(message, name)
        if isinstance(kind, list):
            part = part.add()
        else:
            part.SetInParent()
        decode(raw, part, depth + 1)


def _entry(name: str, kind: dict[Scalar, Any], data: memoryview, depth: int) -> tuple[Any, Any]:
    """Key and value of an entry of a map to messages."""
    ((key_kind, value_kind),) = kind.items()
    key, value = key_kind.python(), value_kind()
    for number, wire, raw in _fields(data):
        if number == 1 and wire == key_kind.wire:
            key = _value(name, key_kind, raw)
        elif number == 2 and wire == 2:
            decode(raw, value, depth + 1)
    return key, value


def _fields(data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """Number, wire type and raw value of each field: an int of a varint, else bytes."""
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise DecodeError("a field has the number 0")
        if wire == 0:
            value, at = _read_varint(data, at)
            yield number, wire, value
            continue
        if wire == 2:
            size, at = _read_varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise DecodeError(f"field {number} has the wire type {wire}")
        if at + size > len(data):
            raise DecodeError(f"field {number} goes beyond the end")
        yield number, wire, data[at : at + size]
        at += size


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise DecodeError("a number goes beyond the end")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, at
    raise DecodeError("a number has more than ten bytes")


def _unpacked(name: str, kind: Scalar, data: memoryview) -> Iterator[Any]:
    if kind.wire == 0:
        at = 0
        while at < len(data):
            raw, at = _read_varint(data, at)
            yield _value(name, kind, raw)
        return
    try:
        yield from (value for (value,) in struct.iter_unpack(_PACKED[kind.wire], data))
    except struct.error:
        raise DecodeError(f"{name} has a part of a number at its end") from None


def _value(name: str, kind: Scalar, raw: Any) -> Any:
    if kind.wire in _PACKED:
        return struct.unpack(_PACKED[kind.wire], raw)[0]
    if kind.python is bytes:
        return bytes(raw)
    if kind.python is str:
        try:
            return bytes(raw).decode()
        except UnicodeDecodeError:
            raise DecodeError(f"{name} is not UTF-8") from None
    if kind.python is bool:
        return raw != 0
    if kind is SINT64:
        return raw >> 1 ^ -(raw & 1)
    raw &= (1 << 64 if kind.high >= 2**32 else 1 << 32) - 1
    return raw - (kind.high + 1) * 2 if raw > kind.high else raw
