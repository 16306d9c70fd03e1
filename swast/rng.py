"""Random numbers: one named stream a purpose, all derived from the run's seed.

A stream depends on (seed, purpose, index) alone, never on what was drawn before. So a resumed run
draws what an unbroken one would have drawn, and changing the scorer leaves the order of the
batches as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derive(seed: int, purpose: str, index: int = 0) -> int:
    """A 63-bit seed for one purpose (and epoch or round) of a run."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: str, index: int = 0) -> torch.Generator:
    """A CPU generator for one purpose (and epoch or round) of a run."""
    return torch.Generator().manual_seed(derive(seed, purpose, index))


@contextmanager
def seeded(seed: int, purpose: str) -> Iterator[None]:
    """Seed torch's global CPU generator inside the block and restore it afterwards.

    Only for code that cannot take a generator: the constructors of `torch.nn` modules.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive(seed, purpose))
        yield
