"""Every data set in its published layout is read back exactly, images and labels."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from swast.errors import DataError
from tests.swast.data.layouts import (
    CATS_AND_DOGS,
    load,
    pictures,
    write_cifar10,
    write_cifar100,
    write_fashion_mnist,
    write_folder,
    write_imagenet,
    write_kaggle,
    write_tiny_imagenet,
)
from tests.swast.support import global_generators

WRITERS = {
    "cifar10": ("cifar10", write_cifar10, (3, 32, 32)),
    "cifar100": ("cifar100", write_cifar100, (3, 32, 32)),
    "fashion-mnist": ("fashion-mnist", write_fashion_mnist, (1, 28, 28)),
    "tiny-imagenet": ("tiny-imagenet", write_tiny_imagenet, (3, 64, 64)),
    "imagenet": ("imagenet", write_imagenet, (3, 224, 224)),
    "imagenet as Kaggle packs it": ("imagenet", write_kaggle, (3, 224, 224)),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Write each layout; return the written and the loaded data."""
    made = {}

    def get(layout):
        if layout not in made:
            name, write, shape = WRITERS[layout]
            root = tmp_path_factory.mktemp("data")
            made[layout] = (root, name, shape, write(root), load(root, name))
        return made[layout]

    return get


@pytest.mark.parametrize("layout", WRITERS)
class TestEveryLayout:
    def test_every_picture_comes_back_once_with_its_label(self, written, layout):
        _, _, shape, (train, test), data = written(layout)
        kept, held_out = pictures(data, "train"), pictures(data, "val")
        assert kept | held_out == train
        assert not kept.keys() & held_out.keys()
        assert pictures(data, "test") == test
        assert len(data.test_labels) == len(test)
        assert data.num_train + len(data.val_labels) == len(train)
        assert data.input_shape == shape

    def test_the_parts_are_bytes_with_labels_and_every_class(self, written, layout):
        *_, data = written(layout)
        for part in ("train", "val", "test"):
            images, labels = getattr(data, f"{part}_images"), getattr(data, f"{part}_labels")
            assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
            assert set(labels.tolist()) == set(range(data.num_classes))
        assert len(data.classes) == data.num_classes

    def test_loading_again_gives_the_same_and_draws_nothing_global(self, written, layout):
        root, name, _, _, data = written(layout)
        before = global_generators()
        again = load(root, name)
        assert global_generators() == before
        for part in ("train", "val", "test"):
            for what in ("images", "labels"):
                one, other = getattr(data, f"{part}_{what}"), getattr(again, f"{part}_{what}")
                assert np.array_equal(one, other)

    def test_colours_are_those_of_the_training_part_or_published(self, written, layout):
        *_, data = written(layout)
        if "imagenet" in layout and "tiny" not in layout:
            mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        else:
            mean, std = (f(data.train_images / 255, axis=(0, 2, 3)) for f in (np.mean, np.std))
        np.testing.assert_allclose(data.colours.mean, 255 * mean, rtol=1e-12)
        np.testing.assert_allclose(data.colours.std, 255 * std, rtol=1e-12)

    def test_the_share_for_validation_can_be_set(self, written, layout):
        root, name, _, (train, _), _ = written(layout)
        data = load(root, name, val_fraction=0.5)
        every = np.bincount(list(train.values()))
        assert np.bincount(data.val_labels).tolist() == [round(count / 2) for count in every]

    def test_a_truncated_file_is_named(self, written, layout, tmp_path):
        """Each file in turn is cut to half its size; text files may still be valid."""
        root, name, *_ = written(layout)
        files = [each for each in root.rglob("*") if each.is_file()]
        binary = [each for each in files if each.suffix not in (".txt", ".csv")]
        for path in binary[:: max(1, len(binary) // 4)]:
            whole = path.read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
            with pytest.raises(DataError) as refused:
                load(root, name)
            path.write_bytes(whole)
            assert str(path) in str(refused.value)
            assert "\n" not in str(refused.value)


@pytest.mark.parametrize("folder", ["FashionMNIST/raw", "FashionMNIST", "fashion-mnist", "."])
@pytest.mark.parametrize("packed", [True, False])
def test_fashion_mnist_is_found_in_each_place_packed_or_not(tmp_path, folder, packed):
    train, test = write_fashion_mnist(tmp_path, folder, packed=packed)
    data = load(tmp_path, "fashion-mnist")
    assert pictures(data, "train") | pictures(data, "val") == train
    assert pictures(data, "test") == test


def test_a_cifar_file_that_would_run_code_is_refused_and_runs_none(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    write_cifar10(tmp_path)
    path = tmp_path / "cifar-10-batches-py" / "data_batch_3"
    path.write_bytes(pickle.dumps({"data": Evil()}, protocol=2))
    with pytest.raises(DataError, match=r"data_batch_3: is damaged: it asks for posix.mkdir"):
        load(tmp_path, "cifar10")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"labels": [1]}, "has no 'data'"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [1]}, "not n × 3072 bytes"),
        ({"data": np.zeros((1, 3072)), "labels": [1]}, "not n × 3072 bytes"),
        ({"data": np.zeros((1, 3072), np.uint8), "labels": [10]}, "labels outside 0 to 9"),
        ({"data": np.zeros((1, 3072), np.uint8), "labels": [-1]}, "labels outside 0 to 9"),
        ([1, 2], "does not hold a dictionary"),
    ],
)
def test_a_cifar_file_of_another_content_is_named(tmp_path, content, said):
    write_cifar10(tmp_path)
    path = tmp_path / "cifar-10-batches-py" / "test_batch"
    path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(DataError, match=f"test_batch: .*{said}"):
        load(tmp_path, "cifar10")


