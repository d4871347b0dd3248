"""MultiThreadingColocation: nodes that run as threads of one process."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from typing import Any

from launchpad import _core
from launchpad.nodes.colocation import Colocation
from launchpad.nodes.python.node import PyNode


class MultiThreadingColocation(Colocation):
    """Runs nodes side by side, as one node of the program.

    Args:
      nodes: PyNodes, courier nodes among them; more can be added with add_node.
      return_on_first_completed: ends with the first node that does, instead of with the last.
    """

    def __init__(
        self, nodes: Sequence[PyNode[Any]], return_on_first_completed: bool = False
    ) -> None:
        self._return_on_first_completed = return_on_first_completed
        super().__init__(nodes)

    def _run_nodes(self) -> None:
        self._check_not_empty()
        ends: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        context = _core.context()
        name = context.name if context is not None else "coloc"
        for i, node in enumerate(self._nodes):
            threading.Thread(
                target=_run_node, args=(node, context, ends), name=f"{name}/{i}", daemon=True
            ).start()
        for _ in self._nodes:
            error = ends.get()
            if error is not None:
                raise error
            if self._return_on_first_completed:
                return


def _run_node(
    node: PyNode[Any],
    context: _core.Context | None,
    ends: queue.SimpleQueue[BaseException | None],
) -> None:
    if context is not None:
        _core.set_thread_context(context)
    try:
        node.function()
    except SystemExit as leaving:
        # A node's wish to end, as it would be without the colocation.
        ends.put(None if leaving.code in (None, 0, "") or _stopping(context) else leaving)
    except BaseException as error:
        ends.put(error)
    else:
        ends.put(None)


def _stopping(context: _core.Context | None) -> bool:
    return context is not None and context.stop_requested
