"""Epochs of trials in files: each once and in order, after kills and on full disks."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.store.epoch_log import EpochLog
from tests.search.support import epoch


def epochs(first: int, last: int):
    return [epoch(number, number / 10) for number in range(first, last + 1)]


@given(st.lists(st.integers(1, 9), max_size=12))
def test_epochs_are_kept_once_and_in_order_however_often_they_are_told(tmp_path_factory, tellings):
    """A restarted worker reports all epochs that it has trained so far."""
    folder = tmp_path_factory.mktemp("histories")
    made, told = EpochLog(folder), []
    for upto in tellings:
        told += made.extend(7, epochs(1, upto))
    assert told == epochs(1, max(tellings, default=0))
    assert made.read(7) == EpochLog(folder).read(7) == told


def test_a_trial_without_a_file_has_made_none(tmp_path):
    assert EpochLog(tmp_path / "none").read(3) == []
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("cut", range(2, 60, 7))
def test_a_line_cut_short_is_left_out_and_then_made_good(tmp_path, cut):
    EpochLog(tmp_path).extend(0, epochs(1, 3))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-cut])
    again = EpochLog(tmp_path)
    assert again.read(0) == epochs(1, 2)
    assert again.extend(0, epochs(1, 4)) == epochs(3, 4)
    assert EpochLog(tmp_path).read(0) == epochs(1, 4)


def test_what_a_full_disk_refuses_is_written_later(tmp_path, monkeypatch):
    kept, opened = EpochLog(tmp_path), Path.open
    kept.extend(0, epochs(1, 2))

    def full(path, mode="r", *more, **options):
        if mode != "rb":
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, mode, *more, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        assert kept.extend(0, epochs(3, 3)) == epochs(3, 3)
        assert kept.read(0) == epochs(1, 3)
    assert EpochLog(tmp_path).read(0) == epochs(1, 2)
    kept.extend(0, epochs(4, 4))
    assert EpochLog(tmp_path).read(0) == epochs(1, 4)
