"""Tensors of torch and arrays of jax go through a call as numpy's arrays do, and are tensors and
jax arrays where they arrive. Both libraries are stand-ins here, see stand_ins/; with the real ones:
with_torch.py, with_jax.py.
"""

from __future__ import annotations

import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
from conftest import STAND_INS
from travel import Travel

from launchpad.calls import tensors


@pytest.fixture
def torch(stand_in):
    return stand_in("torch")


@pytest.fixture
def jax(stand_in):
    return stand_in("jax")


def elements(tensor):
    return tensor._array


def numbers(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def test_a_tensor_is_not_copied_into_the_pickle(torch):
    array = numbers(200, 300)
    travel = Travel({"batch": torch.from_numpy(array)})
    (buffer,) = travel.buffers
    assert np.shares_memory(np.frombuffer(buffer, np.float32), array)
    assert len(travel.pickle) < 500
    result = travel.result["batch"]
    assert type(result) is torch.Tensor and result.dtype is torch.float32
    assert (elements(result) == array).all()


def test_the_strides_of_a_transposed_tensor_come_back_without_a_copy(torch):
    array = numbers(4, 5, 6)
    travel = Travel(torch.from_numpy(array).permute([2, 0, 1]))
    assert np.shares_memory(np.frombuffer(travel.buffers[0], np.float32), array)
    expected = array.transpose(2, 0, 1)
    assert elements(travel.result).strides == expected.strides
    assert (elements(travel.result) == expected).all()


def test_a_part_of_a_tensor_travels_without_the_rest(torch):
    array = numbers(100, 10)
    travel = Travel(torch.Tensor(array[::2], torch.float32))
    assert travel.buffers[0].nbytes == array.nbytes // 2
    assert (elements(travel.result) == array[::2]).all()


def test_bfloat16_travels_as_its_bits(torch):
    bits = np.arange(5000, dtype=np.int16)
    sent = torch.Tensor(bits, torch.bfloat16)
    result = Travel(sent).result
    assert result.dtype is torch.bfloat16
    assert (elements(result) == bits).all()
    converted = tensors.as_numpy(sent)
    assert converted.dtype == ml_dtypes.bfloat16
    assert np.shares_memory(converted, bits)


def test_requires_grad_comes_back(torch):
    sent = torch.Tensor(numbers(3), torch.float32, requires_grad=True)
    assert Travel(sent).result.requires_grad


def test_memory_that_others_read_is_copied_for_torch(torch):
    array = numbers(5)
    array.flags.writeable = False
    assert (elements(tensors.torch_tensor(array, None, None, False)) == array).all()


@pytest.mark.parametrize("kind", ["gpu", "expanded", "hooked", "marked", "subclass"])
def test_other_tensors_are_pickled_as_torch_does_it(torch, kind):
    sent = torch.Tensor(numbers(3), torch.float32, device="cuda" if kind == "gpu" else "cpu")
    if kind == "expanded":
        sent = torch.Tensor(np.broadcast_to(np.float32(1), (1000,)), torch.float32)
    elif kind == "hooked":
        sent._backward_hooks = {1: print}
    elif kind == "marked":
        sent.mark = 1
    elif kind == "subclass":
        sent = type("Tensor", (torch.Tensor,), {})(numbers(3), torch.float32)
    assert tensors.reduce(sent) is NotImplemented


def test_another_class_of_that_name_is_left_alone(torch):
    Tensor = type("Tensor", (), {})
    assert tensors.reduce(Tensor()) is NotImplemented


def test_a_jax_array_is_not_copied_into_the_pickle(jax):
    array = numbers(200, 300)
    travel = Travel([jax.device_put(array)])
    assert np.shares_memory(np.frombuffer(travel.buffers[0], np.float32), array)
    assert len(travel.pickle) < 500
    (result,) = travel.result
    assert type(result) is jax.ArrayImpl
    assert (np.asarray(result) == array).all()


def test_a_jax_array_of_bfloat16_travels_as_its_bits(jax):
    array = numbers(3000).astype(ml_dtypes.bfloat16)
    travel = Travel(jax.device_put(array))
    assert travel.buffers[0].nbytes == array.nbytes
    result = np.asarray(travel.result)
    assert result.dtype == array.dtype and (result == array).all()


def test_weak_types_are_pickled_as_jax_does_it(jax):
    assert tensors.reduce(jax.ArrayImpl(numbers(1), weak_type=True)) is NotImplemented


def test_towards_cpp_any_array_with_dlpack_is_numpys():
    class Stranger:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **options):
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    array = numbers(7)
    assert np.shares_memory(tensors.as_numpy(Stranger(array)), array)
    assert tensors.as_numpy(np.ma.masked_array([1, 2])) is None
    assert tensors.as_numpy(object()) is None


