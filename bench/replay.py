"""Searches replayed over recorded curves, on a simulated clock.

A strategy proposes configurations and decides after every epoch whether a trial continues, as in a
real search. The world returns the surrogate's curves (see `bench.curves`). The simulated time of
an epoch is its FLOPs. Only trials that finish every epoch count.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bench.curves import Surrogate, Table, unseen
from search.objectives import Objectives
from search.pareto import hypervolume
from swast import TrainConfig
from swast.data import load_data
from swast.forecast import dense_flops
from swast.training import foresee

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Training:
    """Simulated training of a configuration.

    Attributes:
        accuracy: after each epoch, in [0, 1], T.
        flops: of each epoch, T.
        warmup: epochs at the start that other trainings share.
        dense: FLOPs of dense training.
    """

    accuracy: Array
    flops: Array
    warmup: int
    dense: int

    @property
    def relative_flops(self) -> float:
        """All FLOPs over those of dense training."""
        return float(self.flops.sum() / self.dense)


class World:
    """Simulator of a study's trainings, based on its recorded curves and the surrogate.

    Every replay draws its own residuals of the surrogate. Within a replay the same
    configuration gets the same curve again.

    Args:
        table: the recording.
    """

    def __init__(self, table: Table) -> None:
        self._surrogate, self._samples = Surrogate(table), table.sizes[0]
        self._missed = unseen(table, self._surrogate.kernel)
        config = table.configs[0]
        self._data = load_data(config.data, config.loading)
        self.foreseen = lru_cache(maxsize=None)(self._foresee)

    def _foresee(self, config: TrainConfig) -> tuple[Array, Array, int]:
        """Return the logits after each epoch, the FLOPs of each, and those of dense training."""
        bill = np.array([mark.ledger.total for mark in foresee(config, self._data).marks])
        dense = dense_flops(config, self._data)
        return self._surrogate.curve(config), np.diff(bill, prepend=0.0), dense

    def price(self, config: TrainConfig) -> float:
        """Return the FLOPs of a configuration's whole schedule."""
        return float(self.foreseen(config)[1].sum())

    def dense(self, config: TrainConfig) -> float:
        """Return the FLOPs of dense training."""
        return float(self.foreseen(config)[2])

    def train(self, config: TrainConfig, draw: np.random.Generator) -> Training:
        """Simulate a configuration's training, with residuals drawn by ``draw``."""
        curve, flops, dense = self.foreseen(config)
        rough = self._missed[draw.integers(len(self._missed))].copy()
        rough[: config.warmup_epochs] = 0
        hits = np.round(self._samples * expit(curve + rough))
        return Training(hits / self._samples, flops, config.warmup_epochs, dense)


class Strategy(Protocol):
    """Search strategy: proposes configurations, and may stop trials early."""

    shares_warmups: bool

    def propose(self) -> tuple[int, TrainConfig]:
        """Return the next trial: its number and its configuration."""

    def goes_on(self, number: int, epoch: int, accuracy: float) -> bool:
        """Record an epoch before the last; return whether the trial continues."""

    def tell(self, number: int, accuracy: float | None, flops: float) -> None:
        """Record a trial's end; accuracy is None if it was stopped."""


class Finish(NamedTuple):
    """Trial that finished every epoch.

    Attributes:
        spent: FLOPs of the whole search by then.
        accuracy: in [0, 1].
        relative_flops: its FLOPs over those of dense training.
    """

    spent: float
    accuracy: float
    relative_flops: float


@dataclass
class Replay:
    """Result of a replayed search.

    Attributes:
        finishes: trials that finished every epoch, in order of finishing.
        stopped: number of trials that were stopped.
        spent: FLOPs in all.
    """

    finishes: list[Finish] = field(default_factory=list)
    stopped: int = 0
    spent: float = 0.0

    def advances(self) -> list[Finish]:
        """Return the finished trials that were not matched in both objectives by one before."""
        found: list[Finish] = []
        for new in self.finishes:
            if not any(
                old.accuracy >= new.accuracy and old.relative_flops <= new.relative_flops
                for old in found
            ):
                found.append(new)
        return found


