"""Folders for Ray's files: kept while their process lives, removed after it was killed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from search.engine.scratch import PREFIX, scratch_folder

HOLD = """
import sys
from search.engine.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "socket").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_a_folder_goes_with_its_block(place):
    with scratch_folder() as folder:
        (folder / "deep").mkdir()
        assert folder.parent == place
    assert list(place.iterdir()) == []


def test_those_of_others_are_left_while_they_live_and_swept_when_they_are_killed(place):
    foreign = place / f"{PREFIX}without-a-lock"
    foreign.mkdir()
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    theirs = place / other.stdout.readline().strip()
    with scratch_folder():
        assert (theirs / "socket").exists()
    other.kill()
    other.communicate()
    assert theirs.exists()
    with scratch_folder():
        assert not theirs.exists()
    assert foreign.exists()
