"""Datasets for torch, jax and TensorFlow: each library is a stand-in, see stand_ins/; with the real
ones: with_torch.py, with_jax.py, with_tensorflow.py.
"""

from __future__ import annotations

import pickle

import ml_dtypes
import numpy as np
import pytest
from library_tables import counting

from reverb import specs
from reverb.adaptors import jax as jax_adaptor
from reverb.adaptors import tensorflow as tensorflow_adaptor
from reverb.adaptors import torch as torch_adaptor


@pytest.fixture
def library(request, stand_in):
    """The stand-in that the test names."""
    return stand_in(request.param)


@pytest.fixture
def dataset():
    """Batches of two of the items 0, 1, 2, ..."""
    with counting(8) as items:
        yield items.batch(2, drop_remainder=True)


@pytest.mark.parametrize("library", ["torch"], indirect=True)
def test_a_torch_dataset_has_tensors_over_the_batches_and_leaves_texts_and_keys(library, dataset):
    adapted = torch_adaptor.to_torch_dataset(dataset)
    assert isinstance(adapted, library.utils.data.IterableDataset)
    samples = list(adapted)
    assert len(samples) == 4
    assert all(type(sample.data["x"]) is library.Tensor for sample in samples)
    values = np.concatenate([sample.data["x"].numpy() for sample in samples])
    assert values[:, 0, 0].tolist() == list(range(8))
    assert samples[0].data["name"].ravel().tolist() == [b"item 0", b"item 1"]
    assert samples[0].info.key.dtype == np.uint64
    assert type(samples[0].info.probability) is library.Tensor
    half = samples[0].data["half"]
    assert half.dtype is library.bfloat16
    assert half.view(library.int16).numpy().view(ml_dtypes.bfloat16).ravel().tolist() == [0, 1]


@pytest.mark.parametrize("library", ["torch"], indirect=True)
def test_a_torch_dataset_goes_to_workers_that_are_no_forks(library, dataset):
    adapted = pickle.loads(pickle.dumps(torch_adaptor.to_torch_dataset(dataset)))
    assert [sample.data["x"].numpy()[0, 0, 0] for sample in adapted] == [0, 2, 4, 6]


@pytest.mark.parametrize("library", ["torch"], indirect=True)
def test_torchs_dtypes_are_those_of_a_signature(library):
    assert specs.as_dtype(library.float32) == np.float32
    assert specs.as_dtype(library.bfloat16) == ml_dtypes.bfloat16


@pytest.mark.parametrize("library", ["jax"], indirect=True)
def test_jax_arrays_are_on_the_device_before_they_are_asked_for(library, dataset, monkeypatch):
    put = []
    device_put = library.device_put

    def noting(array, device):
        put.append(device)
        return device_put(array, device)

    monkeypatch.setattr(library, "device_put", noting)
    samples = jax_adaptor.prefetch_to_device(dataset, size=2, device="gpu")
    first = next(samples)
    leaves = sum(isinstance(leaf, library.Array) for leaf in (*first.info, *first.data.values()))
    assert put == ["gpu"] * leaves * 3
    assert np.asarray(first.data["x"])[:, 0, 0].tolist() == [0, 1]
    assert first.data["name"].ravel().tolist() == [b"item 0", b"item 1"]
    assert [np.asarray(sample.data["x"])[0, 0, 0] for sample in samples] == [2, 4, 6]


@pytest.mark.parametrize("library", ["jax"], indirect=True)
def test_something_is_ahead(library, dataset):
    with pytest.raises(ValueError, match="size"):
        next(jax_adaptor.prefetch_to_device(dataset, size=0))


@pytest.mark.parametrize("library", ["tensorflow"], indirect=True)
def test_a_tf_dataset_has_the_specs_of_its_elements(library, dataset):
    adapted = tensorflow_adaptor.to_tf_dataset(dataset)
    assert isinstance(adapted, library.data.Dataset)
    samples = list(adapted)
    assert [sample.data["x"][0, 0, 0] for sample in samples] == [0, 2, 4, 6]
    assert samples[0].data["name"].ravel().tolist() == [b"item 0", b"item 1"]
