"""Removal below a folder: everything in it, and nothing that only a link or a mount leads to."""

from __future__ import annotations

import os

import pytest

from search.store import removal
from search.store.removal import Remover
from tests.search.support import tree


@pytest.fixture
def place(tmp_path):
    """Return a folder with a home, and others' files beside it."""
    for path in ("home/searches/trip/checkpoints/0/checkpoint.pt", "theirs/0/file"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(bytes(1000))
    return tmp_path


def removed(place, path):
    remover = Remover(place / "home")
    remover.remove(place / "home" / path)
    return remover


def test_a_folder_goes_with_all_its_files_and_they_are_counted(place):
    remover = removed(place, "searches/trip")
    assert (remover.freed, remover.left) == (1000, [])
    assert list((place / "home/searches").iterdir()) == []


def test_what_is_not_there_is_no_problem(place):
    remover = removed(place, "searches/none/checkpoints/7")
    assert (remover.freed, remover.left) == (0, [])
    assert remover.names(place / "home/none") == []


def test_a_file_with_another_name_elsewhere_stays_there_and_frees_nothing(place):
    os.link(place / "theirs/0/file", place / "home/searches/trip/link")
    assert removed(place, "searches/trip").freed == 1000
    assert (place / "theirs/0/file").read_bytes() == bytes(1000)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("searches/trip", "theirs"),
        ("searches/trip/checkpoints", "theirs"),
        ("searches/trip/checkpoints/0", "theirs/0"),
        ("searches/trip/checkpoints/0/checkpoint.pt", "theirs/0/file"),
        ("searches/trip/loop", "home/searches/trip"),
        ("searches/trip/dangling", "nowhere"),
    ],
)
def test_a_link_is_removed_and_not_followed(place, link, target):
    before, path = tree(place / "theirs"), place / "home" / link
    if path.exists():
        path.rename(place / "moved")
    path.symlink_to(place / target)
    assert removed(place, "searches/trip").left == []
    assert not os.path.lexists(place / "home/searches/trip")
    assert tree(place / "theirs") == before


@pytest.mark.parametrize("link", ["searches", "searches/trip", "searches/trip/checkpoints"])
def test_a_link_on_the_way_is_neither_followed_nor_removed(place, link):
    path = place / "home" / link
    path.rename(place / "moved")
    path.symlink_to(place / "moved")
    before = tree(place / "moved")
    remover = removed(place, "searches/trip/checkpoints/0")
    (left,) = remover.left
    assert "is behind a link" in left
    assert remover.freed == 0
    assert path.is_symlink()
    assert tree(place / "moved") == before


def test_a_link_that_takes_the_place_of_a_folder_meanwhile_is_not_followed(place, monkeypatch):
    folder, before, opened = place / "home/searches/trip", tree(place / "theirs"), os.open

    def swapped(path, flags, *more, **options):
        if path == "checkpoints":
            (folder / path).rename(place / "moved")
            (folder / path).symlink_to(place / "theirs")
        return opened(path, flags, *more, **options)

    monkeypatch.setattr(os, "open", swapped)
    assert removed(place, "searches/trip").left
    assert tree(place / "theirs") == before


def test_another_file_system_is_left(place, monkeypatch):
    folder = place / "home/searches/trip/checkpoints"
    monkeypatch.setattr(removal, "mounts", lambda: {str(folder)})
    remover = removed(place, "searches/trip")
    assert remover.left == [f"{folder}: another file system is mounted there"]
    assert (folder / "0/checkpoint.pt").exists()


def test_mounts_are_known_by_their_paths(tmp_path, monkeypatch):
    (tmp_path / "mountinfo").write_text("1 2 0:3 / /a\\040b\\134c rw - ext4 /dev/x rw\n")
    monkeypatch.setattr(removal, "MOUNTS", tmp_path / "mountinfo")
    assert removal.mounts() == {"/a b\\c"}
    monkeypatch.setattr(removal, "MOUNTS", tmp_path / "none")
    assert removal.mounts() == set()


def test_files_that_vanish_meanwhile_are_no_problem(place, monkeypatch):
    found = removal.names_in
    monkeypatch.setattr(removal, "names_in", lambda folder: [*found(folder), "gone"])
    assert removed(place, "searches/trip").left == []
