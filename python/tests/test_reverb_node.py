"""lp.ReverbNode: replay tables as a node of a program."""

from __future__ import annotations

import os
import pathlib
import pickle
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from absl.testing import absltest
from reverb_tables import LIMIT, table

import launchpad as lp
import reverb
from launchpad.launch.test_multi_threading import address_builder

PROGRAM = pathlib.Path(__file__).with_name("reverb_program.py")
SHARDED = pathlib.Path(__file__).with_name("sharded_program.py")


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_an_agent_of_actors_replay_and_learner_runs(run, launch_type):
    ended = run(command=[sys.executable, str(PROGRAM), f"--lp_launch_type={launch_type}", "20"])
    assert ended.status == 0, ended.err
    assert "learnt from 2 actors" in ended.out
    assert ended.out.endswith("ended\n")
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_three_shards_are_one_table_whose_items_are_sampled_by_their_weights(
    run, launch_type, tmp_path
):
    command = [sys.executable, str(SHARDED), f"--lp_launch_type={launch_type}", str(tmp_path)]
    ended = run(command=command)
    assert ended.status == 0, ended.err
    assert "one table of three shards" in ended.out
    for shard in range(3):
        assert (tmp_path / "checkpoints" / f"shard-{shard}").is_dir()
        assert "table t" in (tmp_path / f"shard-{shard}" / "replay.txt").read_text()


def test_a_node_has_at_least_one_shard():
    with pytest.raises(ValueError, match=r"num_shards \(0\) must be a positive integer"):
        lp.ReverbNode(list, num_shards=0)


def test_drawing_and_importing_launchpad_do_not_import_reverb():
    code = (
        "import sys, launchpad as lp; p = lp.Program('p'); p.add_node(lp.ReverbNode(list), "
        "label='replay'); assert 'reverb' not in sys.modules, 'imported'"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("delta", [0, -1])
def test_a_time_between_checkpoints_is_positive(delta):
    with pytest.raises(ValueError, match=r"Replay checkpoint time delta must be positive"):
        lp.ReverbNode(list, checkpoint_time_delta_minutes=delta)


def test_a_handle_becomes_a_client_of_a_node_that_is_run_by_hand():
    node = lp.ReverbNode(lambda: [table()])
    handle = node.create_handle()
    with pytest.raises(AttributeError, match=r"need to dereference handle before use"):
        handle.insert([1], {"t": 1.0})
    address_builder.bind_addresses([node])
    assert node.reverb_address.resolve().startswith("localhost:")
    client = handle.dereference()
    assert isinstance(client, reverb.Client)
    assert client.server_address == node.reverb_address.resolve()


def test_a_node_that_is_run_by_hand_serves_and_writes_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setenv("CHECKPOINTS", str(tmp_path))
    node = lp.ReverbNode(lambda: [table()], checkpointer, 0.0005)
    address_builder.bind_addresses([node])
    threading.Thread(target=node.run, daemon=True).start()
    client = node.create_handle().dereference()
    client.insert([np.int64(7)], {"t": 1.0})
    assert client.server_info(LIMIT)["t"].current_size == 1
    deadline = time.monotonic() + LIMIT
    while not os.listdir(tmp_path):
        assert time.monotonic() < deadline, "no checkpoint was written"


def checkpointer():
    return reverb.checkpointers.DefaultCheckpointer(os.environ["CHECKPOINTS"])


def wait_for_a_checkpoint(client):
    client.insert([np.int64(7)], {"t": 1.0})
    client.checkpoint()
    # Twice more by the node itself.
    seen = set()
    while len(seen) < 2:
        seen |= set(os.listdir(os.environ["CHECKPOINTS"]))
    lp.stop()


def read_back(client):
    (steps,) = client.sample("t")
    assert steps[0].data[0] == 7
    lp.stop()


@pytest.mark.parametrize("launch_type", ["test_mt", "test_mp"])
def test_a_node_writes_checkpoints_and_starts_from_the_newest(launch_type, tmp_path, monkeypatch):
    monkeypatch.setenv("CHECKPOINTS", str(tmp_path))
    for function, delta in ((wait_for_a_checkpoint, 0.0005), (read_back, None)):
        program = lp.Program("replay")
        with program.group("replay"):
            replay = program.add_node(lp.ReverbNode(lambda: [table()], checkpointer, delta))
        with program.group("user"):
            program.add_node(lp.PyNode(function, replay))
        case = absltest.TestCase()
        lp.launch(program, launch_type=launch_type, test_case=case).wait()
        case.doCleanups()


def wait_for_what_never_comes(client, call, ended):
    with pytest.raises(RuntimeError, match=r"is being stopped|its server stops"):
        if call == "sample":
            next(client.sample("t"))
        else:
            samples = reverb.TrajectoryDataset(client.server_address, "t", [np.int64], [()], 1)
            next(iter(samples))
    ended.write_text("ended")


def stop_when_it_waits(client):
    while not client._client.info(LIMIT)[0]["waiting_samples"]:
        pass
    lp.stop()


@pytest.mark.parametrize("call", ["sample", "dataset"])
@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_a_stop_ends_what_waits_for_the_replay_node(launch_type, call, tmp_path):
    program = lp.Program("stopped")
    replay = program.add_node(lp.ReverbNode(lambda: [table()]), label="replay")
    ended = tmp_path / "ended"
    waiter = lp.PyNode(wait_for_what_never_comes, replay, call, ended)
    program.add_node(waiter, label="waiter")
    program.add_node(lp.PyNode(stop_when_it_waits, replay), label="stopper")
    manager = lp.launch(program, launch_type=launch_type, terminal="current_terminal")
    if manager is not None:
        manager.wait()
    assert ended.read_text() == "ended"


class Steps:
    def __init__(self, replay):
        self._replay = replay

    def add(self):
        self._replay.insert([1], {"t": 1.0})
        return self._replay.server_info(LIMIT)["t"].current_size


def both(client, replay_in_colocation, steps):
    assert steps.add() == 1
    replay_in_colocation.reset("t")
    for each in (client, replay_in_colocation):
        each.insert([1], {"t": 1.0})
        assert each.server_info(LIMIT)["t"].current_size == 1
        assert pickle.loads(pickle.dumps(each)).server_address == each.server_address
    lp.stop()


@pytest.mark.parametrize("num_shards", [1, 3])
@pytest.mark.parametrize("launch_type", ["test_mt", "test_mp"])
def test_a_replay_node_may_live_beside_others_in_one(launch_type, num_shards):
    program = lp.Program("colocated")
    replay = lp.ReverbNode(lambda: [table()], num_shards=num_shards)
    inner = replay.create_handle()
    with program.group("colocation"):
        steps = lp.CourierNode(Steps, inner)
        steps_handle = steps.create_handle()
        program.add_node(lp.MultiThreadingColocation([steps, replay]))
    with program.group("replay"):
        outer = program.add_node(lp.ReverbNode(lambda: [table()]))
    with program.group("user"):
        program.add_node(lp.PyNode(both, outer, inner, steps_handle))
    case = absltest.TestCase()
    lp.launch(program, launch_type=launch_type, test_case=case).wait()
    case.doCleanups()
