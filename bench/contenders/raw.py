"""The machine's limit for Python: plain sockets between two processes, numpy's copy, and bare
interpreters.

Nothing is framed, pickled or dispatched: what a Python library does on top of this is its own cost.
"""

import os
import selectors
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import works


def read_exactly(sock, view):
    """Fills `view`; False at the end of the stream."""
    while len(view):
        count = sock.recv_into(view)
        if not count:
            return False
        view = view[count:]
    return True


def tcp_pair():
    """Two connected TCP sockets on loopback without Nagle's delay."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    for sock in (ours, theirs):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ours, theirs


class Raw(works.Contender):
    """Each kind of traffic has its own server process, which knows the size of a message."""

    name = "raw-py"

    def __init__(self):
        self.peers = {}

    def _peer(self, key, serve, pair=socket.socketpair):
        if key not in self.peers:
            ours, theirs = pair()
            pid = os.fork()
            if pid == 0:
                ours.close()
                for sock, _ in self.peers.values():
                    sock.close()
                try:
                    serve(theirs)
                finally:
                    os._exit(0)
            theirs.close()
            self.peers[key] = (ours, pid)
        return self.peers[key][0]

    def serve(self):
        """One thread that waits for all connections, and answers whoever has sent something."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("")  # The kernel chooses an address.
        listener.listen(self.most_clients)
        self.address = listener.getsockname()
        pid = os.fork()
        if pid == 0:
            try:
                self._serve_all(listener)
            finally:
                os._exit(0)
        self.peers["clients"] = (listener, pid)

    @staticmethod
    def _serve_all(listener):
        with selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is listener:
                        selector.register(listener.accept()[0], selectors.EVENT_READ)
                        continue
                    data = key.fileobj.recv(64)
                    if data:
                        key.fileobj.sendall(data)
                    else:
                        selector.unregister(key.fileobj)
                        key.fileobj.close()

    def connect(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self.address)

        def call(payload):
            sock.sendall(payload)
            return sock.recv(64)

        return call

    def open(self):
        """The servers of the calls; those of the arrays come when they are needed."""
        self.call(works.PAYLOAD)
        self.call_tcp(works.PAYLOAD)

    def close(self):
        _, listening = self.peers.get("clients", (None, None))
        if listening:
            os.kill(listening, signal.SIGKILL)
        for sock, pid in self.peers.values():
            sock.close()
            os.waitpid(pid, 0)
        self.peers.clear()

    @staticmethod
    def _pong(sock):
        while True:
            data = sock.recv(64)
            if not data:
                return
            sock.sendall(data)

    @staticmethod
    def _stream(sock):
        while True:
            data = sock.recv(1 << 20)
            if not data:
                return
            sock.sendall(data)

    def call(self, payload):
        sock = self._peer("sync", self._pong)
        sock.sendall(payload)
        return sock.recv(64)

    def call_tcp(self, payload):
        sock = self._peer("sync_tcp", self._pong, tcp_pair)
        sock.sendall(payload)
        return sock.recv(64)

    def batch(self, payload, count):
        sock = self._peer("batch", self._stream)
        sock.sendall(payload * count)
        if not read_exactly(sock, memoryview(bytearray(len(payload) * count))):
            raise RuntimeError("the server is gone")

    def _array_peer(self, work, size, pair=socket.socketpair):
        def serve(sock):
            buffer = memoryview(bytearray(size))
            while read_exactly(sock, buffer):
                sock.sendall(buffer if work == "echo" else buffer[:4])

        return self._peer((work, size), serve, pair)

    def echo(self, array):
        sock = self._array_peer("echo", array.nbytes)
        answer = np.empty_like(array)
        sock.sendall(array)
        read_exactly(sock, memoryview(answer).cast("B"))
        return answer

    def send(self, array):
        return self._send(self._array_peer("send", array.nbytes), array)

    def send_tcp(self, array):
        return self._send(self._array_peer("send_tcp", array.nbytes, tcp_pair), array)

    @staticmethod
    def _send(sock, array):
        sock.sendall(array)
        answer = np.empty(1, np.float32)
        read_exactly(sock, memoryview(answer).cast("B"))
        return answer[0]

    def launch(self, nodes):
        """Bare interpreters: what no launcher of fresh Python processes can be faster than."""
        start = time.perf_counter()
        children = [subprocess.Popen([sys.executable, "-c", "pass"]) for _ in range(nodes)]
        for child in children:
            child.wait()
        yield "launch", time.perf_counter() - start

    def measure_extras(self, options):
        """TCP, and numpy's copy."""
        works.measure_sync(self, options, "sync_tcp", self.call_tcp)
        if options.suffix:
            return
        for label in ("16 MiB", "100 MiB"):
            source = np.ones(works.SIZES[label] // 4, np.float32)
            target = np.zeros_like(source)
            times = works.times_of(
                lambda s=source, t=target: np.copyto(t, s), options.seconds / 2, 1, 3
            )
            rate = source.nbytes / works.quantile(times, 0.5) / 1e9
            works.emit(self.name, "memcpy", label, rate, "GB/s")


if __name__ == "__main__":
    works.main(Raw())
