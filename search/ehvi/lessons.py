"""What trials teach of accuracy: finished ones by what they came to, stopped ones by a guess.

Accuracies are looked at as logits: errors near 1 are small, and no accuracy lies beyond it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit

from search.ehvi.improvement import NEAREST
from search.ehvi.points import thinned

Array = NDArray[np.float64]
FEWEST = 5
"""Finished trials that have to have passed a rung before it says anything."""
MOST = 300
"""Trials that are learnt from at most, two thirds of them finished ones where there are so many.

A search with halving may see thousands; what a surrogate takes grows with the cube of this.
"""
SMALLEST = 1e-6
"""What variances and sums of squares are at least."""


@dataclass(frozen=True)
class Seen:
    """A trial, as far as it teaches.

    Attributes:
        row: its point (see `search.ehvi.points`); None for a reference outside the space.
        relative: its relative FLOPs; None where they are not known.
        accuracy: final, in [0, 1]; None where it did not finish.
        rungs: accuracy at the rungs that it reached, by epoch.
        running: whether it is under way.
    """

    row: Array | None
    relative: float | None = None
    accuracy: float | None = None
    rungs: Mapping[int, float] = field(default_factory=dict)
    running: bool = False

    @property
    def shown(self) -> bool:
        """Whether it has shown any accuracy."""
        return self.accuracy is not None or bool(self.rungs)


@dataclass(frozen=True)
class Lessons:
    """Values at n points.

    Attributes:
        rows: the points, n × parameters.
        values: logits of final accuracies, n.
        variances: of guessed values, n; 0 for those that are known.
        all: how many there would be, had none been left out.
    """

    rows: Array
    values: Array
    variances: Array
    all: int


class Logits:
    """Logits of accuracies, of which 0 and 1 lie as far out as the ends of those between allow.

    Args:
        accuracies: those that there are, in [0, 1].
    """

    def __init__(self, accuracies: Sequence[float]) -> None:
        between = [each for each in accuracies if 0 < each < 1] or [0.5]
        self._low = max(min(between) / 2, NEAREST)
        self._high = min((1 + max(between)) / 2, 1 - NEAREST)

    def __call__(self, accuracies: ArrayLike) -> Array:
        """Of some accuracies."""
        return np.asarray(logit(np.clip(accuracies, self._low, self._high)))


def lessons(seen: Sequence[Seen]) -> Lessons:
    """What trials teach, at least one of them finished and in the space."""
    done = [(each, each.accuracy) for each in seen if each.accuracy is not None]
    logits = Logits([accuracy for _, accuracy in done])
    rungs = Rungs([(each.rungs, accuracy) for each, accuracy in done], logits)
    known = [
        (each.row, float(logits(accuracy)), 0.0) for each, accuracy in done if each.row is not None
    ]
    guessed = [
        (each.row, *guess)
        for each in seen
        if each.row is not None and each.accuracy is None and (guess := rungs.guess(each.rungs))
    ]
    some = max(MOST * 2 // 3, MOST - len(guessed))
    kept = [known[place] for place in thinned(len(known), some)]
    kept += [guessed[place] for place in thinned(len(guessed), MOST - len(kept))]
    rows, values, variances = zip(*kept, strict=True)
    count = len(known) + len(guessed)
    return Lessons(np.array(rows), np.array(values), np.array(variances), count)


class Rungs:
    """How accuracies at rungs go with final ones, among trials that have both.

    A straight line for each rung, by least squares; the variance about it is a guess's.

    Args:
        finished: accuracies at the rungs, by epoch, and the final one of each finished trial.
        logits: in which lines are straight.
    """

    def __init__(
        self, finished: Sequence[tuple[Mapping[int, float], float]], logits: Logits
    ) -> None:
        self._logits = logits
        pairs: dict[int, list[tuple[float, float]]] = defaultdict(list)
        for rungs, final in finished:
            for epoch, accuracy in rungs.items():
                pairs[epoch].append((accuracy, final))
        self._lines = {
            epoch: _Line(*logits(np.array(found).T))
            for epoch, found in pairs.items()
            if len(found) >= FEWEST
        }

    def guess(self, rungs: Mapping[int, float]) -> tuple[float, float] | None:
        """The logit of a trial's final accuracy by its last rung, and the variance of that.

        None where it has reached no rung of which enough is known.
        """
        known = [epoch for epoch in rungs if epoch in self._lines]
        if not known:
            return None
        last = max(known)
        return self._lines[last](float(self._logits(rungs[last])))


class _Line:
    """The straight line through some points, by least squares."""

    def __init__(self, at: Array, values: Array) -> None:
        self._count, self._middle, self._level = len(at), at.mean(), values.mean()
        away = at - self._middle
        self._spread = max(float((away**2).sum()), SMALLEST)
        self._slope = float((away * (values - self._level)).sum()) / self._spread
        missed = values - self._level - self._slope * away
        self._variance = max(float((missed**2).sum()) / (len(at) - 2), SMALLEST)

    def __call__(self, at: float) -> tuple[float, float]:
        """The value at a place, and the variance of one that is observed there."""
        away = at - self._middle
        doubt = 1 + 1 / self._count + away**2 / self._spread
        return float(self._level + self._slope * away), float(self._variance * doubt)
