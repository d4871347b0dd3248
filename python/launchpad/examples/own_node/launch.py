"""A kind of node of one's own, with a handle of its own: a key-value store that other nodes use as
they would use a dict.

python -m launchpad.examples.own_node.launch --lp_launch_type=local_mp
"""

from __future__ import annotations

from typing import Any

from absl import app

import launchpad as lp


class Store:
    """What the node runs: answers calls."""

    def __init__(self, initial: dict[str, Any]) -> None:
        self._values = dict(initial)

    def get(self, key: str) -> Any:
        return self._values[key]

    def set(self, key: str, value: Any) -> None:
        self._values[key] = value


class Table:
    """What a node that holds the handle gets: a dict's manners over a client."""

    def __init__(self, client: lp.CourierClient) -> None:
        self._client = client

    def __getitem__(self, key: str) -> Any:
        return self._client.get(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._client.set(key, value)


class KeyValueHandle(lp.CourierHandle):
    """Becomes a Table."""

    def dereference(self) -> Any:
        return Table(super().dereference())


class KeyValueNode(lp.CourierNode):
    """A store of values by key.

    Args:
      **initial: what is there from the beginning.
    """

    def __init__(self, **initial: Any) -> None:
        super().__init__(Store, initial)

    def create_handle(self) -> KeyValueHandle:
        handle = KeyValueHandle(self.courier_address)
        self._track_handle(handle)
        return handle


def count(table: Table) -> None:
    """Adds three to a value of the table."""
    for _ in range(3):
        table["count"] += 1
    print("The count is", table["count"], flush=True)
    try:
        table["missing"]
    except KeyError as error:
        print("There is no", error.args[0], flush=True)
    lp.stop()


def make_program() -> lp.Program:
    """A store, and one who uses it."""
    program = lp.Program("own_node")
    table = program.add_node(KeyValueNode(count=4), label="store")
    program.add_node(lp.PyNode(count, table), label="counter")
    return program


def main(argv: list[str]) -> None:
    del argv
    lp.launch(make_program())


if __name__ == "__main__":
    app.run(main)