def test_published_texts_that_do_not_fit_are_named_by_line(tmp_path):
    write_tiny_imagenet(tmp_path)
    path = tmp_path / "tiny-imagenet-200" / "val" / "val_annotations.txt"
    path.write_text(path.read_text() + "val_9.JPEG\tn99\t1\t2\t3\t4\n")
    with pytest.raises(DataError, match=r"val_annotations.txt: line 10 "):
        load(tmp_path, "tiny-imagenet")
    write_kaggle(tmp_path)
    path = tmp_path / "imagenet" / "LOC_val_solution.csv"
    path.write_text(path.read_text() + "picture,n99 1 2 3 4\n")
    with pytest.raises(DataError, match=r"LOC_val_solution.csv: line 8 "):
        load(tmp_path, "imagenet")


@pytest.mark.parametrize(
    ("write", "name", "text"),
    [
        (write_tiny_imagenet, "tiny-imagenet", "val/val_annotations.txt"),
        (write_tiny_imagenet, "tiny-imagenet", "wnids.txt"),
        (write_kaggle, "imagenet", "LOC_val_solution.csv"),
    ],
)
@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x81", b"", b"\x00" * 50])
def test_published_texts_that_are_no_texts_are_refused(tmp_path, write, name, text, content):
    write(tmp_path)
    (path,) = tmp_path.rglob(text)
    path.write_bytes(content)
    with pytest.raises(DataError) as refused:
        load(tmp_path, name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("held_out", [("test",), ("val",), ("val", "test")])
def test_a_folder_validates_and_tests_on_what_it_has(tmp_path, held_out):
    """With both, val/ is the validation part; alone, either is the test part."""
    written = write_folder(tmp_path / "pets", ("train", *held_out))
    data = load(tmp_path, "folder:pets")
    train, val, test = (pictures(data, part) for part in ("train", "val", "test"))
    if len(held_out) == 2:
        assert (train, val, test) == (written["train"], written["val"], written["test"])
    else:
        assert (train | val, test) == (written["train"], written[held_out[0]])
        assert len(val) == 2
    assert data.classes == CATS_AND_DOGS
