"""The process of a node inside of a MultiProcessingColocation, which started it. Its main thread
runs the node.
"""

from __future__ import annotations

import os
import pathlib

from launchpad import worker
from launchpad.nodes.multi_processing_colocation import node


def main() -> None:
    """Runs the node that this process was started for."""
    worker.main(pathlib.Path(os.environ.pop(node.PAYLOAD_VARIABLE)).read_bytes())
