"""The main of a container: `python -m launchpad.cloud.worker FOLDER` runs the node of FOLDER that
CLUSTER_SPEC says this task is, in the main thread.
"""

from __future__ import annotations

import os
import sys

from launchpad import worker
from launchpad.cloud import cluster


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m launchpad.cloud.worker FOLDER")
    pool, instance = cluster.own_task()
    with open(os.path.join(sys.argv[1], f"{pool}-{instance}.pkl"), "rb") as payload:
        function = worker._load(payload.read())
    function()


if __name__ == "__main__":
    main()
