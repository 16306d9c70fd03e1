"""Checkpoints: written atomically, and verified on reading."""

from __future__ import annotations

import io
import os
import pickle
import random
import zipfile
from pathlib import Path

import pytest
import torch

from swast import checkpoint
from swast.errors import CheckpointError
from swast.files import replacing

STATE = {"weights": torch.arange(40.0), "epoch": 3, "nested": {"mask": torch.ones(5).bool()}}


def saved(folder: Path) -> bytes:
    checkpoint.save(folder, STATE)
    return (folder / checkpoint.FILE).read_bytes()


def assert_refused(folder: Path, content: bytes) -> None:
    path = folder / checkpoint.FILE
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(folder)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


class TestRoundTrip:
    def test_state_comes_back_bit_for_bit(self, tmp_path):
        checkpoint.save(tmp_path / "new" / "folder", STATE)
        state = checkpoint.load(tmp_path / "new" / "folder")
        assert torch.equal(state["weights"], STATE["weights"])
        assert torch.equal(state["nested"]["mask"], STATE["nested"]["mask"])
        assert state["epoch"] == 3

    def test_where_there_is_none_there_is_none(self, tmp_path):
        assert checkpoint.load(tmp_path) is None
        assert checkpoint.load(tmp_path / "absent") is None


class TestDamage:
    def test_compressed_content_is_not_unpacked(self, tmp_path):
        """PyTorch writes none, and a small file could unpack to gigabytes."""
        content = saved(tmp_path)
        packed = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w") as new:
            for name in old.namelist():
                new.writestr(name, old.read(name), zipfile.ZIP_DEFLATED)
        assert_refused(tmp_path, packed.getvalue())

    def test_a_file_cut_short_anywhere_is_refused(self, tmp_path):
        content = saved(tmp_path)
        for size in range(0, len(content), 7):
            assert_refused(tmp_path, content[:size])

    def test_a_bit_turned_anywhere_is_refused_or_harmless(self, tmp_path):
        """A flipped bit in padding is harmless; a changed weight must be detected."""
        content, draw = saved(tmp_path), random.Random(0)
        for place in range(len(content)):
            turned = bytearray(content)
            turned[place] ^= 1 << draw.randrange(8)
            (tmp_path / checkpoint.FILE).write_bytes(turned)
            try:
                state = checkpoint.load(tmp_path)
            except CheckpointError:
                continue
            assert torch.equal(state["weights"], STATE["weights"]), f"bit in byte {place}"
            assert torch.equal(state["nested"]["mask"], STATE["nested"]["mask"])
            assert state["epoch"] == 3

    def test_bytes_drawn_at_random_are_refused(self, tmp_path):
        draw = random.Random(0)
        for size in range(300):
            assert_refused(tmp_path, draw.randbytes(size % 60))

    @pytest.mark.parametrize("content", [b"", b"lr = 0.1\n", b"PK\x03\x04", b"\x80\x04N."])
    def test_files_of_another_kind_are_refused(self, tmp_path, content):
        assert_refused(tmp_path, content)

    def test_a_tensor_alone_is_no_checkpoint(self, tmp_path):
        torch.save(torch.ones(3), tmp_path / checkpoint.FILE)
        with pytest.raises(CheckpointError, match="not a checkpoint"):
            checkpoint.load(tmp_path)

    def test_a_folder_in_its_place_is_refused(self, tmp_path):
        (tmp_path / checkpoint.FILE).mkdir()
        with pytest.raises(CheckpointError, match=r"checkpoint\.pt"):
            checkpoint.load(tmp_path)

    def test_code_inside_is_not_run(self, tmp_path):
        class Payload:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "taken"),)

        with (tmp_path / checkpoint.FILE).open("wb") as file:
            torch.save({"epoch": Payload()}, file)
        with pytest.raises(CheckpointError):
            checkpoint.load(tmp_path)
        assert_refused(tmp_path, pickle.dumps(Payload()))
        assert not (tmp_path / "taken").exists()


class TestReplacing:
    def test_the_old_file_stays_until_the_new_one_is_whole(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"old")
        with replacing(path) as file:
            file.write(b"new")
            file.flush()
            assert path.read_bytes() == b"old"
        assert path.read_bytes() == b"new"
        assert list(tmp_path.iterdir()) == [path]

    def test_an_error_on_the_way_leaves_the_old_file_and_nothing_else(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"old")
        with pytest.raises(TypeError), replacing(path) as file:
            file.writelines([b"ne", "w"])
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]

    def test_a_save_that_fails_leaves_the_last_checkpoint(self, tmp_path):
        before = saved(tmp_path)
        with pytest.raises((AttributeError, pickle.PicklingError)):
            checkpoint.save(tmp_path, {"weights": torch.ones(3), "odd": lambda: None})
        assert (tmp_path / checkpoint.FILE).read_bytes() == before
        assert len(list(tmp_path.iterdir())) == 1
