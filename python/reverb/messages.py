"""Messages as dm-reverb's protobufs look to programs: fields with defaults, HasField, equality,
and the same bytes from SerializeToString, without protobuf. Values.

A part that was not set can be asked for all the same: it is set with the first change to it.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

from reverb import message_bytes
from reverb.message_fields import Field, Scalar

__all__ = ["Descriptor", "Field", "Map", "Message", "Repeated"]


class Descriptor(NamedTuple):
    """What a message is called: `name`, and in its package `full_name`."""

    name: str
    full_name: str


class _Part:
    """What a message has in a field and what may change by itself: it tells the message, which
    otherwise would not know that the field is set.
    """

    _whole: tuple[Message, str] | None = None

    def _changed(self) -> None:
        whole = self._whole
        if whole is not None:
            self.__dict__["_whole"] = None
            whole[0]._put(whole[1], self)


class Repeated(_Part, list[Any]):
    """The values of a field that may come several times: a list that takes only what is right."""

    def __init__(self, name: str, kind: Any, values: Iterable[Any] = ()) -> None:
        super().__init__(_checked(name, kind, value) for value in values)
        self._name = name
        self._kind = kind

    def add(self, **values: Any) -> Any:
        """Appends a new message with these fields, and returns it."""
        self.append(self._kind(**values))
        return self[-1]

    def append(self, value: Any) -> None:
        """Appends a value; of a message a copy."""
        self.extend((value,))

    def extend(self, values: Iterable[Any]) -> None:
        """Appends each of them."""
        super().extend([_checked(self._name, self._kind, value) for value in values])
        if self:
            self._changed()

    def insert(self, index: Any, value: Any) -> None:
        """Inserts a value before another."""
        super().insert(index, _checked(self._name, self._kind, value))
        self._changed()

    def __iadd__(self, values: Iterable[Any]) -> Repeated:  # type: ignore[misc]
        self.extend(values)
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            value = [_checked(self._name, self._kind, part) for part in value]
        else:
            value = _checked(self._name, self._kind, value)
        super().__setitem__(index, value)
        if self:
            self._changed()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return list, (list(self),)


class Map(_Part, UserDict[Any, Any]):
    """The entries of a map to messages: a dict that takes only what is right. `map[key]` makes a
    message where there was none.
    """

    def __init__(self, name: str, kind: dict[Any, Any], values: Any = ()) -> None:
        self._name = name
        ((self._key, self._kind),) = kind.items()
        super().__init__(values)

    def __setitem__(self, key: Any, value: Any) -> None:
        key = _checked(self._name, self._key, key)
        super().__setitem__(key, _checked(self._name, self._kind, value))
        self._changed()

    def __missing__(self, key: Any) -> Any:
        self[key] = self._kind()
        return self[key]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return dict, (dict(self.data),)


class Message(_Part):
    """Base class; `FIELDS` says what there is. `package` and `name` are those of the protobuf, if
    they are not dm-reverb's and the class's.
    """

    FIELDS: ClassVar[dict[str, Field]] = {}
    DESCRIPTOR: ClassVar[Descriptor]

    def __init_subclass__(cls, package: str = "deepmind.reverb", name: str | None = None) -> None:
        name = name or cls.__qualname__
        cls.DESCRIPTOR = Descriptor(name.rsplit(".", 1)[-1], f"{package}.{name}")

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(_set={}, _lent={})
        for name, value in values.items():
            field = self._field(name)
            if value is None:
                continue
            if field.oneof is None and isinstance(field.type, Scalar):
                self._set[name] = field.type.checked(name, value)
            else:
                setattr(self, name, value)

    def _field(self, name: str) -> Field:
        if name not in self.FIELDS:
            raise ValueError(f'{type(self).__name__} has no "{name}" field.')
        return self.FIELDS[name]

    def __getattr__(self, name: str) -> Any:
        field = type(self).FIELDS.get(name)
        if field is None or "_set" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if name in self._set:
            return self._set[name]
        if isinstance(field.type, Scalar):
            return field.type.python()
        if name not in self._lent:
            part = _made(name, field.type)
            part.__dict__["_whole"] = (self, name)
            self._lent[name] = part
        return self._lent[name]

    def __setattr__(self, name: str, value: Any) -> None:
        field = type(self).FIELDS.get(name)
        if field is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        value = _made(name, field.type, value)
        if _is_empty(value):
            self.ClearField(name)
        else:
            self._put(name, value)

    def _put(self, name: str, value: Any) -> None:
        oneof = self.FIELDS[name].oneof
        other = None if oneof is None else self.WhichOneof(oneof)
        if other is not None:
            del self._set[other]
        if self._lent:
            self._give_up(name)
        self._set[name] = value
        self._changed()

    def _give_up(self, name: str) -> None:
        """Whoever still has the part that was asked for has it for himself."""
        part = self._lent.pop(name, None)
        if part is not None:
            part.__dict__["_whole"] = None

    def HasField(self, name: str) -> bool:
        """Whether it was set."""
        self._field(name)
        return name in self._present()

    def WhichOneof(self, oneof: str) -> str | None:
        """Which field of the group was set."""
        return next((name for name in self._set if self.FIELDS[name].oneof == oneof), None)

    def ClearField(self, name: str) -> None:
        """Makes it a field that was not set."""
        self._field(name)
        self._set.pop(name, None)
        self._give_up(name)

    def Clear(self) -> None:
        """Makes all of them fields that were not set."""
        for name in self.FIELDS:
            self.ClearField(name)

    def SetInParent(self) -> None:
        """Sets this part in the message of which it was asked, though it has no fields set."""
        self._changed()

    def _present(self) -> dict[str, Any]:
        return {name: value for name, value in self._set.items() if not _is_empty(value)}

    def CopyFrom(self, other: Any) -> None:
        """Makes this one equal to another of its kind, which may be a protobuf."""
        copied = _checked("the other", type(self), other)
        self.Clear()
        for name, value in copied._set.items():
            setattr(self, name, value)
        self._changed()

    def MergeFrom(self, other: Any) -> None:
        """Adds what is set in another of its kind, which may be a protobuf."""
        self.MergeFromString(_checked("the other", type(self), other).SerializeToString())
        self._changed()

    def MergeFromString(self, data: bytes) -> int:
        """Adds what the bytes say; returns how many there are.

        Raises:
          reverb.message_bytes.DecodeError: they are no such message's.
        """
        message_bytes.decode(data, self)
        return len(data)

    def ParseFromString(self, data: bytes) -> int:
        """Makes this the message of the bytes; see MergeFromString."""
        self.Clear()
        return self.MergeFromString(data)

    @classmethod
    def FromString(cls, data: bytes) -> Any:
        """The message of the bytes; see MergeFromString."""
        message = cls()
        message.MergeFromString(data)
        return message

    def SerializeToString(self) -> bytes:
        """The bytes that protobuf would make."""
        return message_bytes.encode(self.FIELDS, self._present())

    def ByteSize(self) -> int:
        """How many bytes SerializeToString gives."""
        return len(self.SerializeToString())

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._known() == other._known()

    __hash__ = None  # type: ignore[assignment]

    def _known(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in self._present().items()
            if value or self.FIELDS[name].oneof
        }

    def __copy__(self) -> Any:
        return self.__deepcopy__()

    def __deepcopy__(self, memo: Any = None) -> Any:
        copied = type(self)()
        for name, value in self._present().items():
            if isinstance(value, _Part):
                value = _made(name, self.FIELDS[name].type, value)
            copied._set[name] = value
        return copied

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self._present())

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self._present().items())
        return f"{type(self).__name__}({inside})"


def _made(name: str, kind: Any, *values: Any) -> Any:
    """What a field of that type keeps: nothing yet, or a copy of the value."""
    if isinstance(kind, list):
        return Repeated(name, kind[0], *values)
    if isinstance(kind, dict):
        return Map(name, kind, *values)
    return _checked(name, kind, *values) if values else kind()


def _is_empty(value: Any) -> bool:
    return isinstance(value, (Repeated, Map)) and not value


def _checked(name: str, kind: Any, value: Any) -> Any:
    """The value as a field keeps it: of messages a copy, so that who changes one that he gave to
    another changes his own.
    """
    if isinstance(kind, Scalar):
        return kind.checked(name, value)
    if isinstance(value, kind):
        return value.__deepcopy__()
    if isinstance(value, dict):
        return kind(**value)
    described = getattr(value, "DESCRIPTOR", None)
    if getattr(described, "full_name", None) == kind.DESCRIPTOR.full_name:  # A protobuf.
        return kind.FromString(value.SerializeToString())
    raise TypeError(f"{name} must be a {kind.DESCRIPTOR.name}, it is {value!r}")


def _rebuild(kind: type[Message], values: dict[str, Any]) -> Message:
    return kind(**values)
