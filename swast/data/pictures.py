"""Decoding of one picture, in any format that Pillow reads, with limits.

Formats are known by content, never by the name of the file. PostScript is left out, because
Pillow runs another program for it.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swast.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

MOST_PIXELS = 50_000_000
"""Largest number of pixels of a picture: 200 MB while it is decoded."""
LARGE = 2**24
"""Pixels from which pictures are decoded one at a time, to bound the memory."""
ORIENTATION = 0x0112
"""EXIF's tag of the orientation."""
TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""Pillow's name of what turns a stored picture upright, by its orientation; 1 is upright."""
WIDER = ("I", "F")
"""First letters of Pillow's modes of more than 8 bits per channel."""
_alone = threading.Lock()


def decode(path: Path, shorter: int = 0, size: tuple[int, int] = (0, 0)) -> NDArray[np.uint8]:
    """Decode a picture as RGB, 3 × height × width, upright.

    The orientation in its EXIF data is applied. Grey, palette and CMYK images become RGB;
    transparency is dropped. Of several frames the first is read.

    Args:
        path: the file.
        shorter: length to which the shorter side is scaled, bilinearly with antialiasing; 0 for
            no scaling.
        size: height and width of the centre crop after scaling.

    Raises:
        DataError: the file is missing, damaged, not an image, or too large.
    """
    from PIL import Image

    check_file(path)
    with _reading(path), Image.open(path, formats=formats()) as opened:
        pixels = opened.width * opened.height
        if pixels > MOST_PIXELS:
            raise Image.DecompressionBombError
        with _alone if pixels > LARGE else nullcontext():
            opened.load()
            picture = upright(to_rgb(opened), orientation(opened))
            if shorter:
                picture = scaled(picture, shorter, size)
            return np.asarray(picture).transpose(2, 0, 1)


def is_picture(path: Path) -> bool:
    """Return whether a file begins like a picture; its pixels are not decoded.

    Raises:
        DataError: it cannot be read.
    """
    from PIL import Image, UnidentifiedImageError

    check_file(path)
    with _reading(path):
        try:
            with Image.open(path, formats=formats()):
                return True
        except UnidentifiedImageError:
            return False


def check_file(path: Path) -> None:
    """Refuse anything but a file; opening a pipe would wait for a writer.

    Raises:
        DataError: it is none.
    """
    if not path.is_file():
        kind = "not a file" if path.exists() else "a link to nothing"
        reason = f"it is {kind}" if os.path.lexists(path) else "no such file"
        raise DataError(f"{path}: cannot be read as an image: {reason}")


@functools.cache
def formats() -> list[str]:
    """Return Pillow's names of the formats that are read."""
    from PIL import Image

    Image.init()
    _silence_tiff()
    return [name for name in Image.ID if name != "EPS"]


def _silence_tiff() -> None:
    """Let libtiff, which Pillow's wheels bring along, print nothing about damaged files."""
    import PIL

    for path in (Path(PIL.__file__).parents[1] / "pillow.libs").glob("libtiff*"):
        with suppress(OSError, AttributeError):
            library = ctypes.CDLL(str(path))
            library.TIFFSetErrorHandler(None)
            library.TIFFSetWarningHandler(None)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Raise any error of a picture inside the block as one that names the picture.

    Raises:
        DataError: the picture raised something.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a damaged file can raise almost anything
        raise DataError(f"{path}: cannot be read as an image: {_reason(error, path)}") from None


def _reason(error: Exception, path: Path) -> str:
    """Return why a picture cannot be read."""
    from PIL import Image

    if isinstance(error, Image.DecompressionBombError):
        return f"it has more pixels than the {MOST_PIXELS:,} that are read"
    if isinstance(error, MemoryError):
        return "it does not fit into the memory"
    return (str(error) or "it is damaged").replace(repr(str(path)), "the file").splitlines()[0]


def to_rgb(picture: Image.Image) -> Image.Image:
    """Convert an image to RGB.

    Raises:
        ValueError: it has more than 8 bits per channel, which the conversion would lose.
    """
    if picture.mode == "RGB":
        return picture
    if picture.mode.startswith(WIDER):
        raise ValueError(f"it has pixels of kind {picture.mode}, not of 8 bits per channel")
    if picture.mode in ("P", "PA", "RGBa", "La"):
        picture = picture.convert("LA" if picture.mode == "La" else "RGBA")
    return picture.convert("RGB")


def orientation(picture: Image.Image) -> int:
    """Return the orientation of a loaded picture, 1 to 8; 1 if it has none or is damaged."""
    try:
        found = picture.getexif().get(ORIENTATION)
    except Exception:  # noqa: BLE001 - damaged EXIF data can raise almost anything
        return 1
    return found if isinstance(found, int) and found in TURNS else 1


def upright(picture: Image.Image, turn: int) -> Image.Image:
    """Return a picture of an orientation as one sees it."""
    from PIL import Image

    return picture.transpose(Image.Transpose[TURNS[turn]]) if turn in TURNS else picture


def scaled(picture: Image.Image, shorter: int, size: tuple[int, int]) -> Image.Image:
    """Scale the shorter side of a picture, and crop its centre to a height and width.

    Raises:
        ValueError: the longer side would become too long.
    """
    from PIL import Image

    scale = shorter / min(picture.size)
    width, height = (max(shorter, round(side * scale)) for side in picture.size)
    if width * height > MOST_PIXELS:
        raise ValueError(f"it would be scaled to {width} × {height}, over {MOST_PIXELS:,} pixels")
    picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return picture.crop((left, top, left + size[1], top + size[0]))
