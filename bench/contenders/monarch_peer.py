"""Peer: Monarch (torchmonarch) actors in processes of this host, without torch.

One actor in one spawned process for calls; meshes of 4 and 32 processes for launch.
"""

import time

import works
from monarch.actor import Actor, endpoint, this_host


class Node(Actor):
    """Echoes."""

    @endpoint
    def echo(self, value):
        return value

    @endpoint
    def send(self, array):
        return float(array[0])


class Monarch(works.Contender):
    name = "monarch"
    module, distribution = "monarch.actor", "torchmonarch"

    def open(self):
        self.processes = this_host().spawn_procs({"gpus": 1})
        self.node = self.processes.spawn("node", Node)
        self.call(works.PAYLOAD)

    def close(self):
        self.processes.stop().get()

    def call(self, payload):
        return self.node.echo.call_one(payload).get()

    def batch(self, payload, count):
        pending = [self.node.echo.call_one(payload) for _ in range(count)]
        for future in pending:
            future.get()

    def echo(self, array):
        return self.node.echo.call_one(array).get()

    def send(self, array):
        return self.node.send.call_one(array).get()

    def launch(self, nodes):
        start = time.perf_counter()
        processes = this_host().spawn_procs({"gpus": nodes})
        processes.spawn("nodes", Node).echo.call(works.PAYLOAD).get()
        yield "launch", time.perf_counter() - start
        processes.stop().get()


if __name__ == "__main__":
    works.main(Monarch())
