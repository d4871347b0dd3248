"""With the real JAX: `./dev test libraries`. What needs none of it is in
test_courier_tensors.py and test_reverb_adaptors.py.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from library_program import LAUNCH, said
from library_tables import counting
from reverb_tables import serving, table
from travel import Travel

import launchpad as lp
from reverb.adaptors import jax as jax_adaptor

DTYPES = [
    "float16", "float32", "bfloat16", "float8_e4m3fn", "float8_e5m2", "bool", "uint8", "int8",
    "int16", "int32", "uint16", "uint32", "complex64", "int4",
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_array_of_any_dtype_travels_beside_the_pickle(dtype):
    sent = (jnp.arange(3000) % 2).astype(dtype).reshape(30, 100)
    travel = Travel({"sent": sent})
    received = travel.result["sent"]
    assert isinstance(received, jax.Array)
    assert received.dtype == sent.dtype and received.shape == sent.shape
    assert bool((received == sent).all())
    assert sum(buffer.nbytes for buffer in travel.buffers) == np.asarray(sent).nbytes
    assert len(travel.pickle) < 500


def test_an_array_of_the_cpu_is_not_copied():
    sent = jnp.arange(100_000)
    (buffer,) = Travel(sent).buffers
    assert np.shares_memory(np.frombuffer(buffer, np.int32), np.asarray(sent))


def test_weak_types_keys_and_trees_come_back():
    assert Travel(jnp.asarray(3.0)).result.weak_type == jnp.asarray(3.0).weak_type
    key = jax.random.key(3)
    assert jax.random.uniform(Travel(key).result) == jax.random.uniform(key)
    old = jax.random.PRNGKey(3)
    assert (Travel(old).result == old).all()
    tree = {"layers": [(jnp.ones((2, 3)), jnp.zeros(3))], "steps": jnp.int32(7), "rate": 0.1}
    received = Travel(tree).result
    assert jax.tree.structure(received) == jax.tree.structure(tree)
    assert jax.tree.all(
        jax.tree.map(lambda a, b: bool((a == b).all()), received["layers"], tree["layers"])
    )
    assert jnp.zeros((0, 3)).shape == Travel(jnp.zeros((0, 3))).result.shape


def test_memory_that_calls_share_goes_to_the_device():
    array = lp.empty((1000,), np.float32)
    array[:] = 7
    assert float(jnp.asarray(array).sum()) == 7000
    assert float(jnp.from_dlpack(array).sum()) == 7000


PROGRAM = """
import sys
import jax
import jax.numpy as jnp
import launchpad as lp

class Learner:
    def __init__(self):
        self.parameters = {"w": jnp.full((300, 400), 2.0), "b": jnp.zeros(300)}

    def step(self, gradients):
        rule = jax.jit(lambda p, g: jax.tree.map(lambda a, b: a - 0.5 * b, p, g))
        self.parameters = rule(self.parameters, gradients)
        return self.parameters

    def sum(self, array):
        return isinstance(array, jax.Array), str(array.dtype), float(array.sum())

def act(learner, counter):
    gradients = {"w": jnp.ones((300, 400)), "b": jnp.ones(300)}
    for _ in range(2):
        parameters = learner.step(gradients)
    for name in "wb":
        print(isinstance(parameters[name], jax.Array), float(parameters[name].sum()))
    print(learner.sum(jnp.ones((1000, 100))), learner.sum(jnp.ones(5, jnp.bfloat16)))
    print(float(jax.grad(lambda w: (w ** 2).sum())(parameters["w"]).sum()))
    print(counter.doubled(jnp.ones((2, 3))).tolist(), flush=True)
    lp.stop()
"""


@pytest.mark.parametrize("launch_type", ["local_mp", "local_mt"])
def test_nodes_call_each_other_with_arrays(run, examples, launch_type):
    ended = run(PROGRAM + LAUNCH, launch_type, str(examples / "counter_node"))
    assert said(ended) == [
        "True 120000.0",
        "True -300.0",
        "(True, 'float32', 100000.0) (True, 'bfloat16', 5.0)",
        "240000.0",
        "[[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]",
    ], ended.err


def test_samples_are_on_the_device_and_learned_from():
    device = jax.devices()[0]
    step = jax.jit(lambda w, x: w - 0.3 * jax.grad(lambda w: (w - 3) ** 2 * (x > 0).mean())(w))
    weight = jnp.float32(0)
    taken = []
    with counting(64) as dataset:
        batches = dataset.batch(4, drop_remainder=True)
        for sample in jax_adaptor.prefetch_to_device(batches, size=2, device=device):
            x = sample.data["x"]
            assert isinstance(x, jax.Array) and x.devices() == {device} and x.shape == (4, 1, 2)
            half = sample.data["half"]
            assert half.dtype == jnp.bfloat16 and bool((half == x[..., 0]).all())
            assert sample.data["name"].ravel()[0].startswith(b"item ")
            assert sample.info.key.dtype == np.uint64
            taken += np.asarray(x)[:, 0, 0].tolist()
            weight = step(weight, x)
    assert taken == list(range(64))
    assert abs(float(weight) - 3) < 0.1


@pytest.mark.parametrize("signed", [True, False])
def test_arrays_are_inserted_and_come_back_as_numpys(signed):
    step = {"x": jnp.ones(2), "half": jnp.bfloat16(2), "i": jnp.int32(7)}
    with serving(table(signature=step if signed else None)) as server:
        client = server.localhost_client()
        with client.trajectory_writer(1) as writer:
            writer.append(step)
            writer.create_item("t", 1.0, {k: writer.history[k][-1] for k in step})
        (sample,) = client.sample("t", emit_timesteps=False, unpack_as_table_signature=signed)
        data = sample.data if signed else dict(zip(sorted(step), sample.data))
    assert data["x"].dtype == np.float32 and data["x"].tolist() == [1, 1]
    assert data["half"].dtype == ml_dtypes.bfloat16 and data["half"] == 2
    assert data["i"].dtype == np.int32 and data["i"] == 7


def test_a_signature_is_what_jax_says_of_a_function():
    spec = jax.eval_shape(lambda x: {"a": x[0], "b": x.sum()}, jnp.ones((4, 2), jnp.bfloat16))
    with serving(table(signature=spec)) as server:
        signature = server.localhost_client().server_info()["t"].signature
    assert signature["a"].shape == (2,) and signature["a"].dtype == ml_dtypes.bfloat16
    assert signature["b"].shape == ()
