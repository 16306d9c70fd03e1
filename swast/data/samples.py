"""Batches of normalised images and labels on the training device.

Images that fit into a configured share of the device's memory are stored there. Other images are
streamed: threads read batches ahead of the training, from memory or from files. Threads suffice
because decoding releases Python's lock, and they end with the epoch. Both ways give the same
batches, bit for bit.
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
"""Largest number of samples per batch in a pass without gradients."""
CHUNK_VALUES = 2**24
"""Largest number of values in such a batch: 64 MiB as float32."""
AHEAD = 3
"""Batches that are read ahead, if images are streamed."""


@dataclass(frozen=True)
class Samples(ABC):
    """Images and labels.

    Attributes:
        labels: labels on the training device, n.
        colours: mean and standard deviation for normalisation; None if already normalised.
    """

    labels: torch.Tensor
    colours: Colours | None

    @abstractmethod
    def stored(self, parts: Iterable[torch.Tensor]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the indices of each part, and their stored images, on the training device."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Channels, height and width of an image."""

    def __len__(self) -> int:
        return len(self.labels)

    def batches(
        self, parts: Iterable[torch.Tensor], augmentation: Augmentation | None = None
    ) -> Iterator[torch.Tensor]:
        """Yield one batch for each part: its normalised, augmented images."""
        normalised = self.colours and self.colours.normaliser(self.labels.device)
        for indices, images in self.stored(parts):
            batch = normalised(images) if normalised else images
            yield batch if augmentation is None else augmentation(batch, indices)

    def take(self, indices: torch.Tensor) -> torch.Tensor:
        """Return the images at some indices as one batch."""
        return next(self.batches([indices]))

    def scan(self, indices: torch.Tensor | None = None) -> Iterator[torch.Tensor]:
        """Yield all images, or those at some indices, in batches of 1,024, or fewer if large."""
        chosen = torch.arange(len(self), device=self.labels.device) if indices is None else indices
        values = max(1, int(np.prod(self.shape)))
        return self.batches(chosen.split(min(CHUNK, max(1, CHUNK_VALUES // values))))


@dataclass(frozen=True)
class Resident(Samples):
    """Samples whose images are stored on the training device."""

    images: torch.Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, height and width of an image."""
        return tuple(self.images.shape[1:])

    def stored(self, parts: Iterable[torch.Tensor]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the indices of each part, and their images."""
        for indices in parts:
            yield indices, self.images[indices]


@dataclass(frozen=True)
class Streamed(Samples):
    """Samples whose images are streamed: threads read them ahead, from memory or files."""

    images: Images
    workers: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, height and width of an image."""
        return tuple(self.images.shape[1:])

    def stored(self, parts: Iterable[torch.Tensor]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the indices of each part, and their images.

        Raises:
            DataError: a file is missing, damaged or not an image.
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
        """Start reading a batch, divided among the workers."""
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
    """Batch that is being read."""

    indices: torch.Tensor
    out: NDArray[Any]
    jobs: list[Future[None]]

    def on(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Wait for the batch; return its indices and its images on a device."""
        for job in self.jobs:
            job.result()
        return self.indices, torch.from_numpy(self.out).to(device)


def on_host(parts: Sequence[torch.Tensor]) -> list[NDArray[np.intp]]:
    """Copy indices to the host as arrays, in a single transfer."""
    if not parts:
        return []
    ends = np.cumsum([len(indices) for indices in parts])
    return np.split(torch.cat(list(parts)).cpu().numpy(), ends[:-1])


def read(images: Images, places: NDArray[np.intp], out: NDArray[Any]) -> None:
    """Copy the images at some positions into an array."""
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
    """Make samples for a device: stored on it if they fit ``memory_share``, else streaming.

    Arrays may be read-only.

    Raises:
        DataError: the images are uint8 and ``colours`` is None.
    """
    if images.dtype == np.uint8 and colours is None:
        raise DataError("uint8 images need colours; swast.data.from_arrays measures them")
    held = torch.tensor(labels, device=device)
    room = loading.memory_share * memory(device)
    if isinstance(images, ImageFiles) or images.nbytes > room:
        return Streamed(labels=held, colours=colours, images=images, workers=loading.workers)
    return Resident(labels=held, colours=colours, images=torch.tensor(images, device=device))


def memory(device: torch.device) -> int:
    """Return the bytes of memory of a device; for the CPU, of the machine or the container."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.is_file() else "max"
    return min(machine, int(text)) if text.isdigit() else machine
