"""With the real TensorFlow: `./dev test libraries`. What needs none of it is in
test_reverb_adaptors.py.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from library_tables import counting
from reverb_tables import serving, table
from travel import Travel

import reverb
from reverb.adaptors import tensorflow as tensorflow_adaptor

SIGNATURE = {
    "flag": tf.TensorSpec([3], tf.bool),
    "half": tf.TensorSpec([], tf.bfloat16),
    "name": tf.TensorSpec([], tf.string),
    "x": tf.TensorSpec([2], tf.float32),
}


def step_of(i):
    return {
        "flag": tf.constant([True, False, True]),
        "half": tf.cast(i, tf.bfloat16),
        "name": tf.constant(f"item {i}\0"),
        "x": tf.fill([2], float(i)),
    }


@pytest.fixture
def server():
    """Of a table with that signature and four items."""
    with serving(table(signature=SIGNATURE, sampler=reverb.selectors.Fifo())) as server:
        with server.localhost_client().trajectory_writer(1) as writer:
            for i in range(4):
                writer.append(step_of(i))
                writer.create_item("t", 1.0, {k: writer.history[k][-1] for k in SIGNATURE})
        yield server


@pytest.mark.parametrize(
    "sent",
    [
        tf.ones((30, 100)),
        tf.cast(tf.range(7), tf.bfloat16),
        tf.constant([b"a\0", b"b"]),
        tf.Variable([1.0, 2.0]),
    ],
    ids=["float", "bfloat16", "string", "variable"],
)
def test_tensors_travel_in_calls(sent):
    received = Travel({"sent": sent}).result["sent"]
    assert type(received) is type(sent)
    assert received.dtype == sent.dtype and received.shape == sent.shape
    assert bool(tf.reduce_all(received == sent))


def test_a_table_takes_tensors_and_specs_of_tensorflow(server):
    client = server.localhost_client()
    signature = client.server_info()["t"].signature
    assert {name: spec.shape.as_list() for name, spec in signature.items()} == {
        name: spec.shape.as_list() for name, spec in SIGNATURE.items()
    }
    assert all(
        tf.as_dtype(signature[name].dtype) == SIGNATURE[name].dtype
        for name in ("flag", "half", "x")
    )
    (sample,) = client.sample("t", emit_timesteps=False, unpack_as_table_signature=True)
    assert sample.data["name"].item() == b"item 0\0" and sample.data["half"] == 0
    assert sample.data["x"].tolist() == [0, 0] and sample.data["flag"].tolist() == [1, 0, 1]


def test_dtypes_and_shapes_of_tensorflow_make_a_dataset(server):
    dataset = reverb.TrajectoryDataset(
        server.localhost_client().server_address,
        "t",
        tf.nest.map_structure(lambda spec: spec.dtype, SIGNATURE),
        tf.nest.map_structure(lambda spec: spec.shape, SIGNATURE),
        max_in_flight_samples_per_worker=4,
        max_samples=1,
    )
    (sample,) = dataset
    assert sample.data["name"].item() == b"item 0\0"


def test_tf_client_takes_and_gives_what_tensorflow_has(server):
    client = reverb.TFClient(server.localhost_client().server_address)
    sample = client.sample("t", tf.nest.map_structure(lambda spec: spec.dtype, SIGNATURE))
    assert sample.data["name"].item() == b"item 0\0"
    leaves = tf.nest.flatten(step_of(9))
    client.insert(leaves, tf.constant(["t"]), tf.constant([2.0], tf.float64))
    info = server.localhost_client().server_info()["t"]
    assert info.current_size == 5
    keys = tf.constant([int(sample.info.key)], tf.uint64)
    client.update_priorities("t", keys, tf.constant([3.5], tf.float64))
    (again,) = server.localhost_client().sample("t", emit_timesteps=False)
    assert again.info.key == sample.info.key and again.info.priority == 3.5


def test_a_tf_dataset_has_specs_and_takes_part_in_tf_data():
    with counting(64) as dataset:
        adapted = tensorflow_adaptor.to_tf_dataset(dataset.batch(4, drop_remainder=True))
        assert isinstance(adapted, tf.data.Dataset)
        spec = adapted.element_spec.data
        assert spec["x"] == tf.TensorSpec([4, None, 2], tf.float32)
        assert spec["half"].dtype == tf.bfloat16 and spec["name"].dtype == tf.string
        samples = list(adapted.map(lambda sample: sample).prefetch(2))
    assert np.concatenate([s.data["x"][:, 0, 0] for s in samples]).tolist() == list(range(64))
    assert all(
        bool(tf.reduce_all(tf.cast(s.data["half"], tf.float32) == s.data["x"][..., 0]))
        for s in samples
    )
    assert samples[0].data["name"].numpy().ravel().tolist() == [b"item %d" % i for i in range(4)]
    assert samples[0].info.key.dtype == tf.uint64


def test_a_keras_model_learns_from_a_table():
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, use_bias=False)])
    model.compile(optimizer=tf.keras.optimizers.SGD(1e-4), loss="mse")
    with counting(64) as dataset:
        adapted = tensorflow_adaptor.to_tf_dataset(dataset.batch(16))
        pairs = adapted.map(lambda s: (s.data["x"][:, 0], 3 * s.data["x"][:, 0, :1]))
        model.fit(pairs, verbose=0)
    (weights,) = model.get_weights()
    assert abs(float(weights.sum()) - 3) < 1.5


ORDERS = """
import sys
for name in sys.argv[1:]:
    exec(name)
from pybind11_abseil.status import StatusNotOk
import courier, tensorflow as tf
server = courier.Server()
server.Bind("fail", lambda: tf.constant([1.0, 2.0]) + tf.ones(3))
server.Start()
try:
    courier.Client(server.address).fail()
except StatusNotOk as error:
    assert isinstance(error, tf.errors.InvalidArgumentError), type(error)
    print("caught")
server.Stop()
"""
IMPORTS = {
    "ours first": ["import courier", "import tensorflow"],
    "TensorFlow first": ["import tensorflow", "import courier"],
    "between": [
        "import courier",
        "from pybind11_abseil.status import StatusNotOk",
        "import tensorflow",
    ],
}


@pytest.mark.parametrize("order", IMPORTS)
def test_errors_are_caught_by_upstreams_name_whatever_is_imported_first(run, order):
    ended = run(ORDERS, *IMPORTS[order])
    assert ended.out.splitlines() == ["caught"], ended.err


TO_CPP = """
import sys
import launchpad as lp

class Namer:
    def name_of(self, number):
        return "name"

def ask(counter):
    import tensorflow as tf
    print(counter.doubled(tf.ones((2, 3))).tolist())
    try:
        counter.doubled(tf.constant(["text"]))
    except Exception as error:
        print(type(error).__name__, error, flush=True)
    lp.stop()

program = lp.Program("p")
namer = program.add_node(lp.CourierNode(Namer), label="namer")
counter = program.add_node(lp.CppNode(sys.argv[1], "Counter", 10, namer), label="counter")
program.add_node(lp.PyNode(ask, counter), label="ask")
lp.launch(program, "local_mp")
"""


def test_tensors_of_numbers_go_to_cpp_nodes_and_others_are_refused(run, examples):
    ended = run(TO_CPP, str(examples / "counter_node"))
    tensor, error = (line.removeprefix("[ask/0] ") for line in ended.out.splitlines())
    assert tensor == "[[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]", ended.err
    assert error.startswith("TypeError a value of type tensorflow"), error
