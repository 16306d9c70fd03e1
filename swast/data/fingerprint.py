"""Fingerprint of a data set: its identity by content, and what differs between two of them."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from swast.data.files import ImageFiles

PARTS = {"train": "training", "val": "validation", "test": "test"}
DIGITS = 16
"""Bytes of a digest."""
SIZED, PROBED, PROBE = 20_000, 200, 2**16
"""Streamed files of a part whose sizes are read, and those of which 64 KiB are read."""

Fingerprint = dict[str, Any]
"""``train``, ``val`` and ``test`` have the number of samples and a digest of images and labels;
``classes`` and ``form`` (of an image) have a digest. ``rounded`` names what rounded float images
when they were normalised: elsewhere the same data have other digests."""


def part_of(images: NDArray[Any] | ImageFiles, labels: NDArray[np.int64]) -> list[Any]:
    """Return the number of samples of a part, and the digest of its images and labels.

    Arrays are read in full, at about 1 GB/s. Of files that are streamed, the names and sizes
    count, and the beginnings of 200 of them.
    """
    found = hashlib.sha256(np.ascontiguousarray(labels).tobytes())
    if isinstance(images, ImageFiles):
        for text in _of_files(images):
            found.update(text)
    else:
        found.update(np.ascontiguousarray(images).data)
    return [len(labels), found.hexdigest()[: 2 * DIGITS]]


def _of_files(images: ImageFiles) -> list[bytes]:
    """Return facts that distinguish streamed files."""
    texts = [name.encode("utf-8", "surrogateescape") for name in images.names]
    for number in _spread(len(images), SIZED):
        texts.append(str((images.root / images.names[number]).stat().st_size).encode())
    for number in _spread(len(images), PROBED):
        with (images.root / images.names[number]).open("rb") as file:
            texts.append(file.read(PROBE))
    return texts


def _spread(count: int, most: int) -> Sequence[int]:
    """Return at most some evenly spaced positions."""
    return range(0, count, max(1, -(-count // most)))


def rounding(kind: np.dtype[Any]) -> str:
    """Return what the last digits of images of a type depend on; nothing for bytes."""
    if kind == np.uint8:
        return ""
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()} {np.__version__}"


def digest_of(*facts: object) -> str:
    """Return a digest of plain values."""
    return hashlib.sha256(repr(facts).encode("utf-8", "surrogateescape")).hexdigest()[: 2 * DIGITS]


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return in words how data differ from what they were; nothing if they are the same."""
    comparable = before.get("rounded") == now["rounded"]
    counts, others = [], []
    for part, word in PARTS.items():
        old, new = before.get(part), now[part]
        if not old or old == new:
            continue
        if old[0] != new[0]:
            counts.append(f"{old[0]:,} {word} samples then, {new[0]:,} now")
        elif comparable:
            others.append(word)
    said = "; ".join(counts)
    if not counts and others:
        said = f"other {' and '.join(others)} samples, as many as before"
    if not said and before.get("form") not in (None, now["form"]):
        said = "images of another size or type"
    if before.get("classes") not in (None, now["classes"]):
        return f"other classes{f'; {said}' if said else ''}"
    return said
