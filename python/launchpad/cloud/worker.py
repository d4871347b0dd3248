"""The main of a container: `python -m launchpad.cloud.worker FOLDER` runs the node of FOLDER that
CLUSTER_SPEC says this task is, as a process that it watches: SIGTERM asks the node to stop.
"""

from __future__ import annotations

import os
import pickle
import sys

from launchpad import _core, errors
from launchpad.cloud import cluster


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m launchpad.cloud.worker FOLDER")
    pool, instance = cluster.own_task()
    with open(os.path.join(sys.argv[1], f"{pool}-{instance}.pkl"), "rb") as file:
        payload = file.read()
    # Containers inherit no descriptors: see image.py.
    token = _core.Token.read(os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])), "token"))
    try:
        run(f"{pool}-{instance}", payload, token)
    except errors.NodeFailed as error:
        sys.exit(str(error))


def run(name: str, payload: bytes, token: _core.Token) -> None:
    """Until the node of the payload has ended. NodeFailed if it failed. `token` is what the nodes
    of all containers of this job prove to each other.
    """
    from absl import flags

    from launchpad import flags as own_flags
    from launchpad.launch import start, worker_manager

    # The launcher's flags are this one's too.
    flags.FLAGS(pickle.loads(payload)["argv"], known_only=True)
    node = _core.Node("container", False)
    node.set_payload(lambda: payload)
    node.set_command([sys.executable, "-c", start.WORKER], {}, "")
    node.set_place([], "-")
    program = _core.Program(name)
    program.add(node, name, "")
    notice = own_flags.TERMINATION_NOTICE_SECS.value
    launched = _core.launch(program, "local_mp", notice, own_flags.RUN_DIR.value, True, token=token)
    worker_manager.WorkerManager(_run=launched).wait()


if __name__ == "__main__":
    main()
