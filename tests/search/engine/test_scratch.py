"""Folders for Ray's files: kept while their process lives, removed after it was killed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from search.engine.scratch import LONGEST, PREFIX, obstacle, scratch_folder
from search.errors import RequestError
from search.store.process import process_settings
from search.temporary import places, temporary_folder

HOLD = """
import sys
from search.engine.scratch import scratch_folder
from search.temporary import temporary_folder
with {kind}() as folder:
    (folder / "socket").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place(monkeypatch):
    """A folder for temporary files with a short path."""
    folder = tempfile.mkdtemp(prefix="scr", dir="/tmp")
    monkeypatch.setenv("TMPDIR", folder)
    yield Path(folder)
    shutil.rmtree(folder, ignore_errors=True)


def test_a_folder_goes_with_its_block(place):
    with scratch_folder() as folder:
        (folder / "deep").mkdir()
        assert folder.parent.parent == place
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("kind", [scratch_folder, temporary_folder])
def test_those_of_others_are_left_while_they_live_and_swept_when_they_are_killed(place, kind):
    foreign = place / f"{PREFIX}without-a-lock"
    foreign.mkdir()
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(kind=kind.__name__)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    theirs = place / other.stdout.readline().strip()
    with process_settings():
        assert (theirs / "socket").exists()
    other.kill()
    other.communicate()
    assert theirs.exists()
    with process_settings():
        assert not theirs.exists()
    assert foreign.exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("slurm_jobdir/project-imaging-2026/user0001", "longer than"),
        ("with space", "other characters"),
        ("100%", "other characters"),
        ("a?b", "other characters"),
        ("missing", "no folder"),
        ("file", "no folder"),
    ],
)
def test_a_place_that_will_not_do_is_replaced_by_another(place, monkeypatch, name, reason):
    given = place / name
    if name == "file":
        given.touch()
    elif name != "missing":
        given.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(given))
    if reason != "longer than":
        monkeypatch.setattr("search.engine.scratch.SOCKET_BYTES", 200)
    assert reason in obstacle(given)
    with scratch_folder() as folder:
        outer = folder.parent
        assert outer.parent == Path("/tmp")
        assert len(os.fsencode(outer.parent / LONGEST[1:])) <= 107
    assert not outer.exists()
    assert name == "missing" or given.exists()


def test_a_full_or_forbidden_place_will_not_do(place, monkeypatch):
    monkeypatch.setattr("search.engine.scratch.LEAST_BYTES", 2**62)
    assert obstacle(place) == "is full"
    monkeypatch.undo()
    monkeypatch.setattr("os.access", lambda *_: False)
    assert obstacle(place) == "is not writable"


def test_without_any_place_a_line_says_what_to_do(place, monkeypatch):
    monkeypatch.setattr("search.engine.scratch.LEAST_BYTES", 2**62)
    words = r"TMPDIR: no folder .* is full; set TMPDIR"
    with pytest.raises(RequestError, match=words), scratch_folder():
        pass
    assert places()[0] == place
    assert list(place.iterdir()) == []


def test_a_link_is_not_followed(place, tmp_path):
    """Another user may have planted it in a shared folder."""
    (tmp_path / "lock").touch()
    (place / f"{PREFIX}planted").symlink_to(tmp_path)
    with process_settings():
        assert (tmp_path / "lock").exists()
