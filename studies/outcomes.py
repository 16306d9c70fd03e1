"""What a study asks for, trainings and searches, and what it keeps of them."""

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
    """One training of a study: what is trained, and on how much of the data."""

    config: TrainConfig
    subset: Subset = WHOLE

    @property
    def identity(self) -> str:
        """What makes it the training it is, as one line of JSON."""
        parts = {"config": self.config.to_dict(), "subset": dataclasses.asdict(self.subset)}
        return json.dumps(parts, sort_keys=True)

    @property
    def key(self) -> str:
        """A name that no other training has, 32 hexadecimal digits."""
        return hashlib.blake2b(self.identity.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class RoundNote:
    """What a study keeps of a round (see `swast.result.RoundRecord`): all but who was chosen.

    Attributes:
        epoch: epochs finished when it began.
        size: samples of its coreset.
        noise_ratio: share of them that is mislabelled, in [0, 1].
        overlap: share of them that was in the coreset before; None for the first.
        kl_drift, clean_loss, noisy_loss, overfitting: at its end, where ``[diagnose]`` asked.
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
        """The note of a round's record."""
        names = [each.name for each in dataclasses.fields(cls) if each.name != "size"]
        return cls(size=len(record["indices"]), **{name: record[name] for name in names})


@dataclass(frozen=True)
class Outcome:
    """What a study keeps of a run.

    Attributes:
        test_accuracy: of the last epoch, in [0, 1]; that of guessing where the loss diverged.
        val_accuracy: likewise, on the validation set.
        relative_flops: the bill over that of dense training on all data.
        flops: the bill by term.
        dense_flops: what dense training on all data costs.
        noisy_share: share of wrong labels in the last coreset; None where there was no round.
        seconds: wall time of the training, with its evaluations.
        cpu_seconds: processor time of the whole run, which other work on the machine slows less;
            None where it was not measured.
        diverged: the loss stopped being finite.
        history: every epoch; none of what was kept before they were.
        rounds: every round.
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
        """The outcome of a training that came to its end.

        Args:
            result: `swast.TrainResult.to_dict`, the test set read.
            dense_flops: what dense training on all data costs.
            cpu_seconds: processor time that it took, if that was measured.
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
        """What `dataclasses.asdict` made plain."""
        history = tuple(EpochRecord(**each) for each in values.get("history", ()))
        rounds = tuple(RoundNote(**each) for each in values.get("rounds", ()))
        return cls(**{**values, "history": history, "rounds": rounds})


@dataclass(frozen=True)
class Search:
    """A search of configurations that a study asks for.

    Attributes:
        space: what is searched: a shipped study file by name, or another by its path.
        flops: training FLOPs that all trials may cost together; each pays for its own warm-up.
        seed: of the sampler.
    """

    space: str
    flops: int
    seed: int


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        front: the configurations that no other dominates by validation accuracy and training
            FLOPs, cheapest first.
        spent: training FLOPs that it cost.
        trials: how many it trained.
        sampler: what proposed them.
    """

    front: tuple[TrainConfig, ...]
    spent: int
    trials: int
    sampler: str


class Run(Protocol):
    """Makes what a study asks for, or knows it; whoever conducts a study is handed one."""

    def __call__(self, cells: Iterable[Cell]) -> Mapping[Cell, Outcome]:
        """What comes of trainings."""

    def search(self, wanted: Search) -> Found:
        """What a search finds."""

    def front(self, accuracy: Sequence[float], relative_flops: Sequence[float]) -> Sequence[int]:
        """Positions of the points that no other dominates, by rising FLOPs."""

    def hypervolume(
        self, space: str, accuracy: Sequence[float], relative_flops: Sequence[float]
    ) -> float:
        """The share of the unit square that points dominate, as a search of the space says."""
