"""The command `reverb_server`, as a process: it serves what its text says, until a signal."""

from __future__ import annotations

import pathlib
import re
import signal
import sys

import pytest
from conftest import ROOT
from reverb_tables import LIMIT, drain, wait_until

import reverb

MODULE = [sys.executable, "-m", "reverb.server_executable.server_main"]
QUEUE = """
tables {
  table_name: "q"
  max_size: 3
  max_times_sampled: 1
  rate_limiter { samples_per_insert: 1 min_size_to_sample: 1 min_diff: 0 max_diff: 3 }
  sampler { fifo: true }
  remover { lifo: true }
}
"""


def address_of(process):
    return process.read_until("serves").split()[1]


@pytest.fixture
def free_port():
    """A port at which nobody listens any more."""
    server = reverb.Server([reverb.Table.queue("q", 1)])
    server.stop()
    return server.port


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_the_tables_of_a_text_until_a_signal_and_exits_with_0(start, ending):
    process = start(command=[*MODULE, "--config", QUEUE])
    client = reverb.Client(address_of(process))
    for number in range(3):
        client.insert([number], {"q": 1.0}, timeout=LIMIT)
    assert drain(client, "q", 3) == [[[0]], [[1]], [[2]]]
    info = client.server_info(LIMIT)["q"]
    assert (info.max_size, info.max_times_sampled) == (3, 1)
    assert info.sampler_options.fifo and info.remover_options.lifo
    process.send(ending)
    assert process.end() == 0
    assert process.err == ""


def test_it_serves_at_the_port_of_a_file_on_the_loopback_interface(start, tmp_path, free_port):
    file = tmp_path / "tables.textproto"
    file.write_text(f"port: {free_port} # A comment.\n{QUEUE}")
    process = start(command=[*MODULE, f"--config={file}"])
    assert process.read_until("serves") == f"reverb_server: localhost:{free_port} serves q"
    assert listening(process.pid) == {"0100007F"}
    assert "q" in reverb.Client(f"localhost:{free_port}").server_info(LIMIT)


def listening(pid: int) -> set[str]:
    """The IPv4 and IPv6 addresses at which a process listens, as the kernel writes them."""
    folder = pathlib.Path(f"/proc/{pid}")
    opened = {str(fd.readlink()) for fd in (folder / "fd").iterdir()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in (folder / "net" / table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in opened:
                found.add(words[1].split(":")[0])
    return found


def test_who_waits_for_a_table_hears_that_it_ends(start):
    process = start(command=[*MODULE, "--config", QUEUE])
    client = reverb.Client(address_of(process))
    writer = client.trajectory_writer(1)
    for number in range(4):
        writer.append([number])
        writer.create_item("q", 1.0, [writer.history[0][-1:]])
    # The fourth waits for room.
    wait_until(lambda: client.server_info(LIMIT)["q"].current_size == 3)
    process.send(signal.SIGTERM)
    with pytest.raises(RuntimeError, match=r"stops|has stopped"):
        writer.flush(timeout_ms=int(LIMIT * 1000))
    assert process.end() == 0


def test_the_text_that_the_page_shows_can_be_served(start):
    page = (ROOT / "docs" / "replay.md").read_text()
    (shown,) = re.findall(r"^```\n(port: 8000\n.*?)^```$", page, re.MULTILINE | re.DOTALL)
    process = start(command=[*MODULE, "--config", shown.replace("8000", "0")])
    assert process.read_until("serves").endswith(" serves queue")


def test_what_a_text_says_of_a_table_and_is_not_used_is_told(start):
    told = QUEUE.replace("max_size", "signature { none_value {} } num_unique_samples: 3 max_size")
    process = start(command=[*MODULE, "--config", told])
    line = process.read_until_error("not used")
    assert line.endswith("--config: tables[0] ('q'): not used: signature, num_unique_samples")
    assert address_of(process)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "--config: At least one table must be provided"),
        ("no_such.textproto", "--config: there is no file 'no_such.textproto', and it is no text"),
        ("prt: 8000", "--config:1:1: ReverbServerConfig has no field prt; did you mean port?"),
        (f"port: 70000 {QUEUE}", "the port is no number from 0 to 65535"),
        (QUEUE * 2, "--config: Multiple items in tables have the same name: q"),
        (QUEUE.replace("max_size: 3", ""), "tables[0] ('q'): max_size (0) must be a positive"),
        (QUEUE.replace("fifo: true", ""), "('q'): sampler: the distribution is not set"),
        (QUEUE.replace("lifo: true", "lifo: false"), "remover: the distribution is lifo, but"),
    ],
    ids=["empty", "no file", "field", "port", "twice", "size", "no sampler", "false"],
)
def test_a_text_that_cannot_be_served_is_refused_with_2_and_the_reason(run, text, why):
    process = run(command=[*MODULE, f"--config={text}"])
    assert process.status == 2
    assert process.out == ""
    assert why in process.err and process.err.startswith("reverb_server: ")
    assert process.err.count("\n") == 1


def test_a_file_that_cannot_be_served_is_named_with_the_place(run, tmp_path):
    file = tmp_path / "tables.textproto"
    file.write_text("port: 0\ntables {\n  table_nam: 'q'\n}\n")
    process = run(command=[*MODULE, "--config", str(file)])
    assert process.status == 2
    assert process.err == (
        f"reverb_server: {file}:3:3: PriorityTableCheckpoint has no field table_nam; "
        "did you mean table_name?\n"
    )
    file.write_bytes(b"\xff")
    assert run(command=[*MODULE, "--config", str(file)]).err.startswith(f"reverb_server: {file}: ")
    folder = run(command=[*MODULE, "--config", str(tmp_path)])
    assert (folder.status, folder.err) == (2, f"reverb_server: {tmp_path}: Is a directory\n")


def test_a_port_that_is_taken_is_refused(run):
    server = reverb.Server([reverb.Table.queue("q", 1)])
    process = run(command=[*MODULE, f"--config=port: {server.port} {QUEUE}"])
    server.stop()
    assert process.status == 2
    assert f"another server already listens at 'localhost:{server.port}'" in process.err


def test_the_command_is_installed_and_wants_a_config(run):
    command = pathlib.Path(sys.executable).with_name("reverb_server")
    process = run(command=[str(command)])
    assert process.status == 2
    assert "--config" in process.err and "Traceback" not in process.err
