"""Which processes are below this one, and on which core they run.

Used by the runner and, inside the contenders, to give client and server a core each.
Readable by Python 3.8.
"""

import contextlib
import os


def processes_below(root):
    """The ids of all processes below `root`."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(name))
    found, unseen = [], [root]
    while unseen:
        below = children.get(unseen.pop(), [])
        found += below
        unseen += below
    return found


def pin(process, core):
    """Puts all threads of a process on a core."""
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{process}/task"):
            with contextlib.suppress(OSError):
                os.sched_setaffinity(int(thread), {core})


def split(cores):
    """This process on the first core, all that it has started on the second."""
    for process in processes_below(os.getpid()):
        pin(process, cores[1])
    pin(os.getpid(), cores[0])
