"""Epochs of trials in files: each once and in order, after kills and on full disks."""

from __future__ import annotations

import dataclasses
import errno
import json
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


DAMAGE = {
    "no JSON": b"xyz",
    "no UTF-8": b'"\xff"',
    "deep": b"[" * 100_000,
    "a list": b"[1, 2]",
    "text for a number": b'{"epoch": "2"}',
    "zeros": bytes(40),
}


@pytest.mark.parametrize("line", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_line_spoils_no_other_and_is_made_good(tmp_path, line):
    EpochLog(tmp_path).extend(0, epochs(1, 4))
    (path,) = tmp_path.iterdir()
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([lines[0], line, *lines[2:], b""]))
    again = EpochLog(tmp_path)
    assert again.read(0) == epochs(1, 1) + epochs(3, 4)
    assert again.extend(0, epochs(1, 5)) == [epoch(2, 0.2), epoch(5, 0.5)]
    assert EpochLog(tmp_path).read(0) == epochs(1, 5)


@pytest.mark.parametrize(
    ("name", "value"),
    [("val_accuracy", "x"), ("epoch", 0), ("epoch", [1]), ("seconds", None), ("samples", 1.5)],
)
def test_a_line_with_a_wrong_value_is_left_out(tmp_path, name, value):
    line = dataclasses.asdict(epoch(1, 0.1)) | {name: value}
    (tmp_path / "0.jsonl").write_text(f"{json.dumps(line)}\n")
    assert EpochLog(tmp_path).read(0) == []


def test_keys_of_later_versions_are_ignored(tmp_path):
    line = dataclasses.asdict(epoch(1, 0.1)) | {"energy": 7}
    (tmp_path / "0.jsonl").write_text(f"{json.dumps(line)}\n")
    assert EpochLog(tmp_path).read(0) == epochs(1, 1)


def test_a_folder_in_place_of_the_file_holds_none(tmp_path):
    (tmp_path / "0.jsonl").mkdir()
    log = EpochLog(tmp_path)
    assert log.read(0) == []
    assert log.extend(0, epochs(1, 1)) == log.read(0) == epochs(1, 1)
