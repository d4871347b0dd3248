"""A container of the local Docker engine, as its launcher sees it: the node of a program of the
launcher's own, which runs `docker run` and tells the container to stop. One thread.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys

from launchpad import _core
from launchpad.cloud.stopper import STOP_LINE


def run(command: list[str], name: str, notice_secs: float) -> None:
    """Until the container has ended. RuntimeError if it failed.

    Args:
      command: `docker run ...`.
      name: the container's.
      notice_secs: how long it may take to stop; negative: as long as it likes.
    """
    context = _core.context()
    assert context is not None
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def stop() -> None:
        limit = "-1" if notice_secs < 0 else str(int(notice_secs))
        # It may have ended, or not be there yet: then its launcher removes it.
        with contextlib.suppress(OSError):
            subprocess.run(["docker", "stop", "-t", limit, name], capture_output=True, check=False)

    context.add_stop_handler(stop)
    assert process.stderr is not None
    for line in process.stderr:
        if STOP_LINE.strip() in line:
            context.request_stop()
        else:
            sys.stderr.buffer.write(line)
            sys.stderr.flush()
    status = process.wait()
    if status != 0 and not context.stop_requested:
        raise RuntimeError(f"its container exited with status {status}")
