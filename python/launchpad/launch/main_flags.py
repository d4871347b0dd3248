"""The flags of a launcher's `__main__`, for its nodes: they do not import that module, so the flags
travel, with their values.

Flags of other modules are defined by whoever imports these, and parsed from the launcher's command
line.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from typing import Any


def definitions(dumps: Callable[[Any], bytes]) -> list[bytes]:
    """The flags that `__main__` defines; one that does not pickle is left out."""
    from absl import flags

    of_modules = flags.FLAGS.flags_by_module_id_dict()
    found = []
    for flag in of_modules.get(id(sys.modules.get("__main__")), []):
        try:
            found.append(dumps((type(flag), {**flag.__dict__, "present": 0})))
        except Exception:  # A parser or validator that holds what cannot travel.
            continue
    return found


def define(definitions: list[bytes]) -> None:
    """Defines the flags here, but for those that this process has already."""
    from absl import flags

    for data in definitions:
        kind, state = pickle.loads(data)
        if state["name"] in flags.FLAGS:
            continue
        flag = object.__new__(kind)
        flag.__dict__.update(state)
        flags.FLAGS[flag.name] = flag
