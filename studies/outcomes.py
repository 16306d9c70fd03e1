"""The trainings and searches that a study requests, and the records it keeps of them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from studies.subsets import WHOLE, Subset
from swast.config import TrainConfig
from swast.result import EpochRecord


@dataclass(frozen=True)
class Cell:
    """One training of a study: a configuration, and the part of the data it trains on."""

    config: TrainConfig
    subset: Subset = WHOLE

    @property
    def identity(self) -> str:
        """Configuration and subset as one line of JSON; together they identify the training."""
        parts = {"config": self.config.to_dict(), "subset": dataclasses.asdict(self.subset)}
        return json.dumps(parts, sort_keys=True)

    @property
    def key(self) -> str:
        """Unique name of the training, 32 hexadecimal digits."""
        return hashlib.blake2b(self.identity.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class RoundNote:
    """Record of a round (see `swast.result.RoundRecord`) without the indices of its coreset.

    Attributes:
        epoch: epochs finished when the round began.
        size: number of samples in its coreset.
        noise_ratio: share of them that is mislabelled, in [0, 1].
        overlap: share of them that was in the coreset before; None for the first round.
        kl_drift, clean_loss, noisy_loss, overfitting: measured at its end, if ``[diagnose]``
            requests them.
    """

    epoch: int
    size: int
    noise_ratio: float
    overlap: float | None = None
    kl_drift: float | None = None
    clean_loss: float | None = None
    noisy_loss: float | None = None
    overfitting: float | None = None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> RoundNote:
        """Shorten a round's record."""
        names = [each.name for each in dataclasses.fields(cls) if each.name != "size"]
        return cls(size=len(record["indices"]), **{name: record[name] for name in names})


@dataclass(frozen=True)
class Outcome:
    """Record of a run, as a study keeps it.

    Attributes:
        test_accuracy: after the last epoch, in [0, 1]; that of guessing if the loss diverged.
        val_accuracy: likewise, on the validation set.
        relative_flops: training FLOPs over those of dense training on all data.
        flops: FLOPs by term.
        dense_flops: FLOPs of dense training on all data.
        noisy_share: share of wrong labels in the last coreset; None if there was no round.
        seconds: wall time of the training, with its evaluations.
        cpu_seconds: processor time of the whole run, which other work on the machine slows less;
            None if it was not measured.
        diverged: whether the loss stopped being finite.
        history: every epoch; empty for records from before epochs were kept.
        rounds: every round; empty for records from before rounds were kept.
    """

    test_accuracy: float
    val_accuracy: float
    relative_flops: float
    flops: Mapping[str, int]
    dense_flops: int
    noisy_share: float | None
    seconds: float
    cpu_seconds: float | None = None
    diverged: bool = False
    history: tuple[EpochRecord, ...] = ()
    rounds: tuple[RoundNote, ...] = ()

    @classmethod
    def of(
        cls, result: Mapping[str, Any], dense_flops: int, cpu_seconds: float | None = None
    ) -> Outcome:
        """Return the outcome of a finished training.

        Args:
            result: `swast.TrainResult.to_dict`, with the test set read.
            dense_flops: FLOPs of dense training on all data.
            cpu_seconds: processor time of the run, if it was measured.
        """
        rounds = tuple(map(RoundNote.of, result["rounds"]))
        return cls(
            test_accuracy=result["test_accuracy"],
            val_accuracy=result["val_accuracy"],
            relative_flops=result["train_flops"] / dense_flops,
            flops=result["flops"],
            dense_flops=dense_flops,
            noisy_share=rounds[-1].noise_ratio if rounds else None,
            seconds=result["seconds"],
            cpu_seconds=cpu_seconds,
            history=tuple(EpochRecord(**each) for each in result["history"]),
            rounds=rounds,
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Outcome:
        """Rebuild an outcome from its `dataclasses.asdict`."""
        history = tuple(EpochRecord(**each) for each in values.get("history", ()))
        rounds = tuple(RoundNote(**each) for each in values.get("rounds", ()))
        return cls(**{**values, "history": history, "rounds": rounds})


@dataclass(frozen=True)
class Search:
    """Search over configurations that a study requests.

    Attributes:
        space: the study file to search: a shipped one by name, or another by path.
        flops: training FLOPs that all trials may cost together; each pays for its own warm-up.
        seed: of the sampler.
    """

    space: str
    flops: int
    seed: int


@dataclass(frozen=True)
class Found:
    """Result of a search.

    Attributes:
        front: the configurations that no other dominates by validation accuracy and training
            FLOPs, cheapest first.
        spent: training FLOPs of the search.
        trials: number of trials trained.
        sampler: name of the sampler that proposed them.
    """

    front: tuple[TrainConfig, ...]
    spent: int
    trials: int
    sampler: str


class Run(Protocol):
    """Interface through which a study trains and searches; known results are not made again."""

    def __call__(self, cells: Iterable[Cell]) -> Mapping[Cell, Outcome]:
        """Return the outcome of every training."""

    def search(self, wanted: Search) -> Found:
        """Return the result of a search."""

    def front(self, accuracy: Sequence[float], relative_flops: Sequence[float]) -> Sequence[int]:
        """Return the positions of the points that no other dominates, by rising FLOPs."""

    def hypervolume(
        self, space: str, accuracy: Sequence[float], relative_flops: Sequence[float]
    ) -> float:
        """Return the share of the unit square that points dominate, by the space's objectives."""
