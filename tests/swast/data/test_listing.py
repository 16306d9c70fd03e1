"""Folders of images: links, files that are none, odd names, and what is said of them."""

from __future__ import annotations

import os
import shutil

import pytest

from swast.errors import DataError
from tests.swast.data.layouts import load, noise, save, write_folder


@pytest.fixture
def pets(tmp_path):
    write_folder(tmp_path / "pets")
    return tmp_path / "pets"


def note(pets) -> str:
    data = load(pets.parent, "folder:pets")
    read = data.num_train + len(data.val_labels)
    assert f"2 classes: {read} images in train/, 6 images in test/" in data.note
    return data.note.removeprefix("folder:pets: ")


def outside(pets):
    """Write two images beside the data set, and return their folder."""
    for number in range(2):
        save(pets.parent / "outside" / f"{number}.png", noise(1)[0])
    return pets.parent / "outside"


def test_linked_folders_and_files_are_followed(pets):
    there = outside(pets)
    (pets / "train" / "cat" / "folder").symlink_to(there)
    (pets / "train" / "dog" / "file.png").symlink_to(there / "0.png")
    (pets / "train" / "dog" / "hard.png").hardlink_to(there / "1.png")
    assert note(pets) == "2 classes: 16 images in train/, 6 images in test/"


def test_a_class_and_a_part_may_be_links(pets):
    for folder in ("test", "train/cat"):
        moved = pets.parent / folder.replace("/", "-")
        (pets / folder).rename(moved)
        (pets / folder).symlink_to(moved)
    assert note(pets) == "2 classes: 12 images in train/, 6 images in test/"


@pytest.mark.parametrize("to", ["train/cat", "train", ".", ".."])
def test_loops_of_links_end(pets, to):
    (pets / "train" / "cat" / "loop").symlink_to(pets / to)
    assert note(pets).endswith("skipped 1 (1 linked twice)")


def test_folders_that_link_to_each_other_are_read_once(pets):
    """Each of 20 folders links twice to the next one: 2^20 paths."""
    for number in range(20):
        (pets.parent / f"{number}").mkdir()
        for name in "ab":
            (pets.parent / f"{number}" / name).symlink_to(pets.parent / f"{number + 1}")
    shutil.move(outside(pets), pets.parent / "20")
    (pets / "train" / "cat" / "first").symlink_to(pets.parent / "0")
    assert note(pets).startswith("2 classes: 14 images in train/")


def test_what_systems_leave_among_pictures_is_skipped_and_counted(pets):
    for name in (".DS_Store", "._0.png", "Thumbs.db", "desktop.ini"):
        (pets / "train" / "cat" / name).write_bytes(b"x")
    (pets / "train" / "README.txt").write_text("beside the classes")
    said = "skipped 5 (1 beside the classes, 2 hidden, 2 of the system)"
    assert note(pets) == f"2 classes: 12 images in train/, 6 images in test/; {said}"


def test_test_images_that_are_trained_on_are_counted(pets):
    shutil.copy(pets / "train" / "cat" / "0.png", pets / "test" / "cat" / "0.png")
    assert note(pets).endswith("; 1 of the 6 test images are in another part too")


@pytest.mark.parametrize("name", ["pipe", "pipe.png"])
def test_a_pipe_is_refused_without_opening_it(pets, name):
    os.mkfifo(pets / "train" / "cat" / name)
    with pytest.raises(DataError, match=rf"{name}: cannot be read as an image: it is not a file"):
        note(pets)


@pytest.mark.parametrize("name", [b"\xff.png", b"two\nlines.png", b"\x1b[31mred.png"])
def test_odd_names_are_read_and_escaped_in_errors(pets, name):
    path = os.path.join(os.fsencode(pets / "train" / "cat"), name)  # noqa: PTH118
    shutil.copy(pets / "train" / "cat" / "0.png", path)
    assert note(pets).startswith("2 classes: 13 images in train/")
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(b"x")
    with pytest.raises(DataError) as refused:
        note(pets)
    assert str(refused.value).isprintable()


def test_one_class_is_refused(pets):
    for part in ("train", "test"):
        shutil.rmtree(pets / part / "dog")
    with pytest.raises(DataError, match="'folder:pets': has one class, 'cat'"):
        note(pets)