def test_tensorflows_tensors_are_never_asked_for_dlpack():
    # It ends the process, for a tensor of texts.
    class EagerTensor:
        def __init__(self, array):
            self.array = array

        def numpy(self):
            return self.array

        def __dlpack_device__(self):
            raise AssertionError("asked for")

    array = numbers(7)
    assert tensors.as_numpy(EagerTensor(array)) is array
    assert tensors.as_numpy(EagerTensor(np.float32(1))) == 1
    assert tensors.as_numpy(EagerTensor(np.array([b"a"], object))) is None
    assert tensors.as_numpy(EagerTensor(b"a")) is None


def test_towards_cpp_what_numpy_has_no_dtype_for_is_no_array():
    class Stranger:
        def __dlpack__(self, **options):
            raise BufferError("of float4")

        def __dlpack_device__(self):
            return 1, 0

    assert tensors.as_numpy(Stranger()) is None


PROGRAM = """
import sys
import numpy as np
import courier
import launchpad as lp

class Server:
    def same(self, value):
        return value

    def sum(self, tensor):
        return type(tensor).__name__, float(np.asarray(getattr(tensor, "_array")).sum())

def memory_of(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return type(getattr(array.base, "obj", array.base)).__name__

def ask(server):
    before = [name for name in ("torch", "jax") if name in sys.modules]
    import torch, jax
    array = np.ones((1000, 100), np.float32)
    for make in (torch.from_numpy, jax.device_put):
        print(server.sum(make(array)))
        result = server.same({"tensor": make(array)})["tensor"]
        print(type(result).__name__, result._array.sum(), memory_of(result._array))
    print("imported without a need:", before, flush=True)
    lp.stop()

program = lp.Program("p")
program.add_node(lp.PyNode(ask, program.add_node(lp.CourierNode(Server), "s")), "ask")
lp.launch(program, sys.argv[1])
"""


@pytest.mark.parametrize("launch_type", ["local_mp", "local_mt"])
def test_both_arrive_over_the_memory_that_the_call_brought(run, launch_type):
    ended = run(PROGRAM, launch_type, env={"PYTHONPATH": STAND_INS})
    lines = [line.removeprefix("[ask/0] ") for line in ended.out.splitlines()]
    assert lines == [
        "('Tensor', 100000.0)",
        "Tensor 100000.0 Buffer",
        "('ArrayImpl', 100000.0)",
        "ArrayImpl 100000.0 Buffer",
        "imported without a need: []",
    ], ended.err


def test_calls_import_neither_library():
    script = (
        "import sys, launchpad.calls.pickles as p; p.dumps({1}, None);"
        "assert not {'torch', 'jax', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


TO_CPP = """
import sys
import numpy as np
import launchpad as lp

class Namer:
    def name_of(self, number):
        return "name"

def ask(counter):
    import torch, jax
    ones = np.ones((2, 3), np.float32)
    print(counter.doubled(torch.from_numpy(ones).permute([1, 0])).tolist())
    print(counter.doubled(jax.device_put(ones)).tolist(), flush=True)
    lp.stop()

program = lp.Program("p")
counter = program.add_node(lp.CppNode(
    sys.argv[1], "Counter", 10, program.add_node(lp.CourierNode(Namer), label="namer")
), label="counter")
program.add_node(lp.PyNode(ask, counter), label="ask")
lp.launch(program, "local_mp")
"""


def test_both_are_tensors_to_a_cpp_node(run, examples):
    ended = run(TO_CPP, str(examples / "counter_node"), env={"PYTHONPATH": STAND_INS})
    lines = [line.removeprefix("[ask/0] ") for line in ended.out.splitlines()]
    assert lines == [
        "[[2.0, 2.0], [2.0, 2.0], [2.0, 2.0]]",
        "[[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]",
    ], ended.err
