"""Search path of data sets, errors for missing ones, and downloads."""

from __future__ import annotations

import urllib.error
from pathlib import Path

import pytest

from swast.config import LoadingConfig
from swast.data import DATASETS, Places, load_data
from swast.data import places as places_file
from swast.errors import ConfigError, DataError
from tests.swast.data.layouts import pictures, write_cifar10, write_fashion_mnist

EXPECTED = {
    "fashion-mnist": ("train-images-idx3-ubyte", "--download"),
    "cifar10": ("cifar-10-batches-py/ with data_batch_1", "--download"),
    "cifar100": ("cifar-100-python/ with train, test, meta", "--download"),
    "tiny-imagenet": ("tiny-imagenet-200/ with wnids.txt", "tiny-imagenet-200.zip"),
    "imagenet": ("imagenet/ with train/WNID/*.JPEG", "https://image-net.org"),
}


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """Change to a working folder without data, and disable the system folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(places_file, "SYSTEM", tmp_path / "system")
    for name in ("SWAST_DATA", "SWAST_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_every_data_set_that_can_be_missing_is_tried_below():
    assert set(EXPECTED) == set(DATASETS) - {"digits"}


@pytest.mark.parametrize("name", EXPECTED)
def test_missing_data_say_where_was_looked_for_what_and_how_to_get_it(nowhere, monkeypatch, name):
    (nowhere / "given").mkdir()
    monkeypatch.setenv("SWAST_DATA", "from-variable")
    with pytest.raises(DataError) as refused:
        load_data(name, None, Places.find(Path("given")))
    said = str(refused.value)
    looked = ["given", "from-variable", "swast-home/data", "system"]
    assert all(str(nowhere / place) in said for place in looked)
    assert all(part in said for part in (*EXPECTED[name], repr(name)))
    assert "\n" not in said


def test_places_are_looked_at_in_order(nowhere, monkeypatch):
    """The order is option, variable, home, system: the first with data is used."""
    roots = [nowhere / name for name in ("given", "variable", "home/data", "system")]
    monkeypatch.setenv("SWAST_DATA", str(roots[1]))
    (nowhere / "given").mkdir()
    for root in reversed(roots):
        _, test = write_fashion_mnist(root)
        found = load_data("fashion-mnist", None, Places.find(roots[0], nowhere / "home"))
        assert pictures(found, "test") == test


def test_the_home_is_that_of_the_variable_or_the_working_folder(nowhere, monkeypatch):
    assert Places.find().roots[0] == nowhere / "swast-home" / "data"
    monkeypatch.setenv("SWAST_HOME", str(nowhere / "elsewhere"))
    assert Places.find().roots[0] == nowhere / "elsewhere" / "data"


def test_a_folder_given_that_is_none_is_refused(nowhere):
    with pytest.raises(DataError, match="--data-dir typo: no such folder"):
        Places.find(Path("typo"))


@pytest.mark.parametrize("name", ["folder:pets", "npz:own.npz"])
def test_a_path_is_looked_for_as_it_is_and_under_each_root(nowhere, name):
    with pytest.raises(DataError) as refused:
        load_data(name)
    path = name.partition(":")[2]
    for place in (nowhere, nowhere / "swast-home" / "data", nowhere / "system"):
        assert str(place / path) in str(refused.value)


def test_what_is_missing_is_downloaded_if_that_is_allowed(nowhere, monkeypatch):
    """A stand-in for torchvision writes the files, which are then read."""

    def fetch(root, download):
        assert download
        write_cifar10(Path(root))

    monkeypatch.setattr("torchvision.datasets.CIFAR10", fetch)
    with pytest.raises(DataError, match="--download"):
        load_data("cifar10", None, Places.find(Path(), download=False))
    data = load_data("cifar10", None, Places.find(Path("new"), download=True))
    assert data.num_classes == 10
    assert (nowhere / "new" / "cifar-10-batches-py").is_dir()
    monkeypatch.setattr("torchvision.datasets.CIFAR10", pytest.fail)
    load_data("cifar10", None, Places.find(Path("new"), download=True))


@pytest.mark.parametrize(
    "error",
    [
        urllib.error.URLError("no route"),
        RuntimeError("File not found or corrupted."),
        PermissionError("read-only"),
    ],
)
@pytest.mark.parametrize(
    ("name", "kind"), [("cifar100", "CIFAR100"), ("fashion-mnist", "FashionMNIST")]
)
def test_a_download_that_fails_is_one_line(nowhere, monkeypatch, error, name, kind):
    def fetch(root, download):
        raise error

    monkeypatch.setattr(f"torchvision.datasets.{kind}", fetch)
    with pytest.raises(DataError, match=f"{name}': could not be downloaded into .*/data: "):
        load_data(name, None, Places.find(download=True))


@pytest.mark.parametrize("name", ["digits", "cifar10", "npz:a.npz"])
def test_only_files_can_be_scaled(nowhere, name):
    with pytest.raises(ConfigError, match=r"loading.image_size must be 0 for data"):
        load_data(name, LoadingConfig(image_size=32))
