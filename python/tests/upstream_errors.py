"""What is said of an error of upstream's inventory, and how that is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest


class Row(NamedTuple):
    """`words`: a part of upstream's message; "": it has other ones, or none. `mend`: of ours."""

    do: Callable[[], Any]
    kind: type[BaseException]
    words: str
    mend: str


def check(row: Row) -> None:
    """Fails unless the row is true."""
    with pytest.raises(row.kind) as raised:
        row.do()
    text = str(raised.value)
    assert row.words in text
    assert row.mend in text, text
