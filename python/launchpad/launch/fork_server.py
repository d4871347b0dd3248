"""When a launch has a fork server: a warmed process (launchpad.warm_worker) that is forked for each
Python node. Nodes that a fork would not be the same as are started afresh; that decides the
launcher, by what is said here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from launchpad import _core, warm_worker
from launchpad.nodes.python.local_multi_processing import PythonProcess

# A single one would only wait for it.
_FEWEST = 2
# Modules worth importing once, if the launcher itself has them.
_WORTH = ("numpy", "tree")
# What is read when the interpreter, or one of the modules above, starts.
_START_VARIABLES = (
    *("PYTHON*", "LD_*", "MALLOC_*", "GLIBC_TUNABLES", "LANG", "LC_*", "TZ", "HOME", "COVERAGE_*"),
    *("OMP_*", "GOMP_*", "KMP_*", "OPENBLAS_*", "GOTO_*", "MKL_*", "BLIS_*", "NPY_*", "NUMPY_*"),
    *("OPENSSL_*", "ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"),
    *("LAUNCHPAD_LOG", "LP_SEED"),
)


def start(
    program: Any,
    local_resources: Mapping[str, Any],
    command: list[str],
    environment: dict[str, str],
) -> _core.ForkServer | None:
    """Starts one, which warms up while the launch goes on; None if no two nodes could be its forks.

    Args:
      program: the program.
      local_resources: a PythonProcess by label.
      command: what nodes are started with, unless they have an interpreter of their own.
      environment: what is added to the environment of each.
    """
    count = sum(
        len(nodes)
        for label, nodes in program.groups.items()
        if not hasattr(nodes[0], "runs_elsewhere")
        and (local_resources.get(label) or PythonProcess()).interpreter in (None, command[0])
    )
    if count < _FEWEST:
        return None
    preload = [name for name in _WORTH if name in sys.modules]
    if _uses_flags():
        preload += ["launchpad.flags", "launchpad.launch.main_flags"]
    try:
        return _core.ForkServer(
            command,
            environment,
            {warm_worker.PRELOAD_VARIABLE: " ".join(preload)},
            list(_START_VARIABLES),
            "numpy" in preload,
        )
    except Exception:  # Then each node says what is wrong with its command.
        return None


def _uses_flags() -> bool:
    """Whether the program does, and so probably its nodes; absl is there in any case."""
    from absl import flags

    if "absl.app" in sys.modules or "absl.logging" in sys.modules:
        return True
    return any(
        not module.startswith(("launchpad.", "absl."))
        for module in flags.FLAGS.flags_by_module_dict()
    )
