"""What the machine is, for the head of RESULTS.md; and the end of what a run leaves running."""

import contextlib
import ctypes
import datetime
import os
import pathlib
import platform
import signal
import sys
import time

import placement

PR_SET_CHILD_SUBREAPER = 36


def facts():
    """Cores, processor, memory, kernel, Python."""
    text = pathlib.Path("/proc/cpuinfo").read_text()
    models = [
        line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": models[0] if models else platform.machine(),
        "virtual": any(
            "hypervisor" in line for line in text.splitlines() if line.startswith("flags")
        ),
        "memory_gib": round(memory / 2**30),
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "date": datetime.date.today().isoformat(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def adopt_orphans():
    """Makes this process the parent of its descendants' orphans, so that none gets away."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_descendants():
    """Kills what is still below this process, and waits until it is gone."""
    for _ in range(50):
        left = placement.processes_below(os.getpid())
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        if not left:
            return
        time.sleep(0.05)
