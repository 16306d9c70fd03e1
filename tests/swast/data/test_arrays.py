"""User arrays, from an archive or in memory."""

from __future__ import annotations

import numpy as np
import pytest

from swast import DataError
from swast.data import from_arrays
from tests.swast.data.layouts import load, noise, pictures, write_npz
from tests.swast.support import tiny, train

IMAGES, LABELS = noise(20), np.arange(20) % 4
TEST = noise(8), np.arange(8) % 4


@pytest.mark.parametrize(
    "given",
    [
        IMAGES,
        IMAGES.transpose(0, 2, 3, 1),
        np.asfortranarray(IMAGES),
        IMAGES[:, :1],
        IMAGES[:, 0],
        np.concatenate([IMAGES, IMAGES[:, :1]], axis=1),
        noise(20, 1, 28, channels=1),
    ],
    ids=["nchw", "nhwc", "strided", "grey", "no channel", "four", "flat"],
)
def test_every_order_of_the_axes_gives_the_same_pictures(given):
    data = from_arrays((given, LABELS), (given, LABELS))
    channels_first = given[:, None] if given.ndim == 3 else given
    if channels_first.shape[1] not in (1, 3, 4):
        channels_first = channels_first.transpose(0, 3, 1, 2)
    assert np.array_equal(data.test_images, channels_first)
    assert data.input_shape == channels_first.shape[1:]


def test_floats_of_any_range_are_normalised_by_the_training_part():
    shifted = IMAGES * np.array([1.0, 5.0, 1e-3])[:, None, None] - 7
    data = from_arrays((shifted, LABELS), (shifted[:8], LABELS[:8]))
    assert data.colours is None
    assert data.train_images.dtype == np.float32
    np.testing.assert_allclose(data.train_images.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(data.train_images.std(axis=(0, 2, 3)), 1, atol=1e-5)
    bytes_ = from_arrays((IMAGES, LABELS), (IMAGES[:8], LABELS[:8]))
    mean, std = (
        np.array(each)[:, None, None] for each in (bytes_.colours.mean, bytes_.colours.std)
    )
    np.testing.assert_allclose(data.test_images, (bytes_.test_images - mean) / std, atol=1e-4)


def test_a_constant_channel_is_not_divided_by_zero():
    flat = np.concatenate([IMAGES[:, :2], np.full_like(IMAGES[:, :1], 9)], axis=1)
    assert from_arrays((flat, LABELS), (flat, LABELS)).colours.std[2] == 1
    data = from_arrays((flat / 255, LABELS), (flat / 255, LABELS))
    assert np.isfinite(data.train_images).all()


def test_validation_arrays_are_taken_where_they_are_given(tmp_path):
    x_val, y_val = noise(4), np.arange(4)
    path = write_npz(tmp_path / "own.npz", x_val=x_val, y_val=y_val)
    data = load(tmp_path, f"npz:{path}")
    assert np.array_equal(data.val_images, x_val)
    assert np.array_equal(data.val_labels, y_val)
    assert data.num_train == 20


def test_an_archive_is_what_its_arrays_are(tmp_path):
    write_npz(tmp_path / "own.npz", x_train=IMAGES, y_train=LABELS[:, None], x_test=TEST[0])
    data, same = load(tmp_path, "npz:own.npz"), from_arrays((IMAGES, LABELS), TEST)
    for part in ("train", "val", "test"):
        assert pictures(data, part) == pictures(same, part)


def with_nan(images):
    images = images.astype(np.float32)
    images[3, 1, 2, 2] = np.nan
    return images


BAD_ARRAYS = {
    "nan": ({"x_train": with_nan(IMAGES)}, "x_train has 1 values that are NaN or infinite"),
    "infinite": (
        {"x_test": np.full((8, 3, 8, 8), np.inf)},
        "x_test has 1536 values",
    ),
    "objects": ({"x_train": np.array([{}] * 20, dtype=object)}, "it holds Python objects"),
    "texts": ({"y_train": np.array(["a"] * 20)}, "y_train is <U1 of shape"),
    "float labels": ({"y_train": LABELS / 2}, "y_train is float64 of shape (20,)"),
    "one-hot labels": ({"y_train": np.eye(4, dtype=int)[LABELS]}, "y_train is int64 of shape"),
    "negative labels": ({"y_train": LABELS - 1}, "y_train has the label -1"),
    "huge labels": ({"y_train": LABELS * 2**40}, "labels are less than 2^31"),
    "a gap": ({"y_train": LABELS * 2}, "y_train has labels up to 6, but none of class 1"),
    "a label too many": ({"y_test": TEST[1] + 1}, "y_test has label 4, and y_train 0 to 3"),
    "one sample": ({"y_train": np.array([4, *LABELS[1:]])}, "class '4' has 1 training images"),
    "fewer labels": ({"y_train": LABELS[:19]}, "x_train has 20 images, y_train 19 labels"),
    "other size": ({"x_test": noise(8, 9)}, "x_test and x_train differ in shape"),
    "other type": ({"x_test": TEST[0] / 255}, "x_test and x_train differ in dtype"),
    "vectors": ({"x_train": IMAGES.reshape(20, -1)}, "x_train has the shape (20, 192)"),
    "whole numbers": ({"x_train": IMAGES.astype(int)}, "x_train is int64; images are uint8 or"),
    "nothing": ({"x_train": IMAGES[:0], "y_train": LABELS[:0]}, "x_train has the shape (0,"),
    "missing": ({"y_train": None, "x_test": None}, "has no y_train, x_test; it needs x_train"),
    "half": ({"x_val": IMAGES}, "has one of x_val and y_val"),
}


@pytest.mark.parametrize(("arrays", "said"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_arrays_that_are_wrong_are_named(tmp_path, arrays, said):
    path = write_npz(tmp_path / "own.npz", **arrays)
    with pytest.raises(DataError) as refused:
        load(tmp_path, f"npz:{path}")
    assert str(path) in str(refused.value)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kept", [0, 1, 30, 100, 1000, -1])
def test_an_archive_cut_short_is_named(tmp_path, kept):
    path = write_npz(tmp_path / "own.npz")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"own.npz: cannot be read as a NumPy archive"):
        load(tmp_path, f"npz:{path}")


def test_a_single_array_or_anything_else_is_no_archive(tmp_path):
    path = tmp_path / "one.npz"
    with path.open("wb") as file:
        np.save(file, IMAGES)
    with pytest.raises(DataError, match="is one array, not an archive"):
        load(tmp_path, f"npz:{path}")
    path.write_text("text")
    with pytest.raises(DataError, match="cannot be read as a NumPy archive"):
        load(tmp_path, f"npz:{path}")


def test_bytes_without_colours_are_refused_before_training():
    import dataclasses

    data = dataclasses.replace(from_arrays((IMAGES, LABELS), TEST), colours=None)
    with pytest.raises(DataError, match=r"swast.data.from_arrays measures them"):
        train(tiny(), data=data)


def test_they_train():
    config = tiny({"coreset.fraction": 0.5, "optim.batch_size": 4})
    assert 0 <= train(config, data=from_arrays((IMAGES, LABELS), TEST)).val_accuracy <= 1
