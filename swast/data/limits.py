"""Limits on what files of data may unpack to, so that a small file cannot fill the memory."""

from __future__ import annotations

from pathlib import Path

import torch

from swast.data.samples import memory
from swast.errors import DataError

MOST_RATIO = 100
"""Largest size of unpacked content relative to its file."""
ALWAYS = 2**28
"""Bytes that any file may unpack to, 256 MiB."""


def check_unpacked(path: Path, size: int) -> None:
    """Refuse content that is too large, before it is read.

    Args:
        path: the file.
        size: bytes of its unpacked content, as the file states it.

    Raises:
        DataError: the content is over 256 MiB and over 100 times as large as the file, or needs
            over half of the memory.
    """
    allowed = max(ALWAYS, MOST_RATIO * path.stat().st_size)
    if size > allowed:
        raise DataError(
            f"{path}: would unpack to {in_words(size)}, more than {MOST_RATIO} times its own size "
            f"and {in_words(ALWAYS)}; it is refused"
        )
    room = memory(torch.device("cpu")) // 2
    if size > room:
        raise DataError(
            f"{path}: unpacks to {in_words(size)}; that must fit into half of the memory, "
            f"{in_words(room)}"
        )


def in_words(size: int) -> str:
    """Return a number of bytes as ``1.5 GiB``; a file may state one too large for a float."""
    if size >= 2**60:
        return "over a million TiB"
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB")):
        if size >= 2**power:
            count = size / 2**power
            return f"{count:,.0f} {unit}" if count >= 1000 else f"{count:.3g} {unit}"
    return f"{size:,} bytes"
