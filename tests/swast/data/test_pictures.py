"""Pictures as cameras, browsers and attackers write them: orientation, formats, limits."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from swast.data.pictures import MOST_PIXELS, decode
from swast.errors import DataError
from tests.swast.data.layouts import load, noise, save, write_folder

STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}
"""Pixels as a camera of each orientation stores them."""
BLOCKS = noise(1, 2, 3)[0].repeat(16, 1).repeat(16, 2)


@pytest.mark.parametrize("turn", STORED)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
def test_every_orientation_is_applied(tmp_path, suffix, turn):
    path, exif = tmp_path / f"a.{suffix}", Image.Exif()
    exif[0x0112] = turn
    stored = np.ascontiguousarray(STORED[turn](BLOCKS.transpose(1, 2, 0)))
    options = {"lossless": True} if suffix == "webp" else {"quality": 95}
    Image.fromarray(stored).save(path, exif=exif, **({} if suffix == "png" else options))
    found = decode(path)
    assert found.shape == BLOCKS.shape
    assert np.abs(found.astype(int) - BLOCKS).mean() < 8


@pytest.mark.parametrize("turn", [0, 9, 255, 2**15])
def test_an_orientation_that_means_nothing_is_ignored(tmp_path, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(BLOCKS.transpose(1, 2, 0)).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(decode(tmp_path / "a.png"), BLOCKS)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jfif", "JPEG"),
        ("a.JPE", "JPEG"),
        ("a.jp2", "JPEG2000"),
        ("a.tga", "TGA"),
        ("a.avif", "AVIF"),
        ("a.ico", "ICO"),
        ("a", "PNG"),
        ("a.data", "BMP"),
    ],
)
def test_files_are_known_by_content(tmp_path, name, kind):
    write_folder(tmp_path / "pets")
    save(tmp_path / "pets" / "train" / "cat" / name, noise(1, 8)[0], format=kind)
    data = load(tmp_path, "folder:pets")
    assert data.num_train + len(data.val_labels) == 13
    assert "2 classes: 13 images in train/, 6 images in test/" in data.note


def test_the_first_frame_is_read(tmp_path):
    frames = [Image.fromarray(each.transpose(1, 2, 0)).convert("L") for each in noise(2)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert np.array_equal(decode(tmp_path / "a.gif")[0], np.asarray(frames[0]))


def png(width: int, height: int, pixels: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("side", [7072, 12_000, 20_000, 2**31 - 1])
def test_pictures_that_unpack_to_too_much_are_refused(tmp_path, side, recwarn):
    """Pillow warns of the second and raises for the third and the fourth."""
    (tmp_path / "a.png").write_bytes(png(side, side, b""))
    with pytest.raises(DataError, match=rf"a.png: .* the {MOST_PIXELS:,} that are read$"):
        decode(tmp_path / "a.png")


def test_a_line_that_scaling_would_make_huge_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(png(2_000_000, 1, bytes(1 + 2_000_000 // 8)))
    with pytest.raises(DataError, match=r"a.png: .* it would be scaled to"):
        decode(tmp_path / "a.png", 224, (224, 224))


def test_postscript_is_no_picture(tmp_path):
    """Pillow would run Ghostscript."""
    Image.fromarray(BLOCKS.transpose(1, 2, 0)).save(tmp_path / "a.eps")
    with pytest.raises(DataError, match=r"a.eps: cannot be read as an image: cannot identify"):
        decode(tmp_path / "a.eps")


def test_a_damaged_tiff_is_refused_and_its_library_prints_nothing(tmp_path, capfd):
    """By itself libtiff writes to standard error, past Python."""
    path = tmp_path / "damaged.tif"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, compression="tiff_lzw")
    content = bytearray(path.read_bytes())
    content[40:400] = b"\xff" * 360
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged\.tif: cannot be read as an image: "):
        decode(path)
    assert capfd.readouterr().err == ""
