"""Peer: multiprocessing of the standard library. A Pipe between two processes; spawned and forked
processes.

Objects are pickled by Connection.send, as its users have it. A Pipe has no futures: the pipelined
work keeps 100 messages in flight, which is what fits the sockets' buffers.
"""

import multiprocessing
import time

import works


def serve(connection):
    """Echoes bytes and pairs ('echo' | 'send', array) until None comes."""
    while True:
        message = connection.recv()
        if message is None:
            return
        if isinstance(message, tuple):
            message = message[1] if message[0] == "echo" else float(message[1][0])
        connection.send(message)


def answer_once(connection):
    """A node of the launch work."""
    connection.send(connection.recv())


class Pipe(works.Contender):
    name = "mp-pipe"
    batch_size = 100

    def open(self):
        self.connection, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(target=serve, args=(theirs,))
        self.process.start()

    def close(self):
        self.connection.send(None)
        self.process.join()

    def call(self, payload):
        self.connection.send(payload)
        return self.connection.recv()

    def batch(self, payload, count):
        for _ in range(count):
            self.connection.send(payload)
        for _ in range(count):
            self.connection.recv()

    def echo(self, array):
        self.connection.send(("echo", array))
        return self.connection.recv()

    def send(self, array):
        self.connection.send(("send", array))
        return self.connection.recv()

    def launch(self, nodes):
        for method, work in (("spawn", "launch"), ("fork", "launch_forked")):
            context = multiprocessing.get_context(method)
            start = time.perf_counter()
            started = []
            for _ in range(nodes):
                ours, theirs = multiprocessing.Pipe()
                process = context.Process(target=answer_once, args=(theirs,))
                process.start()
                started.append((ours, process))
            for ours, _ in started:
                ours.send(works.PAYLOAD)
            for ours, _ in started:
                ours.recv()
            yield work, time.perf_counter() - start
            for _, process in started:
                process.join()


if __name__ == "__main__":
    works.main(Pipe())
