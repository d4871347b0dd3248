"""Tokens: who has none, or another one, is not served, and nothing that a stranger sends is read.

Where the system lets a test have a network of its own, what leaves the loopback interface is tried
there; else at this machine's own address, or, if it has none, on the loopback interface alone.
"""

from __future__ import annotations

import functools
import os
import struct

import cloudpickle
import pytest

import courier
from launchpad.errors import StatusCode, StatusNotOk

TOKEN = "0123456789abcdef, a token"
OTHER = "another token of the same length"
_HELLO, _CALL = 1, 3


@pytest.fixture
def served(serve):
    """Makes servers that answer `double`."""
    return functools.partial(serve, double=lambda x: 2 * x)


def test_text_bytes_and_a_file_are_the_same_token(served, tmp_path):
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text(TOKEN + "\n")
    for ours in (TOKEN, TOKEN.encode(), path):
        server = served(token=ours)
        for theirs in (TOKEN, TOKEN.encode(), path):
            assert courier.Client(server.address, token=theirs).double(2) == 4


def test_another_token_or_none_is_an_error_that_names_the_mend(served):
    server = served(token=TOKEN)
    for token in (OTHER, None):
        with pytest.raises(
            StatusNotOk, match=r"give (both|the client) the same .*`token`"
        ) as error:
            courier.Client(server.address, token=token).double(2)
        assert error.value.code == StatusCode.PERMISSION_DENIED


def test_a_client_with_a_token_calls_no_server_without(served):
    with pytest.raises(StatusNotOk, match="the server has no token: start it with"):
        courier.Client(served().address, token=TOKEN).double(2)


def test_a_client_takes_its_token_along(served):
    client = courier.Client(served(token=TOKEN).address, token=TOKEN)
    assert cloudpickle.loads(cloudpickle.dumps(client)).double(2) == 4
    uses = served()
    uses.Bind("use", lambda other: other.double(3))
    assert courier.Client(uses.address).use(client) == 6


def test_bad_tokens_are_errors(tmp_path):
    with pytest.raises(ValueError, match=r"16 to 4096 bytes, this has 6: .*openssl rand -hex 32"):
        courier.Server(token="secret")
    with pytest.raises(TypeError, match=r"pathlib\.Path of a file that has it, not int"):
        courier.Client("localhost:1", token=7)
    with pytest.raises(FileNotFoundError):
        courier.Server(token=tmp_path / "none")
    path = tmp_path / "open"
    path.touch(0o644)
    path.write_text(TOKEN)
    path.chmod(0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        courier.Server(token=path)


def test_a_server_that_others_reach_needs_a_token():
    with pytest.raises(ValueError, match=r"others than this host can reach .*`token`.*localhost"):
        courier.Server(host="0.0.0.0").Start()
    server = courier.Server(host="0.0.0.0", token=TOKEN)
    server.Start()
    assert courier.list_methods(courier.Client(f"localhost:{server.port}", token=TOKEN)) == []
    server.Stop()


def frame(kind: int, method: bytes, body: bytes) -> bytes:
    """As cpp/launchpad/wire/frame.h has it."""
    head = struct.pack("<IBBHIIQQ", 0x3143504C, kind, 0, len(method), 0, len(body), 1, 0)
    assert len(head) == 32
    return head + method + body


STRANGERS = """
import pathlib, socket, sys
import courier
server = courier.Server("guarded", token=sys.argv[2])
server.Bind("take", lambda value: value)
server.Start()
for file in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    with socket.create_connection(("localhost", server.port)) as stranger:
        stranger.sendall(file.read_bytes())
        answer = b""
        while more := stranger.recv(4096):
            answer += more
        print("told", file.name, len(answer), flush=True)
print(courier.Client(server.address, token=sys.argv[2]).take("served"), flush=True)
server.Stop()
"""


class Bomb:
    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self):
        return open, (self._path, "w")


