"""Streamed and resident images are equal bit for bit, and so are the trainings on them."""

from __future__ import annotations

import dataclasses
import threading

import numpy as np
import pytest
import torch

from swast.config import LoadingConfig
from swast.data import Colours, from_arrays, make_samples, samples
from swast.data.files import ImageFiles
from swast.data.samples import Resident, Streamed, memory
from swast.errors import ConfigError
from tests.swast.data.layouts import load, noise, write_folder
from tests.swast.support import few_digits, price, same_bits, tiny, train

CPU = torch.device("cpu")
STREAM = LoadingConfig(memory_share=0, workers=3)
VALUES = {
    "coreset.fraction": 0.5,
    "optim.batch_size": 5,
    "augment.crop": 1,
    "augment.flip": True,
    "augment.cutout": 2,
}


def sets():
    """Make data as bytes and as normalised floats."""
    images, labels = noise(120), np.arange(120) % 4
    return {
        "bytes": from_arrays((images, labels), (images[:9], labels[:9])),
        "floats": from_arrays((images / 255, labels), (images[:9] / 255, labels[:9])),
    }


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    root = tmp_path_factory.mktemp("pets")
    write_folder(root, classes=("cat", "dog", "emu"))
    return root


@pytest.mark.parametrize("kind", ["bytes", "floats"])
@pytest.mark.parametrize("workers", [1, 2, 9])
def test_every_batch_is_the_same_bit_for_bit(kind, workers):
    data = sets()[kind]
    arrays = CPU, data.train_images, data.train_labels, data.colours
    streamed = make_samples(*arrays, dataclasses.replace(STREAM, workers=workers))
    resident = make_samples(*arrays, LoadingConfig())
    assert (type(streamed), type(resident)) == (Streamed, Resident)
    order = torch.randperm(len(streamed), generator=torch.Generator().manual_seed(0))
    for parts in (order.split(7), order.split(1), [order], [order[:0], order[:2]], []):
        for one, other in zip(streamed.batches(parts), resident.batches(parts), strict=True):
            assert one.dtype == torch.float32
            assert torch.equal(one, other)
    assert torch.equal(streamed.take(order[:3]), resident.take(order[:3]))
    for one, other in zip(streamed.scan(order[:9]), resident.scan(order[:9]), strict=True):
        assert torch.equal(one, other)


def test_bytes_are_normalised_by_channel():
    colours = Colours((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    images = noise(10)
    held = make_samples(CPU, images, np.zeros(10, np.int64), colours, LoadingConfig())
    (found,) = held.scan()
    expected = (images - np.array([1, 2, 3])[:, None, None]) / np.array([4, 5, 6])[:, None, None]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_files_stream_to_the_same_result_as_decoded(pets):
    """The images are decoded on the device, streamed from memory, or streamed from files."""
    decoded = load(pets, f"folder:{pets}", val_fraction=0.3)
    files = load(pets, f"folder:{pets}", val_fraction=0.3, memory_share=0)
    assert isinstance(files.train_images, ImageFiles)
    assert files.colours == decoded.colours
    results = [
        train(tiny({**VALUES, "loading.memory_share": share}), data=data, test=True)
        for data, share in ((decoded, 0.25), (decoded, 0.0), (files, 0.0))
    ]
    for other in results[1:]:
        assert same_bits(results[0].state, other.state)
        assert results[0].test_accuracy == other.test_accuracy
        assert results[0].val_loss == other.val_loss


@pytest.mark.parametrize("share", [0.25, 0.0])
def test_a_run_that_is_stopped_anywhere_goes_on_bit_for_bit(pets, tmp_path, share):
    config = tiny({**VALUES, "loading.memory_share": share})
    data = load(pets, f"folder:{pets}", val_fraction=0.3, memory_share=share)
    unbroken = train(config, data=data)

    def stop(entry):
        raise KeyboardInterrupt

    for _ in range(config.epochs):
        with pytest.raises(KeyboardInterrupt):
            train(config, data=data, checkpoint_dir=tmp_path, on_epoch=stop)
    resumed = train(config, data=data, checkpoint_dir=tmp_path)
    assert same_bits(resumed.state, unbroken.state)
    for one, other in zip(resumed.history, unbroken.history, strict=True):
        assert dataclasses.replace(one, seconds=0) == dataclasses.replace(other, seconds=0)


def test_no_thread_outlives_a_pass_that_is_broken_off(pets):
    data = load(pets, f"folder:{pets}", memory_share=0)
    before = threading.active_count()
    held = make_samples(CPU, data.train_images, data.train_labels, data.colours, STREAM)
    batches = held.batches(torch.arange(len(held)).split(1))
    next(batches)
    assert threading.active_count() > before
    batches.close()
    assert threading.active_count() == before


def test_pricing_breaks_a_streamed_warm_up_off(pets):
    """Global thresholds rehearse a part of the warm-up."""
    data = load(pets, f"folder:{pets}", memory_share=0)
    before = threading.active_count()
    config = tiny({**VALUES, "prune.distribution": "global", "loading.memory_share": 0})
    assert price(config, data).total > 0
    assert threading.active_count() == before


@pytest.mark.parametrize("share", [0.0, 1e-9, 1.0])
def test_what_lies_on_the_device_is_decided_by_the_share(share):
    data = sets()["bytes"]
    loading = LoadingConfig(memory_share=share)
    made = make_samples(CPU, data.train_images, data.train_labels, data.colours, loading)
    fits = data.train_images.nbytes <= share * memory(CPU)
    assert isinstance(made, Resident if fits else Streamed)


def test_large_images_are_looked_at_fewer_at_a_time(monkeypatch):
    monkeypatch.setattr(samples, "CHUNK_VALUES", 3 * 8 * 8 * 10)
    data = sets()["bytes"]
    held = make_samples(CPU, data.train_images, data.train_labels, data.colours, STREAM)
    sizes = [len(part) for part in held.scan()]
    assert max(sizes) == 10
    assert sum(sizes) == data.num_train


@pytest.mark.parametrize(("fraction", "balanced"), [(0.01, True), (0.07, True), (0.01, False)])
def test_a_balanced_coreset_that_cannot_hold_every_class_is_refused(fraction, balanced):
    """Coresets of 1, 8 and 1 of 120 samples, with 10 classes."""
    config = tiny({"coreset.fraction": fraction, "coreset.balanced": balanced})
    if not balanced:
        train(config, data=few_digits())
        return
    size = {0.01: 1, 0.07: 8}[fraction]
    with pytest.raises(ConfigError, match=f"120 samples is {size}, fewer than the 10 classes"):
        train(config, data=few_digits())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", ["bytes", "floats"])
def test_a_gpu_is_given_the_same_images(kind):
    data = sets()[kind]
    arrays = data.train_images, data.train_labels, data.colours
    here = torch.cat(list(make_samples(CPU, *arrays, LoadingConfig()).scan()))
    for loading in (LoadingConfig(), STREAM):
        held = make_samples(torch.device("cuda"), *arrays, loading)
        assert torch.equal(torch.cat(list(held.scan())).cpu(), here)
        config = tiny({**VALUES, "device": "cuda", "loading.memory_share": loading.memory_share})
        assert train(config, data=data).val_accuracy == train(config, data=data).val_accuracy
