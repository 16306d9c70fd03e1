"""Trials to run."""

from __future__ import annotations

from dataclasses import dataclass

from swast.config import TrainConfig


@dataclass(frozen=True)
class Proposal:
    """A trial to run.

    Attributes:
        number: of the trial.
        config: the configuration to train.
        reference: the name of the reference that it is, if it is one.
        begun: whether it was started before.
        repeats: number of the trial whose configuration it trains with another seed.
    """

    number: int
    config: TrainConfig
    reference: str | None
    begun: bool = False
    repeats: int | None = None
