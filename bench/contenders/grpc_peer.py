"""Peer: gRPC for Python over a Unix socket, with generic handlers, so no generated code.

Small payloads go as bare bytes, which is the least that gRPC costs; arrays as pickles of protocol
5.
"""

import os
import pickle
import subprocess
import sys
import tempfile
from concurrent import futures

import grpc
import works

UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


def serve(address):
    """Serves until standard input is closed."""

    def send(request, _):
        return pickle.dumps(float(pickle.loads(request)[0]))

    def echo_array(request, _):
        return pickle.dumps(pickle.loads(request), 5)

    methods = dict(echo=lambda request, _: request, echo_array=echo_array, send=send)
    handlers = {k: grpc.unary_unary_rpc_method_handler(f) for k, f in methods.items()}
    handlers["stream"] = grpc.unary_stream_rpc_method_handler(
        lambda count, _: (works.PAYLOAD for _ in range(int(count)))
    )
    server = grpc.server(futures.ThreadPoolExecutor(4), options=UNLIMITED)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("bench", handlers)])
    server.add_insecure_port(address)
    server.start()
    sys.stdin.read()
    server.stop(None)


class Grpc(works.Contender):
    name = "grpc-py"
    most_clients = 64  # More take as long to connect as all the rest.
    module, distribution = "grpc", "grpcio"

    def serve(self):
        self.folder = tempfile.TemporaryDirectory()
        self.address = "unix:" + os.path.join(self.folder.name, "s")
        command = [sys.executable, __file__, "--serve", self.address]
        self.server = subprocess.Popen(command, stdin=subprocess.PIPE)
        self.channel = None

    def connect(self):
        self._open_channel()
        return self.channel.unary_unary("/bench/echo")

    def _open_channel(self):
        self.channel = grpc.insecure_channel(self.address, options=UNLIMITED)
        grpc.channel_ready_future(self.channel).result(timeout=20)

    def open(self):
        self.serve()
        self._open_channel()
        self.methods = {
            k: self.channel.unary_unary("/bench/" + k) for k in ("echo", "echo_array", "send")
        }

    def close(self):
        if self.channel:
            self.channel.close()
        self.server.stdin.close()
        self.server.wait()
        self.folder.cleanup()

    def call(self, payload):
        return self.methods["echo"](payload)

    def batch(self, payload, count):
        pending = [self.methods["echo"].future(payload) for _ in range(count)]
        for future in pending:
            future.result()

    def stream(self, count):
        return self.channel.unary_stream("/bench/stream")(str(count).encode())

    def echo(self, array):
        return pickle.loads(self.methods["echo_array"](pickle.dumps(array, 5)))

    def send(self, array):
        return pickle.loads(self.methods["send"](pickle.dumps(array, 5)))


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve(sys.argv[-1])
    else:
        works.main(Grpc())
