"""Files that say or unpack to more than they should: refused before the memory is taken."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import zipfile

import numpy as np
import pytest

from swast.data import limits
from swast.data.cifar import read_pickle
from swast.data.fashion_mnist import read_idx
from swast.data.npz import read_npz
from swast.errors import DataError
from tests.swast.data.layouts import write_npz


def with_header(path, shape, descr="|u1"):
    """Write an archive whose ``x_train`` claims a shape."""
    write_npz(path)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    head = io.BytesIO()
    facts = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, facts)
    files["x_train.npy"] = head.getvalue() + files["x_train.npy"][128:]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("shape", [(10**12, 3, 8, 8), (2**62, 4), (19, 3, 8, 8), (-1, 3, 8, 8)])
def test_an_array_that_says_what_it_has_not_is_refused(tmp_path, shape):
    with pytest.raises(DataError, match=r"own.npz: .*x_train.npy says .* holds other bytes"):
        read_npz(with_header(tmp_path / "own.npz", shape))


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "ALWAYS", 2**20)
    path = tmp_path / "own.npz"
    zeros = np.zeros((20, 3, 200, 200), np.uint8)
    np.savez_compressed(path, x_train=zeros, y_train=zeros[:, 0, 0, 0])
    with pytest.raises(DataError, match=r"own.npz: would unpack to 2.29 MiB, more than 100 times"):
        read_npz(path)


def test_an_archive_that_needs_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "memory", lambda device: 1000)
    with pytest.raises(DataError, match=r"own.npz: unpacks to .* half of the memory, 500 bytes"):
        read_npz(write_npz(tmp_path / "own.npz"))


def test_an_encrypted_archive_is_refused(tmp_path):
    path = write_npz(tmp_path / "own.npz")
    content = path.read_bytes()
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        parts = content.split(mark)
        content = mark.join(
            [parts[0], *(each[: at - 4] + b"\x01" + each[at - 3 :] for each in parts[1:])]
        )
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=r"own.npz: cannot be read as a NumPy archive: .*encrypted"
    ):
        read_npz(path)


def test_archives_with_wrong_bits_give_arrays_or_a_line(tmp_path):
    good, random = write_npz(tmp_path / "own.npz").read_bytes(), np.random.default_rng(0)
    path = tmp_path / "bad.npz"
    for _ in range(200):
        content = np.frombuffer(good, np.uint8).copy()
        places = random.integers(0, len(content), 4)
        content[places] = random.integers(0, 256, 4)
        path.write_bytes(content.tobytes())
        try:
            read_npz(path)
        except DataError as error:
            assert str(error).isprintable()  # noqa: PT017


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("shape", [(2**31, 28, 28), (60_000, 28, 28), (3,)])
def test_an_idx_file_that_says_what_it_has_not_is_refused(tmp_path, packed, shape):
    content = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape) + bytes(100)
    path = tmp_path / ("a.gz" if packed else "a")
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(
        DataError, match=r"a(.gz)?: (would unpack to 1.53 TiB|is damaged: it says)"
    ):
        read_idx(path)


def test_an_idx_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "ALWAYS", 2**20)
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(struct.pack(">BBBBI", 0, 0, 8, 1, 2**22) + bytes(2**22)))
    with pytest.raises(DataError, match=r"a.gz: would unpack to 4 MiB"):
        read_idx(path)


class Claims:
    """Array of 10^13 bytes, as a pickle may ask for it."""

    def __init__(self, how):
        self.how = how

    def __reduce__(self):
        return self.how


RECONSTRUCT = np.zeros(1).__reduce__()[0]


@pytest.mark.parametrize(
    "how", [(RECONSTRUCT, (np.ndarray, (10**13,), b"b")), (np.ndarray, (10**13,))]
)
def test_a_pickle_takes_no_memory_by_a_shape(tmp_path, how):
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps({"data": Claims(how)}, protocol=2))
    try:
        assert read_pickle(path)["data"].size == 0
    except DataError as error:
        assert "data_batch_1: is damaged" in str(error)  # noqa: PT017
