"""Peer: Ray actors on this machine, with arrays through its object store.

Launch is measured with ray.init() already done; launch_with_init adds the seconds that init took.
The dashboard is off, and every address is loopback.
"""

import os
import tempfile
import time

import numpy as np
import ray
import works


@ray.remote(num_cpus=0)
class Node:
    """Echoes."""

    def echo(self, value):
        return value

    def send(self, array):
        return float(array[0])

    def stream(self, count):
        for _ in range(count):
            yield works.PAYLOAD


class Ray(works.Contender):
    name = "ray"
    module, distribution = "ray", "ray"
    stream_size = works.BATCH  # More would take as long as all the rest.
    init_seconds = None

    def init(self):
        """Starts Ray, once."""
        if self.init_seconds is None:
            start = time.perf_counter()
            ray.init(
                num_cpus=2,
                include_dashboard=False,
                object_store_memory=2 << 30,
                _temp_dir=os.path.join(tempfile.gettempdir(), "r"),
                _node_ip_address="127.0.0.1",
                log_to_driver=False,
                logging_level="ERROR",
            )
            self.init_seconds = time.perf_counter() - start

    def open(self):
        self.init()
        self.node = Node.remote()
        ray.get(self.node.send.remote(np.zeros(1, np.float32)))

    def close(self):
        ray.kill(self.node)

    def call(self, payload):
        return ray.get(self.node.echo.remote(payload))

    def batch(self, payload, count):
        ray.get([self.node.echo.remote(payload) for _ in range(count)])

    def stream(self, count):
        results = self.node.stream.options(num_returns="streaming").remote(count)
        return (ray.get(result) for result in results)

    def echo(self, array):
        return ray.get(self.node.echo.remote(array))

    def send(self, array):
        return ray.get(self.node.send.remote(array))

    def launch(self, nodes):
        self.init()
        start = time.perf_counter()
        started = [Node.remote() for _ in range(nodes)]
        ray.get([node.echo.remote(works.PAYLOAD) for node in started])
        seconds = time.perf_counter() - start
        for node in started:
            ray.kill(node)
        yield "launch", seconds
        yield "launch_with_init", seconds + self.init_seconds


if __name__ == "__main__":
    works.main(Ray())
    ray.shutdown()
