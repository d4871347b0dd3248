"""Messages from protobuf's text format: `port: 8000 tables { table_name: "queue" }`. Pure.

All of it is read but extensions and Any in brackets, which these messages do not have.
"""

from __future__ import annotations

import difflib
import re
from typing import Any, NamedTuple, NoReturn, TypeVar

from reverb.message_bytes import MAX_DEPTH
from reverb.message_fields import Field, Scalar
from reverb.messages import Message

_Message = TypeVar("_Message", bound=Message)

_TOKEN = re.compile(
    r"(?P<name>[A-Za-z_]\w*)"
    r"|(?P<number>0[xX]\w*|\.?\d(?:[eE][+-]|[\w.])*)"
    r"|(?P<string>\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')"
    r"|(?P<mark>[-{}<>\[\]:;,])",
    re.ASCII,
)
_SPACE = re.compile(r"(?:\s|#[^\n]*)*")
_WHOLE = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*")
# Octal and hexadecimal numbers are no reals.
_REAL = re.compile(r"((?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[fF]?")
_ESCAPE = re.compile(
    rb"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|.)", re.DOTALL
)
_ESCAPED = dict(zip(b"abfnrtv\\'\"?", b"\a\b\f\n\r\t\v\\'\"?"))
_TRUTHS = {"true": True, "True": True, "t": True, "1": True}
_TRUTHS |= {"false": False, "False": False, "f": False, "0": False}


class ParseError(ValueError):
    """The text is not a message's. Its own begins with the line and the column, from 1."""


class _Token(NamedTuple):
    kind: str  # "name", "number", "string", "mark" or "end".
    text: str
    at: int


def parse(text: str, message: _Message) -> _Message:
    """The message, which is new, with what the text says.

    Raises:
      ParseError: it is not in the format, names what such a message does not have, or sets twice
        what can be set once.
    """
    parser = _Parser(text)
    parser.fields(message, "end", 0)
    return message


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._next = self._read(0)

    def _read(self, at: int) -> _Token:
        space = _SPACE.match(self._text, at)
        at = space.end() if space else at
        if at == len(self._text):
            return _Token("end", "the end", at)
        token = _TOKEN.match(self._text, at)
        if token is None:
            if self._text[at] in "'\"":
                self._fail(at, "a string has no end on its line")
            self._fail(at, f"{self._text[at]!r} is out of place")
        return _Token(str(token.lastgroup), token[0], at)

    def _fail(self, at: int, what: str) -> NoReturn:
        line = self._text.count("\n", 0, at) + 1
        column = at - (self._text.rfind("\n", 0, at) + 1) + 1
        raise ParseError(f"{line}:{column}: {what}")

    def _take(self) -> _Token:
        token = self._next
        if token.kind != "end":
            self._next = self._read(token.at + len(token.text))
        return token

    def _took(self, *marks: str) -> str | None:
        """The mark that comes next, if it is one of these; it is behind us then."""
        return self._take().text if self._next.text in marks and self._is_mark() else None

    def _is_mark(self) -> bool:
        return self._next.kind == "mark"

    def fields(self, message: Message, end: str, depth: int) -> None:
        """The fields of a message, up to its end."""
        if depth > MAX_DEPTH:
            self._fail(self._next.at, f"messages lie in messages more than {MAX_DEPTH} deep")
        while not (self._next.kind == end or (self._next.text == end and self._is_mark())):
            self._field(message, end, depth)
            self._took(",", ";")
        self._take()

    def _field(self, message: Message, end: str, depth: int) -> None:
        token = self._take()
        if token.kind != "name":
            what = "a field's name" if end == "end" else f"a field's name or '{end}'"
            self._fail(token.at, f"{what} should come here, it is {token.text}")
        name = token.text
        if name not in message.FIELDS:
            self._fail(token.at, _unknown(message, name))
        kind = message.FIELDS[name].type
        if isinstance(kind, (list, dict)):
            for value in self._values(name, kind, depth):
                self._put(message, name, value, token.at)
            return
        self._check_free(message, name, token.at)
        self._put(message, name, self._value(name, kind, depth, first=True), token.at)

    def _check_free(self, message: Message, name: str, at: int) -> None:
        if message.HasField(name):
            self._fail(at, f"{name} is set twice")
        oneof = message.FIELDS[name].oneof
        other = message.WhichOneof(oneof) if oneof else None
        if other:
            self._fail(at, f"{name} is set beside {other}, but {oneof} is one of them")

    def _put(self, message: Message, name: str, value: Any, at: int) -> None:
        kind = message.FIELDS[name].type
        try:
            if isinstance(kind, dict):
                getattr(message, name)[value.key] = value.value
            elif isinstance(kind, list):
                getattr(message, name).append(value)
            else:
                setattr(message, name, value)
        except ValueError as error:  # A number that is out of range.
            self._fail(at, str(error))

    def _values(self, name: str, kind: Any, depth: int) -> list[Any]:
        """Those of a field that may come several times: one, or some in brackets."""
        part = kind[0] if isinstance(kind, list) else _entry(kind)
        scalar = isinstance(part, Scalar)
        if scalar:
            self._expect_colon(name)
        else:
            self._took(":")
        if not self._took("["):
            return [self._value(name, part, depth)]
        values: list[Any] = []
        while not self._took("]"):
            if values and not self._took(","):
                self._fail(self._next.at, f"',' or ']' should come here, it is {self._next.text}")
            values.append(self._value(name, part, depth))
        return values

    def _expect_colon(self, name: str) -> None:
        if not self._took(":"):
            self._fail(self._next.at, f"':' should follow {name}, it is {self._next.text}")

    def _value(self, name: str, kind: Any, depth: int, first: bool = False) -> Any:
        if isinstance(kind, Scalar):
            if first:
                self._expect_colon(name)
            return self._scalar(name, kind)
        if first:
            self._took(":")
        opened = self._took("{", "<")
        if not opened:
            self._fail(self._next.at, f"'{{' should follow {name}, it is {self._next.text}")
        value = kind()
        self.fields(value, "}" if opened == "{" else ">", depth + 1)
        return value

    def _scalar(self, name: str, kind: Scalar) -> Any:
        at = self._next.at
        if kind.wire == 2:
            data = self._strings(name)
            try:
                return data if kind.python is bytes else data.decode()
            except UnicodeDecodeError:
                self._fail(at, f"{name} is not UTF-8")
        minus = bool(self._took("-"))
        token = self._take()
        if kind.python is bool and not minus and token.text in _TRUTHS:
            return _TRUTHS[token.text]
        if kind.names and not minus and token.text in kind.names:
            return kind.names[token.text]
        number = None
        if kind.python is not bool:
            number = _number(token, real=kind.python is float)
        if number is None:
            what = {bool: "true or false", float: "a number", int: "a whole number"}[kind.python]
            what = f"one of {', '.join(kind.names)}" if kind.names else what
            self._fail(at, f"{name} must be {what}, it is {'-' if minus else ''}{token.text}")
        return -number if minus else number

    def _strings(self, name: str) -> bytes:
        """One string, or several that follow each other."""
        if self._next.kind != "string":
            self._fail(self._next.at, f"{name} must be in quotes, it is {self._next.text}")
        out = b""
        while self._next.kind == "string":
            token = self._take()
            try:
                out += _ESCAPE.sub(_unescaped, token.text[1:-1].encode())
            except ValueError as error:
                self._fail(token.at, f"{name}: {error}")
        return out


