"""The contenders: what each is, which program runs it, and in which environment.

Plain data; run.py runs it, report.py names it. A new peer is a program in contenders/ or cpp/ and a
row here.
"""

import dataclasses

LIMIT, OURS, PEERS = "raw", "ours", "peers"


@dataclasses.dataclass(frozen=True)
class Environment:
    """A virtual environment: its packages, and its Python if that is not the runner's own."""

    packages: tuple
    python: str = ""
    distribution: str = ""  # Whose version is told.


@dataclasses.dataclass(frozen=True)
class Entry:
    """One contender. `environment`: a key of ENVIRONMENTS, 'own' (the runner's) or 'cpp'."""

    name: str
    group: str
    language: str
    environment: str
    program: str
    what: str
    arguments: tuple = ()


ENVIRONMENTS = {
    "grpc": Environment(("grpcio==1.85.1", "numpy"), distribution="grpcio"),
    "zmq": Environment(("pyzmq==27.3.0", "numpy"), distribution="pyzmq"),
    "ray": Environment(("ray==2.60.0", "numpy"), distribution="ray"),
    "monarch": Environment(("torchmonarch==0.7.0", "numpy"), distribution="torchmonarch"),
    "dm": Environment(
        (
            "dm-launchpad==0.5.0",
            "dm-reverb==0.7.0",
            "tensorflow==2.8.*",
            "numpy<1.24",
            "protobuf<3.21",
        ),
        python="3.8",
        distribution="dm-launchpad",
    ),
    # Its last TensorFlow is 2.15, which has no wheel for a Python after 3.11.
    "reverb": Environment(
        ("dm-reverb[tensorflow]==0.14.0", "numpy<2"), python="3.11", distribution="dm-reverb"
    ),
    "cpprb": Environment(("cpprb==11.0.0", "numpy"), distribution="cpprb"),
    "torchrl": Environment(("torchrl==0.14.1", "numpy"), distribution="torchrl"),
    "flashbax": Environment(("flashbax==0.1.3", "numpy"), distribution="flashbax"),
}

COURIER, REVERB, PRIORITIZED = "courier_api.py", "reverb_api.py", "prioritized_peer.py"
ENTRIES = (
    Entry("raw-cpp", LIMIT, "cpp", "cpp", "raw", "bare system calls in C++"),
    Entry("raw-py", LIMIT, "py", "own", "raw.py", "bare sockets and interpreters in Python"),
    Entry("ours-cpp", OURS, "cpp", "cpp", "ours", "Launchpad in C++, inside a launched program"),
    Entry(
        "courier-cpp",
        OURS,
        "cpp",
        "cpp",
        "courier",
        "a courier server of its own in C++, at a Unix socket",
    ),
    Entry("replay-cpp", OURS, "cpp", "cpp", "replay", "replay in C++, a server at a Unix socket"),
    Entry(
        "replay-py",
        OURS,
        "py",
        "own",
        REVERB,
        "replay in Python (`import reverb`), a server at its address",
        ("--name", "replay-py"),
    ),
    Entry(
        "ours-py",
        OURS,
        "py",
        "own",
        COURIER,
        "Launchpad in Python, inside a launched program",
        ("--name", "ours-py"),
    ),
    Entry(
        "ours-py-tcp",
        OURS,
        "py",
        "own",
        COURIER,
        "a courier.Server of its own, at its address",
        ("--name", "ours-py-tcp"),
    ),
    Entry("mp-pipe", PEERS, "py", "own", "pipe_peer.py", "multiprocessing Pipe and Process"),
    Entry("pyzmq", PEERS, "py", "zmq", "zmq_peer.py", "pyzmq over ipc: REQ/REP, DEALER/ROUTER"),
    Entry(
        "dm-launchpad",
        PEERS,
        "py",
        "dm",
        COURIER,
        "upstream Launchpad and courier",
        ("--name", "dm-launchpad"),
    ),
    Entry("dm-reverb", PEERS, "py", "reverb", REVERB, "upstream Reverb", ("--name", "dm-reverb")),
    *(
        Entry(name, PEERS, "py", name, PRIORITIZED, what, ("--name", name))
        for name, what in (
            ("cpprb", "cpprb's PrioritizedReplayBuffer"),
            ("torchrl", "TorchRL's TensorDictPrioritizedReplayBuffer"),
            ("flashbax", "flashbax's prioritised trajectory buffer on jax"),
        )
    ),
    Entry("grpc-py", PEERS, "py", "grpc", "grpc_peer.py", "gRPC for Python over a Unix socket"),
    Entry("monarch", PEERS, "py", "monarch", "monarch_peer.py", "Monarch actors"),
    Entry("ray", PEERS, "py", "ray", "ray_peer.py", "Ray actors"),
    Entry("grpc-cpp", PEERS, "cpp", "cpp", "grpc_peer", "gRPC C++ over a Unix socket"),
)


def chosen(only=(), peers=True):
    """The entries whose name or group is in `only` (all, if empty), with or without peers."""
    wanted = [e for e in ENTRIES if not only or e.name in only or e.group in only]
    unknown = set(only) - {e.name for e in ENTRIES} - {LIMIT, OURS, PEERS}
    if unknown:
        raise ValueError("unknown contender: " + ", ".join(sorted(unknown)))
    return [e for e in wanted if peers or e.group != PEERS]
