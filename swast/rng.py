"""Random numbers: one named stream per purpose, all derived from the run's seed.

A stream depends on (seed, purpose, index) alone, never on earlier draws. So a resumed run draws
the same numbers as an uninterrupted one, and another scorer leaves the order of the batches
unchanged.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive(seed: int, purpose: str, index: int = 0) -> int:
    """Return a 63-bit seed for one purpose (and epoch or round) of a run."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: str, index: int = 0) -> torch.Generator:
    """Return a CPU generator for one purpose (and epoch or round) of a run."""
    return torch.Generator().manual_seed(derive(seed, purpose, index))


@contextmanager
def seeded(
    seed: int, purpose: str, index: int = 0, device: torch.device | None = None
) -> Iterator[None]:
    """Seed the global generators inside the block and restore them afterwards.

    They are those of torch, NumPy and Python. Use it only for code that takes no generator: the
    constructors of `torch.nn` modules, dropout, networks of users.

    Args:
        seed: the run's seed.
        purpose: name of the stream.
        index: the epoch or round.
        device: a GPU whose global generator is seeded as well as the CPU's.
    """
    number = derive(seed, purpose, index)
    gpus = [device] if device is not None and device.type == "cuda" else []
    of_python, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(number)
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(number)
        random.seed(number)
        np.random.seed(number % 2**32)
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)
