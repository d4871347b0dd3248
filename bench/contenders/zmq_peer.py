"""Peer: pyzmq over ipc. REQ/REP for calls and arrays, DEALER/ROUTER for pipelined calls.

Small payloads go as bare bytes. Arrays go as a pickle of protocol 5 with its buffers as message
parts of their own, without copies where zmq allows it: the receiver's array is a view of the
message.
"""

import os
import pickle
import subprocess
import sys
import tempfile
import threading

import works
import zmq

KINDS = (("REQ", "REP"), ("DEALER", "ROUTER"))  # Ours and the server's.


def pack(value):
    """Message parts of a value: the pickle, then its buffers."""
    buffers = []
    head = pickle.dumps(value, 5, buffer_callback=buffers.append)
    return [head] + [b.raw() for b in buffers]


def unpack(parts):
    """The value of message parts."""
    return pickle.loads(parts[0].buffer, buffers=[p.buffer for p in parts[1:]])


def serve_arrays(socket):
    """REP: one part is bare bytes and goes back; more are a value to echo or to look at."""
    while True:
        parts = socket.recv_multipart(copy=False)
        if len(parts) == 1:
            socket.send(parts[0].bytes)
            continue
        work, array = unpack(parts)
        socket.send_multipart(pack(array if work == "echo" else float(array[0])), copy=False)


def serve_calls(socket):
    """ROUTER: every message goes back to where it came from."""
    while True:
        socket.send_multipart(socket.recv_multipart())


class Zmq(works.Contender):
    name = "pyzmq"
    module, distribution = "zmq", "pyzmq"

    def serve(self):
        self.folder = tempfile.TemporaryDirectory()
        self.servers, self.context = [], None
        for kind, theirs in KINDS:
            command = [sys.executable, __file__, "--serve", theirs, self._address(kind)]
            self.servers.append(subprocess.Popen(command, stdin=subprocess.PIPE))

    def _address(self, kind):
        return "ipc://" + os.path.join(self.folder.name, kind)

    def _socket(self, context, kind):
        socket = context.socket(getattr(zmq, kind))
        socket.set_hwm(0)
        socket.linger = 0
        socket.connect(self._address(kind))
        return socket

    def connect(self):
        socket = self._socket(zmq.Context(), "REQ")

        def call(payload):
            socket.send(payload)
            return socket.recv()

        return call

    def open(self):
        self.serve()
        self.context = zmq.Context()
        self.sockets = {kind: self._socket(self.context, kind) for kind, _ in KINDS}

    def close(self):
        if self.context:
            self.context.destroy()
        for server in self.servers:
            server.stdin.close()
            server.wait()
        self.folder.cleanup()

    def call(self, payload):
        self.sockets["REQ"].send(payload)
        return self.sockets["REQ"].recv()

    def batch(self, payload, count):
        socket = self.sockets["DEALER"]
        for _ in range(count):
            socket.send(payload)
        for _ in range(count):
            socket.recv()

    def _exchange(self, value):
        self.sockets["REQ"].send_multipart(pack(value), copy=False)
        return unpack(self.sockets["REQ"].recv_multipart(copy=False))

    def echo(self, array):
        return self._exchange(("echo", array))

    def send(self, array):
        return self._exchange(("send", array))


def main_server(kind, address):
    """Serves in a thread until standard input is closed."""
    socket = zmq.Context().socket(getattr(zmq, kind))
    socket.set_hwm(0)
    socket.bind(address)
    serve = serve_arrays if kind == "REP" else serve_calls
    threading.Thread(target=serve, args=(socket,), daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    if "--serve" in sys.argv:
        main_server(*sys.argv[-2:])
    else:
        works.main(Zmq())
