"""Which task of a Vertex AI job runs which node, and how a node finds the others: by what
CLUSTER_SPEC in its environment says. Plain values.
"""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

from launchpad.address import AbstractAddressBuilder
from launchpad.cloud.docker_config import DockerConfig
from launchpad.nodes import colocation
from launchpad.program import Program

# Vertex AI has no more.
MAX_POOLS = 4


@dataclasses.dataclass
class Pool:
    """Equal machines with equal images."""

    name: str
    config: DockerConfig
    image: int  # Pools with one configuration share an image.
    nodes: list[Any]


def pools(program: Program, resources: dict[str, DockerConfig]) -> list[Pool]:
    """The nodes by configurations. The first pool has exactly one replica, as Vertex AI demands.

    Raises:
      ValueError: a label without a DockerConfig, or one that is incomplete.
      RuntimeError: more than four pools.
    """
    for label in resources:
        if label not in program.groups:
            known = ", ".join(map(repr, program.groups))
            raise ValueError(
                f"xm_resources has the label {label!r}, which no node has; there is: {known}"
            )
    found: dict[tuple[Any, ...], tuple[DockerConfig, list[Any]]] = {}
    for label, nodes in program.groups.items():
        config = resources.get(label)
        if not isinstance(config, DockerConfig):
            raise ValueError(
                f"xm_resources needs a DockerConfig for the label {label!r}, not {config!r}"
            )
        config.check(label)
        found.setdefault(config.key(), (config, []))[1].extend(nodes)
    # A group of one node is a first pool as it is.
    ordered = sorted(found.values(), key=lambda group: len(group[1]) != 1)
    parts: list[tuple[int, DockerConfig, list[Any]]] = []
    for image, (config, nodes) in enumerate(ordered):
        cuts = [nodes] if image or len(nodes) == 1 else [nodes[:1], nodes[1:]]
        parts += [(image, config, cut) for cut in cuts]
    if len(parts) > MAX_POOLS:
        raise RuntimeError(
            "Too many nodes with different requirements specified. Vertex AI supports up to "
            f"{MAX_POOLS} worker pools, the first of them with one node; this program needs "
            f"{len(parts)}. Give more labels the same DockerConfig."
        )
    return [
        Pool(f"workerpool{number}", config, image, nodes)
        for number, (image, config, nodes) in enumerate(parts)
    ]


def _spec() -> dict[str, Any]:
    text = os.environ.get("CLUSTER_SPEC")
    if not text:
        raise RuntimeError(
            "CLUSTER_SPEC is not in the environment: this node's addresses are known only in the "
            "container that Vertex AI or local_docker starts"
        )
    return dict(json.loads(text))


def own_task() -> tuple[str, int]:
    """The pool and the number of the task that this process is."""
    task = _spec()["task"]
    return str(task["type"]), int(task["index"])


class VertexAiAddressBuilder(AbstractAddressBuilder):
    """The address of one task. In that task itself: all interfaces of its container.

    Args:
      cluster: the task's pool.
      instance: its number there.
      number: which of the task's addresses; each has a port of its own.
    """

    def __init__(self, cluster: str, instance: int, number: int = 0) -> None:
        self._cluster = cluster
        self._instance = instance
        self._number = number

    def build(self) -> str:
        host, port = str(_spec()["cluster"][self._cluster][self._instance]).rsplit(":", 1)
        if own_task() == (self._cluster, self._instance):
            host = "0.0.0.0"
        return f"{host}:{int(port) + self._number}"


def unbind(program: Program) -> None:
    """Forgets what an earlier launch bound."""
    for node in colocation.with_inner(program.get_all_nodes()):
        for address in node.addresses:
            if isinstance(address.builder, VertexAiAddressBuilder):
                address.bind(None)


def bind(all_pools: list[Pool], max_ports: int | None) -> None:
    """Binds the addresses of the nodes and of those inside of them.

    Raises:
      RuntimeError: a node has more than `max_ports` (None: any number).
      ValueError: a node that cannot be in a container.
    """
    for pool in all_pools:
        for instance, node in enumerate(pool.nodes):
            inner = list(colocation.with_inner([node]))
            if any(hasattr(one, "runs_elsewhere") for one in inner):
                raise ValueError(
                    f"node '{node.core.name}' ({node.kind}) is a binary of this machine, and "
                    "containers run Python nodes only: launch it with local_mp"
                )
            addresses = [address for one in inner for address in one.addresses]
            if max_ports is not None and len(addresses) > max_ports:
                raise RuntimeError(
                    "Vertex AI supports only one port per node. "
                    f"{len(addresses)} requested by {node.core.name}. Put nodes that answer calls "
                    "into colocations of their own."
                )
            for number, address in enumerate(addresses):
                address.bind(VertexAiAddressBuilder(pool.name, instance, number))