def _entry(kind: dict[Any, Any]) -> type[Message]:
    """An entry of a map, which in text is a message."""
    ((key, value),) = kind.items()
    fields = {"key": Field(1, key), "value": Field(2, value)}
    return type("Entry", (Message,), {"FIELDS": fields})


def _unknown(message: Message, name: str) -> str:
    near = difflib.get_close_matches(name, message.FIELDS, 1)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(message.FIELDS)}"
    return f"{message.DESCRIPTOR.name} has no field {name}; {hint}"


def _number(token: _Token, real: bool) -> Any:
    """The number, or None: it is none."""
    if token.kind == "name" and real and token.text.lower() in ("inf", "infinity", "nan"):
        return float(token.text)
    if token.kind != "number":
        return None
    if real:
        match = _REAL.fullmatch(token.text)
        return float(match[1]) if match else None
    # Python reads no decimal number of thousands of digits, and no field takes one.
    if not _WHOLE.fullmatch(token.text) or len(token.text) > 100:
        return None
    octal = token.text[0] == "0" and token.text.isdecimal()
    return int(token.text, 8 if octal else 0)


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if code[:1] in b"xuU" and len(code) > 1:
        number = int(code[1:], 16)
        if code[:1] == b"x":
            return bytes([number])
        if number > 0x10FFFF or 0xD800 <= number < 0xE000:
            raise ValueError(f"\\{code.decode()} is no character")
        return chr(number).encode()
    if code[:1] in b"01234567":
        return bytes([int(code, 8) & 0xFF])
    if code[0] not in _ESCAPED:
        raise ValueError(f"\\{code.decode(errors='replace')} is no escape")
    return bytes([_ESCAPED[code[0]]])
