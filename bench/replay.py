"""Searches replayed over recorded curves, on a simulated clock.

A strategy proposes configurations and says after every epoch whether a trial goes on, as in a real
search; the world answers with the surrogate's curves (see `bench.curves`). An epoch takes as long
as it costs FLOPs. Only trials that make every epoch count.
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
from search.pareto import hypervolume
from search.study.tables import Objectives
from swast import TrainConfig
from swast.data import load_data
from swast.forecast import dense_flops
from swast.training import foresee

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Training:
    """What a configuration would do.

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
        """The whole bill over that of dense training."""
        return float(self.flops.sum() / self.dense)


class World:
    """A study's recorded curves, made continuous.

    Every replay has a draw of its own of what the surrogate misses, and keeps to it: the same
    configuration does the same again.

    Args:
        table: what was recorded.
    """

    def __init__(self, table: Table) -> None:
        self._surrogate, self._samples = Surrogate(table), table.sizes[0]
        self._missed = unseen(table, self._surrogate.kernel)
        config = table.configs[0]
        self._data = load_data(config.data, config.loading)
        self.foreseen = lru_cache(maxsize=None)(self._foresee)

    def _foresee(self, config: TrainConfig) -> tuple[Array, Array, int]:
        """Logits after, and FLOPs of, each epoch; and FLOPs of dense training."""
        bill = np.array([mark.ledger.total for mark in foresee(config, self._data).marks])
        dense = dense_flops(config, self._data)
        return self._surrogate.curve(config), np.diff(bill, prepend=0.0), dense

    def price(self, config: TrainConfig) -> float:
        """FLOPs of a configuration's whole schedule."""
        return float(self.foreseen(config)[1].sum())

    def dense(self, config: TrainConfig) -> float:
        """FLOPs of dense training."""
        return float(self.foreseen(config)[2])

    def train(self, config: TrainConfig, draw: np.random.Generator) -> Training:
        """What a configuration does in a replay."""
        curve, flops, dense = self.foreseen(config)
        rough = self._missed[draw.integers(len(self._missed))].copy()
        rough[: config.warmup_epochs] = 0
        hits = np.round(self._samples * expit(curve + rough))
        return Training(hits / self._samples, flops, config.warmup_epochs, dense)


class Strategy(Protocol):
    """What proposes, and stops on the way."""

    shares_warmups: bool

    def propose(self) -> tuple[int, TrainConfig]:
        """The next trial: its number and its configuration."""

    def goes_on(self, number: int, epoch: int, accuracy: float) -> bool:
        """Take note of an epoch before the last; returns whether the trial goes on."""

    def tell(self, number: int, accuracy: float | None, flops: float) -> None:
        """Take note of a trial's end; without accuracy where it was stopped."""


class Finish(NamedTuple):
    """A trial that made every epoch.

    Attributes:
        spent: FLOPs of the whole search by then.
        accuracy: in [0, 1].
        relative_flops: its bill over that of dense training.
    """

    spent: float
    accuracy: float
    relative_flops: float


@dataclass
class Replay:
    """One search, replayed.

    Attributes:
        finishes: trials that made every epoch, in that order.
        stopped: number of trials that did not.
        spent: FLOPs in all.
    """

    finishes: list[Finish] = field(default_factory=list)
    stopped: int = 0
    spent: float = 0.0

    def advances(self) -> list[Finish]:
        """The finished trials that none before them was at least as good as."""
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
        found: what they had bought, n.
    """

    spent: Array
    found: Array

    @classmethod
    def of(cls, finishes: Sequence[Finish], axes: Objectives) -> Gains:
        """Those of some trials, as they finished."""
        points = np.array(finishes, dtype=float).reshape(-1, 3)
        spent, accuracy, relative = points.T
        counts = range(1, len(points) + 1)
        found = [hypervolume(accuracy[:count], relative[:count], axes) for count in counts]
        return cls(spent, np.array(found))

    def at(self, spent: float) -> float:
        """The hypervolume that so many FLOPs have bought."""
        place = np.searchsorted(self.spent, spent, side="right")
        return float(self.found[place - 1]) if place else 0.0

    def cost_of(self, wanted: float) -> float:
        """The FLOPs that bought a hypervolume; infinite where none did."""
        place = int(np.searchsorted(self.found, wanted))
        return float(self.spent[place]) if place < len(self.spent) else float("inf")


class Clock:
    """Workers that train the trials of a strategy side by side.

    Args:
        world: says what trainings do.
        strategy: says which.
        workers: trials at a time.
        seed: of the replay's draw of what the surrogate misses.
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
        """Go on until so much was spent, or so many trials have ended."""
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
        # A configuration draws alike in every strategy that meets it in a replay of one seed.
        draw = np.random.default_rng([self._seed, *config.to_toml().encode()])
        trial = self._train(number, self._world.train(config, draw))
        self._push(next(trial), trial)

    def _push(self, until: float, trial: Iterator[float]) -> None:
        heapq.heappush(self._events, (until, next(self._order), trial))

    def _train(self, number: int, training: Training) -> Iterator[float]:
        """One trial: yields when its next epoch ends, and is taken up then."""
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
        """When an epoch that begins now ends, and what it costs; nothing where it is shared."""
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
