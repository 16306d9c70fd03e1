"""Image files with the interface of one array, decoded on reading."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swast.data.pictures import decode
from swast.errors import DataError

TOGETHER = 64
"""Files per decoding job."""
SMALL = 64 * 64
"""Pixels of an image below which decoding uses one thread; more would wait for Python's lock."""


@dataclass(frozen=True)
class ImageFiles:
    """Array interface to n image files, read as uint8 RGB, n × 3 × height × width.

    Attributes:
        root: the folder of the files.
        names: their paths in it, n.
        height, width: size of every image.
        shorter: length to which the shorter side is scaled before the centre is cropped. 0 leaves
            images unchanged; reading then fails for images of another size.
    """

    root: Path
    names: tuple[str, ...]
    height: int
    width: int
    shorter: int = 0

    @classmethod
    def of(cls, root: Path, names: Sequence[str], side: int, shorter: int = 0) -> ImageFiles:
        """Make an array of files cropped to ``side`` × ``side``, or of the first's size at 0.

        Raises:
            DataError: ``side`` is 0 and the first file is not an image.
        """
        if side:
            return cls(root, tuple(names), side, side, shorter or side)
        height, width = decode(root / names[0]).shape[1:]
        return cls(root, tuple(names), height, width)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of all images as one array."""
        return len(self), 3, self.height, self.width

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """Type of a pixel."""
        return np.dtype(np.uint8)

    @property
    def nbytes(self) -> int:
        """Bytes of all images when decoded."""
        return len(self) * 3 * self.height * self.width

    def __getitem__(self, places: NDArray[np.intp] | slice) -> ImageFiles:
        """Return the files at some positions, without reading them."""
        chosen = range(len(self))[places] if isinstance(places, slice) else places
        return replace(self, names=tuple(self.names[place] for place in chosen))

    def read(self, places: NDArray[np.intp], out: NDArray[Any]) -> None:
        """Decode the images at some positions into an array.

        Raises:
            DataError: a file is missing, damaged, not an image, or of another size.
        """
        for row, place in enumerate(places):
            path = self.root / self.names[place]
            picture = decode(path, self.shorter, (self.height, self.width))
            if picture.shape[1:] != (self.height, self.width):
                raise DataError(
                    f"{path}: is {picture.shape[2]} × {picture.shape[1]} pixels, and "
                    f"{self.root / self.names[0]} is {self.width} × {self.height}; "
                    "loading.image_size scales all to one size"
                )
            out[row] = picture

    def decoded(self, workers: int) -> NDArray[np.uint8]:
        """Decode all images into an array.

        Raises:
            DataError: as in `read`.
        """
        out = np.empty(self.shape, dtype=np.uint8)
        places = np.split(np.arange(len(self)), range(TOGETHER, len(self), TOGETHER))
        with ThreadPoolExecutor(1 if self.height * self.width < SMALL else workers) as pool:
            jobs = [pool.submit(self.read, part, out[part[0] : part[-1] + 1]) for part in places]
            try:
                for job in jobs:
                    job.result()
            finally:
                pool.shutdown(cancel_futures=True)
        return out