@dataclass(frozen=True)
class Gains:
    """Hypervolume against FLOPs spent.

    Attributes:
        spent: FLOPs, rising, n.
        found: the hypervolume by then, n.
    """

    spent: Array
    found: Array

    @classmethod
    def of(cls, finishes: Sequence[Finish], axes: Objectives) -> Gains:
        """Compute the hypervolume after each finished trial."""
        points = np.array(finishes, dtype=float).reshape(-1, 3)
        spent, accuracy, relative = points.T
        counts = range(1, len(points) + 1)
        found = [hypervolume(accuracy[:count], relative[:count], axes) for count in counts]
        return cls(spent, np.array(found))

    def at(self, spent: float) -> float:
        """Return the hypervolume after so many FLOPs."""
        place = np.searchsorted(self.spent, spent, side="right")
        return float(self.found[place - 1]) if place else 0.0

    def cost_of(self, wanted: float) -> float:
        """Return the FLOPs after which a hypervolume was reached; infinite if it never was."""
        place = int(np.searchsorted(self.found, wanted))
        return float(self.spent[place]) if place < len(self.spent) else float("inf")


class Clock:
    """Simulated clock of workers that train a strategy's trials concurrently.

    Args:
        world: simulates the trainings.
        strategy: chooses them.
        workers: trials at a time.
        seed: of the replay's draws of the surrogate's residuals.
    """

    def __init__(self, world: World, strategy: Strategy, workers: int, seed: int) -> None:
        self._world, self._strategy, self._seed = world, strategy, seed
        self._events: list[tuple[float, int, Iterator[float]]] = []
        self._order = itertools.count()
        self._warm: list[float] = []
        self._now = 0.0
        self.replay = Replay()
        for _ in range(workers):
            self._start()

    def run(self, flops: float, trials: float) -> Replay:
        """Run until so many FLOPs are spent, or so many trials have ended."""
        done = self.replay
        while done.spent < flops and len(done.finishes) + done.stopped < trials:
            self._now, _, trial = heapq.heappop(self._events)
            until = next(trial, None)
            if until is None:
                self._start()
            else:
                self._push(until, trial)
        return done

    def _start(self) -> None:
        number, config = self._strategy.propose()
        # In replays of one seed, a configuration gets the same residuals under every strategy.
        draw = np.random.default_rng([self._seed, *config.to_toml().encode()])
        trial = self._train(number, self._world.train(config, draw))
        self._push(next(trial), trial)

    def _push(self, until: float, trial: Iterator[float]) -> None:
        heapq.heappush(self._events, (until, next(self._order), trial))

    def _train(self, number: int, training: Training) -> Iterator[float]:
        """Run one trial: yield the time at which each epoch ends, and continue at that time."""
        last = len(training.accuracy)
        for epoch, accuracy in enumerate(training.accuracy, 1):
            until, cost = self._epoch(training, epoch)
            yield until
            self.replay.spent += cost
            if epoch < last and not self._strategy.goes_on(number, epoch, float(accuracy)):
                self._end(number, training, None)
                return
        self._end(number, training, float(training.accuracy[-1]))

    def _epoch(self, training: Training, epoch: int) -> tuple[float, float]:
        """Return the end and the cost of an epoch that begins now; a shared epoch costs 0."""
        cost = float(training.flops[epoch - 1])
        if not self._strategy.shares_warmups or epoch > training.warmup:
            return self._now + cost, cost
        if epoch <= len(self._warm):
            return max(self._now, self._warm[epoch - 1]), 0.0
        self._warm.append(self._now + cost)
        return self._now + cost, cost

    def _end(self, number: int, training: Training, accuracy: float | None) -> None:
        flops = float(training.flops.sum())
        self._strategy.tell(number, accuracy, flops)
        if accuracy is None:
            self.replay.stopped += 1
        else:
            done = Finish(self.replay.spent, accuracy, training.relative_flops)
            self.replay.finishes.append(done)