def test_strangers_are_closed_with_a_line_each_and_no_pickle_is_loaded(run, tmp_path):
    bombed = tmp_path / "bombed"
    bomb = cloudpickle.dumps(((Bomb(str(bombed)),), {}))
    cloudpickle.loads(bomb)[0][0].close()  # It would go off.
    bombed.unlink()
    sent = tmp_path / "sent"
    sent.mkdir()
    (sent / "a-noise").write_bytes(b"\xff" + os.urandom(3000))
    (sent / "b-http").write_bytes(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")
    (sent / "c-pickle").write_bytes(bomb)
    (sent / "d-proof").write_bytes(b"LPP1" + bytes(36) + bomb)
    (sent / "e-call").write_bytes(frame(_CALL, b"take", bomb))
    (sent / "f-hello").write_bytes(frame(_HELLO, b"", b"\x96\x03") + frame(_CALL, b"take", bomb))
    ended = run(STRANGERS, str(sent), TOKEN)
    assert ended.status == 0, ended.err
    assert "served" in ended.out
    assert not bombed.exists()
    lines = [line for line in ended.err.splitlines() if "closed a connection from" in line]
    assert len(lines) == 6, ended.err
    # Only who speaks courier is told what is missing; who guesses gets the server's nonce and mac.
    told = [int(line.split()[2]) for line in ended.out.splitlines() if line.startswith("told")]
    assert told[:4] == [0, 0, 0, 72]


PROGRAM = """
import os, pathlib, sys
import launchpad as lp
from launchpad import _core
from absl import app

TOKEN = "a token that nobody has chosen before"
launch = _core.launch
_core.launch = lambda *args: launch(*args, token=_core.Token(TOKEN.encode()))

class Server:
    def double(self, x):
        return 2 * x

def processes():
    # The launcher's, and those of its children that are no fork server's but nodes of this program.
    parent = os.getppid()
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (int(entry.name) == parent or
                    f"PPid:\\t{parent}\\n" in (entry / "status").read_text()):
                yield (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        except OSError:
            pass  # It has ended.

def look(server):
    found = list(processes())
    context = _core.context()
    print("has", repr(context.token), server.double(2), len(found) >= 3,
          any(TOKEN.encode() in text for pair in found for text in pair), flush=True)
    lp.stop()

def main(argv):
    program = lp.Program("p")
    server = program.add_node(lp.CourierNode(Server), label="server")
    program.add_node(lp.PyNode(look, server), label="look")
    lp.launch(program, launch_type="local_mp")

if __name__ == "__main__":
    app.run(main)
"""


@pytest.mark.parametrize("flags", [[], ["--lp_no_forkserver"]], ids=["forked", "afresh"])
def test_workers_have_the_run_token_neither_in_arguments_nor_in_their_environment(run, flags):
    ended = run(PROGRAM, *flags)
    assert ended.status == 0, ended.err
    assert "[look/0] has <Token> 4 True False" in ended.out


NETWORK = """
import ctypes, fcntl, os, socket, struct, sys, threading

def own_address():
    '''An address that is not of the loopback interface's.'''
    libc, uid, gid = ctypes.CDLL(None, use_errno=True), os.getuid(), os.getgid()
    new_user = 0 if uid == 0 else 0x10000000
    if libc.unshare(0x40000000 | new_user) == 0:
        if new_user:
            open("/proc/self/setgroups", "w").write("deny")
            open("/proc/self/uid_map", "w").write(f"{uid} {uid} 1")
            open("/proc/self/gid_map", "w").write(f"{gid} {gid} 1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            for name, address in ((b"lo", "127.0.0.1"), (b"lo:1", "10.9.8.7")):
                fcntl.ioctl(one, 0x8916, struct.pack("16sHH4s8s", name, socket.AF_INET, 0,
                                                     socket.inet_aton(address), bytes(8)))
                fcntl.ioctl(one, 0x8914, struct.pack("16sH14s", name, 0x41, bytes(14)))
        return "10.9.8.7"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.connect(("192.0.2.1", 9))
            return one.getsockname()[0]
        except OSError:
            return "127.0.0.1"

class Relay:
    '''Between clients and a server: it hears all, and may change a byte.'''

    def __init__(self, host, port, spoils=-1):
        self.heard, self._to, self._spoils = b"", (host, port), spoils
        self._door = socket.create_server((host, 0))
        self.address = f"{host}:{self._door.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            client, _ = self._door.accept()
            server = socket.create_connection(self._to)
            for ends in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=ends, daemon=True).start()

    def _pass(self, source, sink):
        try:
            while some := source.recv(65536):
                at = self._spoils - len(self.heard)
                self.heard += some
                if 0 <= at < len(some):
                    some = some[:at] + bytes([some[at] ^ 1]) + some[at + 1:]
                sink.sendall(some)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            sink.close()  # An end has closed, as the one that is spoilt does.
"""

BEYOND = (
    NETWORK
    + """
HOST = own_address()
import courier
server = courier.Server(host="0.0.0.0", token="0123456789abcdef, a token")
server.Bind("echo", lambda x: x)
server.Start()
relay = Relay(HOST, server.port)
client = courier.Client(relay.address, token="0123456789abcdef, a token")
secret = b"a secret that nobody else hears" * 10000
assert client.echo(secret) == secret
print(HOST != "127.0.0.1", secret[:30] in relay.heard, len(relay.heard) > 2 * len(secret))
try:
    print(courier.Client(relay.address, call_timeout=10).echo(1))
except Exception as error:
    print("without:", error)
spoiling = Relay(HOST, server.port, spoils=3000)
try:
    print(courier.Client(spoiling.address, token="0123456789abcdef, a token",
                         wait_for_ready=False, call_timeout=10).echo(secret))
except Exception as error:
    print("spoilt:", error.code)
server.Stop()
"""
)


def test_beyond_the_loopback_interface_nobody_between_hears_or_changes_anything(run):
    ended = run(BEYOND)
    assert ended.status == 0, ended.err
    if "127.0.0.1" in ended.out:
        return  # This machine has no other address, and gives none: loopback needs no secrecy.
    assert "True False True" in ended.out
    assert "is beyond this host's loopback interface" in ended.out
    assert "(`token`)" in ended.out
    assert "spoilt: StatusCode.UNAVAILABLE" in ended.out


NODES = (
    NETWORK
    + """
HOST = own_address()
import launchpad as lp
import courier
from absl import app

def serve(port):
    server = courier.Server(host=HOST, port=port)
    server.Bind("double", lambda x: 2 * x)
    server.Start()
    lp.wait_for_stop()
    server.Stop()

def ask(port):
    print("says", courier.Client(f"{HOST}:{port}", call_timeout=20).double(2), flush=True)
    try:
        courier.Client(f"{HOST}:{port}", token="0123456789abcdef, a token").double(2)
    except Exception as error:
        print("other", error.code, flush=True)
    lp.stop()

def main(argv):
    with socket.create_server((HOST, 0)) as one:
        port = one.getsockname()[1]
    program = lp.Program("p")
    program.add_node(lp.PyNode(serve, port), label="serve")
    program.add_node(lp.PyNode(ask, port), label="ask")
    lp.launch(program, launch_type=argv[1])

if __name__ == "__main__":
    app.run(main)
"""
)


@pytest.mark.parametrize("launch_type", ["local_mp", "local_mt"])
def test_nodes_of_one_program_need_no_token_of_their_own_beyond_loopback(run, launch_type):
    ended = run(NODES, launch_type)
    assert ended.status == 0, ended.err
    assert "says 4" in ended.out
    assert "StatusCode.PERMISSION_DENIED" in ended.out


def test_a_nodes_port_takes_host_and_token(run):
    ended = run(
        """
        import courier
        import launchpad as lp

        class Server:
            def double(self, x):
                return 2 * x

        def ask(port):
            token = "0123456789abcdef, a token"
            print(courier.Client(f"localhost:{port}", token=token).double(2), flush=True)
            lp.stop()

        import socket
        with socket.create_server(("localhost", 0)) as one:
            port = one.getsockname()[1]
        program = lp.Program("p")
        kwargs = {"port": port, "host": "0.0.0.0", "token": "0123456789abcdef, a token"}
        program.add_node(lp.CourierNode(Server, courier_kwargs=kwargs), label="server")
        program.add_node(lp.PyNode(ask, port), label="ask")
        lp.launch(program, launch_type="local_mt")
        """
    )
    assert ended.status == 0, ended.err
    assert "4" in ended.out
