"""Images and labels as a run reads them: in batches, on the training device, normalised.

What fits a set share of the device's memory lies there; the rest streams: threads read batches
ahead of the training, from memory or from files. Decoding lets go of Python's lock, so threads
are workers enough, and they end with the epoch, in whatever process it runs. Both ways give the
same batches, bit for bit.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from swast.config import LoadingConfig
from swast.data.augment import Augmentation
from swast.data.base import Colours, Images
from swast.data.files import ImageFiles
from swast.errors import DataError

CHUNK = 1024
"""Samples that a pass without gradients looks at together, at most."""
CHUNK_VALUES = 2**24
"""Values that their images have together, at most: 64 MiB as float32."""
AHEAD = 3
"""Batches that are read before they are asked for, where images stream."""


@dataclass(frozen=True)
class Samples(ABC):
    """Images and labels.

    Attributes:
        labels: on the training device, n.
        colours: what the images are normalised by; None where they are already.
    """

    labels: torch.Tensor
    colours: Colours | None

    @abstractmethod
    def stored(self, parts: Iterable[torch.Tensor]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The indices of each part, and the images there as stored, on the training device."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Channels, height and width of an image."""

    def __len__(self) -> int:
        return len(self.labels)

    def batches(
        self, parts: Iterable[torch.Tensor], augmentation: Augmentation | None = None
    ) -> Iterator[torch.Tensor]:
        """The images at the indices of each part, a batch a part, in that order."""
        normalised = self.colours and self.colours.normaliser(self.labels.device)
        for indices, images in self.stored(parts):
            batch = normalised(images) if normalised else images
            yield batch if augmentation is None else augmentation(batch, indices)

    def take(self, indices: torch.Tensor) -> torch.Tensor:
        """The images at some indices, as one batch."""
        return next(self.batches([indices]))

    def scan(self, indices: torch.Tensor | None = None) -> Iterator[torch.Tensor]:
        """All images, or those at some indices, in order, 1,024 at a time; fewer if large."""
        chosen = torch.arange(len(self), device=self.labels.device) if indices is None else indices
        values = max(1, int(np.prod(self.shape)))
        return self.batches(chosen.split(min(CHUNK, max(1, CHUNK_VALUES // values))))


@dataclass(frozen=True)
class Resident(Samples):
    """Images that lie on the training device."""

    images: torch.Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, height and width of an image."""
        return tuple(self.images.shape[1:])

    def stored(self, parts: Iterable[torch.Tensor]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The indices of each part, and the images there."""
        for indices in parts:
            yield indices, self.images[indices]


@dataclass(frozen=True)
class Streamed(Samples):
    """Images in memory or in files, read in threads before they are asked for."""

    images: Images
    workers: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, height and width of an image."""
        return tuple(self.images.shape[1:])

    def stored(self, parts: Iterable[torch.Tensor]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The indices of each part, and the images there.

        Raises:
            DataError: a file is missing, damaged or no picture.
        """
        known = list(parts)
        with ThreadPoolExecutor(self.workers) as pool:
            begun: deque[Begun] = deque()
            try:
                for indices, places in zip(known, on_host(known), strict=True):
                    begun.append(self._begin(pool, indices, places))
                    if len(begun) > AHEAD:
                        yield begun.popleft().on(self.labels.device)
                while begun:
                    yield begun.popleft().on(self.labels.device)
            finally:
                pool.shutdown(cancel_futures=True)

    def _begin(
        self, pool: ThreadPoolExecutor, indices: torch.Tensor, places: NDArray[np.intp]
    ) -> Begun:
        """Have the workers read a batch, each its share."""
        out = np.empty((len(places), *self.shape), dtype=self.images.dtype)
        shares = np.array_split(np.arange(len(places)), max(1, min(self.workers, len(places))))
        jobs = [
            pool.submit(read, self.images, places[share], out[share[0] : share[-1] + 1])
            for share in shares
            if len(share)
        ]
        return Begun(indices, out, jobs)


@dataclass(frozen=True)
class Begun:
    """A batch that is being read."""

    indices: torch.Tensor
    out: NDArray[Any]
    jobs: list[Future[None]]

    def on(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """The indices and, once they are read, the images on a device."""
        for job in self.jobs:
            job.result()
        return self.indices, torch.from_numpy(self.out).to(device)


def on_host(parts: Sequence[torch.Tensor]) -> list[NDArray[np.intp]]:
    """Indices as arrays, brought over from the device together: each alone would wait for it."""
    if not parts:
        return []
    ends = np.cumsum([len(indices) for indices in parts])
    return np.split(torch.cat(list(parts)).cpu().numpy(), ends[:-1])


def read(images: Images, places: NDArray[np.intp], out: NDArray[Any]) -> None:
    """Copy the images at some places into an array."""
    if isinstance(images, ImageFiles):
        images.read(places, out)
    else:
        out[:] = images[places]


def make_samples(
    device: torch.device,
    images: Images,
    labels: NDArray[np.int64],
    colours: Colours | None,
    loading: LoadingConfig,
) -> Samples:
    """Samples for a device: on it if they fit their share of its memory, else streaming to it.

    Arrays may be read-only.

    Raises:
        DataError: the images are uint8 and nothing says how to normalise them.
    """
    if images.dtype == np.uint8 and colours is None:
        raise DataError("uint8 images need colours; swast.data.from_arrays measures them")
    held = torch.tensor(labels, device=device)
    room = loading.memory_share * memory(device)
    if isinstance(images, ImageFiles) or images.nbytes > room:
        return Streamed(labels=held, colours=colours, images=images, workers=loading.workers)
    return Resident(labels=held, colours=colours, images=torch.tensor(images, device=device))


def memory(device: torch.device) -> int:
    """Bytes of memory of a device; of the CPU, what the machine or the container has."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.is_file() else "max"
    return min(machine, int(text)) if text.isdigit() else machine
