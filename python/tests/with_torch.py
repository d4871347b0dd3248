"""With the real PyTorch: `./dev test libraries`. What needs none of it is in
test_courier_tensors.py and test_reverb_adaptors.py.
"""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
import torch
from library_program import LAUNCH, said
from library_tables import counting
from reverb_tables import serving, table
from travel import Travel

import launchpad as lp
from reverb.adaptors import torch as torch_adaptor

DTYPES = [
    "float16", "float32", "float64", "bfloat16", "float8_e4m3fn", "float8_e5m2", "bool", "uint8",
    "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "complex64", "complex128",
]  # fmt: skip


def bits(tensor):
    """The bytes of its elements."""
    return tensor.detach().contiguous().view(torch.uint8)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tensor_of_any_dtype_travels_beside_the_pickle(dtype):
    sent = torch.arange(24).to(getattr(torch, dtype)).reshape(2, 3, 4)
    travel = Travel({"sent": sent})
    received = travel.result["sent"]
    assert type(received) is torch.Tensor
    assert received.dtype is sent.dtype and received.shape == sent.shape
    assert torch.equal(bits(received), bits(sent))
    (buffer,) = travel.buffers
    memory = np.frombuffer(buffer, np.uint8).__array_interface__["data"][0]
    assert memory == sent.data_ptr()


def test_strides_gradients_and_emptiness_come_back():
    transposed = torch.arange(120.0).reshape(4, 5, 6).permute(2, 0, 1)
    received = Travel(transposed).result
    assert received.stride() == transposed.stride() and torch.equal(received, transposed)
    assert Travel(torch.ones(3, requires_grad=True)).result.requires_grad
    assert Travel(torch.zeros(0, 3)).result.shape == (0, 3)
    assert Travel(torch.tensor(3.0)).result.item() == 3.0
    part = torch.arange(1000.0)[::2]
    travel = Travel(part)
    assert travel.buffers[0].nbytes == 2000 and torch.equal(travel.result, part)


@pytest.mark.parametrize(
    "sent",
    [
        torch.nn.Parameter(torch.ones(3)),
        torch.ones(3).to_sparse(),
        torch.ones(1).expand(1000),
        torch.complex(torch.ones(2), torch.ones(2)).conj(),
        torch.ones(3, device="meta"),
    ],
    ids=["parameter", "sparse", "expanded", "conjugated", "meta"],
)
def test_other_tensors_are_what_torchs_own_pickle_makes_of_them(sent):
    received = Travel(sent).result
    assert type(received) is type(sent)
    assert received.layout == sent.layout and received.device == sent.device
    assert received.shape == sent.shape
    if sent.device.type != "meta":
        assert torch.equal(received.to_dense(), sent.to_dense())


def test_a_model_and_its_state_travel():
    model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.BatchNorm1d(4))
    state = Travel(model.state_dict()).result
    other = Travel(model).result.eval()
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    x = torch.ones(2, 8)
    assert torch.equal(other(x), model.eval()(x))


def test_memory_that_calls_share_is_a_tensor_without_a_copy():
    array = lp.empty((1000,), np.float32)
    for tensor in (torch.from_numpy(array), torch.from_dlpack(array), torch.asarray(array)):
        tensor.fill_(7)
        assert array[0] == array[-1] == 7
        array[:] = 1
        assert tensor[3].item() == 1


PROGRAM = """
import sys
import ml_dtypes
import numpy as np
import torch
import launchpad as lp

class Learner:
    def __init__(self):
        self.model = torch.nn.Linear(400, 300)
        self.model.requires_grad_(False).weight.fill_(2)

    def state(self):
        return self.model.state_dict()

    def sum(self, tensor):
        return type(tensor).__name__, str(tensor.dtype), float(tensor.sum())

    def same(self, value):
        return value

def act(learner, counter):
    state = learner.state()
    print(type(state).__name__, {name: tuple(t.shape) for name, t in state.items()})
    print(float(state["weight"].sum()))
    model = torch.nn.Linear(400, 300)
    model.load_state_dict(state)
    print(learner.sum(torch.ones(1000, 100)), learner.sum(torch.ones(5, dtype=torch.bfloat16)))
    result = learner.futures.same([torch.arange(100_000), torch.ones(3)]).result()
    print([type(t).__name__ for t in result], int(result[0].sum()))
    result[0].add_(1)
    print(int(result[0].sum()))
    print(counter.doubled(torch.ones(2, 3).T).tolist(), flush=True)
    lp.stop()
"""


@pytest.mark.parametrize("launch_type", ["local_mp", "local_mt"])
def test_nodes_call_each_other_with_tensors(run, examples, launch_type):
    ended = run(PROGRAM + LAUNCH, launch_type, str(examples / "counter_node"))
    assert said(ended) == [
        "OrderedDict {'weight': (300, 400), 'bias': (300,)}",
        "240000.0",
        "('Tensor', 'torch.float32', 100000.0) ('Tensor', 'torch.bfloat16', 5.0)",
        "['Tensor', 'Tensor'] 4999950000",
        "5000050000",
        "[[2.0, 2.0], [2.0, 2.0], [2.0, 2.0]]",
    ], ended.err


@pytest.mark.parametrize("context", [None, "fork", "spawn", "forkserver"])
def test_a_dataloader_takes_a_table_with_workers_of_any_kind(context):
    workers = {"num_workers": 2, "multiprocessing_context": context} if context else {}
    with counting(64) as dataset:
        batches = dataset.batch(4, drop_remainder=True)
        loader = torch.utils.data.DataLoader(
            torch_adaptor.to_torch_dataset(batches), batch_size=None, **workers
        )
        samples = list(loader)
    taken = np.concatenate([sample.data["x"].numpy()[:, 0, 0] for sample in samples])
    rest = 0 if context is None else 8  # Each worker drops its own.
    assert len(set(taken)) == len(taken) >= 64 - rest
    if context is None:
        assert taken.tolist() == list(range(64))
    first = samples[0]
    assert type(first.data["x"]) is torch.Tensor and first.data["x"].shape == (4, 1, 2)
    assert first.data["half"].dtype is torch.bfloat16
    assert torch.equal(first.data["half"].float(), first.data["x"][..., 0])
    assert type(first.info.probability) is torch.Tensor
    assert first.info.key.dtype is torch.uint64  # DataLoader's doing.
    assert first.data["name"].ravel()[0].startswith(b"item ")


def test_a_model_learns_from_a_table():
    torch.manual_seed(1)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    losses = []
    with counting(64) as dataset:
        for sample in torch_adaptor.to_torch_dataset(dataset.batch(16)):
            x = sample.data["x"][:, 0]
            loss = ((model(x)[:, 0] - 3 * x[:, 0]) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append((loss / (x**2).mean()).item())
    assert len(losses) == 4 and losses[-1] < losses[0] / 2, losses


@pytest.mark.parametrize("signed", [True, False])
def test_tensors_are_inserted_and_come_back_as_arrays(signed):
    step = {
        "x": torch.ones(2, requires_grad=True),
        "half": torch.tensor(2, dtype=torch.bfloat16),
        "i": torch.tensor(7),
    }
    signature = step if signed else None
    with serving(table(signature=signature)) as server:
        client = server.localhost_client()
        with client.trajectory_writer(1) as writer:
            writer.append(step)
            writer.create_item("t", 1.0, {k: writer.history[k][-1] for k in step})
        (sample,) = client.sample("t", emit_timesteps=False, unpack_as_table_signature=signed)
        data = sample.data if signed else dict(zip(sorted(step), sample.data))
    assert data["x"].dtype == np.float32 and data["x"].tolist() == [1, 1]
    assert data["half"].dtype == ml_dtypes.bfloat16 and data["half"] == 2
    assert data["i"].dtype == np.int64 and data["i"] == 7
