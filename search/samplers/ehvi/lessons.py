"""Training data of the surrogate: final scores of finished trials, guesses for stopped ones.

Scores are turned into logits: errors near 1 are small, and no score is beyond 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit

from search.samplers.ehvi.improvement import NEAREST
from search.samplers.points import thinned

Array = NDArray[np.float64]
FEWEST = 5
"""Finished trials that must have passed a rung before scores there are used for guesses."""
MOST = 300
"""The most trials that are learnt from, at least two thirds of them finished if there are enough.

A search with halving may see thousands; a surrogate's time grows with the cube of this number.
"""
SMALLEST = 1e-6
"""The least value of variances and sums of squares."""


@dataclass(frozen=True)
class Seen:
    """The first trial of a configuration as the sampler sees it.

    Attributes:
        row: its point (see `search.samplers.points`); None for a reference outside the space.
        cost: its relative cost; None where that is unknown.
        score: final, in [0, 1]; None if it did not finish.
        rungs: score at the rungs that it reached, by epoch.
        running: whether it is running, or another training of its configuration.
        number: of the trial.
        again: further scores of its configuration, trained with other seeds.
    """

    row: Array | None
    cost: float | None = None
    score: float | None = None
    rungs: Mapping[int, float] = field(default_factory=dict)
    running: bool = False
    number: int = 0
    again: Sequence[float] = ()

    @property
    def shown(self) -> bool:
        """Return whether it has any score."""
        return self.score is not None or bool(self.rungs)


@dataclass(frozen=True)
class Lessons:
    """Values at n points, for the surrogate.

    Attributes:
        rows: the points, n × parameters.
        values: logits of final scores, n.
        variances: of guessed values, n; 0 for known ones.
        all: number of points before any was left out.
    """

    rows: Array
    values: Array
    variances: Array
    all: int


class Logits:
    """Logits of scores; 0 and 1 are moved half-way towards the nearest score between them.

    Args:
        scores: all of them, in [0, 1].
    """

    def __init__(self, scores: Sequence[float]) -> None:
        between = [each for each in scores if 0 < each < 1] or [0.5]
        self._low = max(min(between) / 2, NEAREST)
        self._high = min((1 + max(between)) / 2, 1 - NEAREST)

    def __call__(self, scores: ArrayLike) -> Array:
        """Return the logits of some scores."""
        return np.asarray(logit(np.clip(scores, self._low, self._high)))


def lessons(seen: Sequence[Seen]) -> Lessons:
    """Return the training data from trials, at least one of them finished and in the space."""
    done = [(each, each.score) for each in seen if each.score is not None]
    logits = Logits([score for _, score in done])
    rungs = Rungs([(each.rungs, score) for each, score in done], logits)
    known = [
        (each.row, float(logits([score, *each.again]).mean()), 0.0)
        for each, score in done
        if each.row is not None
    ]
    guessed = [
        (each.row, *guess)
        for each in seen
        if each.row is not None and each.score is None and (guess := rungs.guess(each.rungs))
    ]
    some = max(MOST * 2 // 3, MOST - len(guessed))
    kept = [known[place] for place in thinned(len(known), some)]
    kept += [guessed[place] for place in thinned(len(guessed), MOST - len(kept))]
    rows, values, variances = zip(*kept, strict=True)
    count = len(known) + len(guessed)
    return Lessons(np.array(rows), np.array(values), np.array(variances), count)


class Rungs:
    """Regression of final scores on scores at rungs, a straight line for each rung.

    The variance about the line is the variance of a guess.

    Args:
        finished: scores at the rungs, by epoch, and the final score of each finished trial.
        logits: the scale on which the lines are fitted.
    """

    def __init__(
        self, finished: Sequence[tuple[Mapping[int, float], float]], logits: Logits
    ) -> None:
        self._logits = logits
        pairs: dict[int, list[tuple[float, float]]] = defaultdict(list)
        for rungs, final in finished:
            for epoch, score in rungs.items():
                pairs[epoch].append((score, final))
        self._lines = {
            epoch: _Line(*logits(np.array(found).T))
            for epoch, found in pairs.items()
            if len(found) >= FEWEST
        }

    def guess(self, rungs: Mapping[int, float]) -> tuple[float, float] | None:
        """Return the logit of a trial's final score guessed from its last rung, and its variance.

        None if it has reached no rung that enough finished trials have passed.
        """
        known = [epoch for epoch in rungs if epoch in self._lines]
        if not known:
            return None
        last = max(known)
        return self._lines[last](float(self._logits(rungs[last])))


class _Line:
    """Straight line through some points, by least squares."""

    def __init__(self, at: Array, values: Array) -> None:
        self._count, self._middle, self._level = len(at), at.mean(), values.mean()
        away = at - self._middle
        self._spread = max(float((away**2).sum()), SMALLEST)
        self._slope = float((away * (values - self._level)).sum()) / self._spread
        missed = values - self._level - self._slope * away
        self._variance = max(float((missed**2).sum()) / (len(at) - 2), SMALLEST)

    def __call__(self, at: float) -> tuple[float, float]:
        """Return the value at a place, and the variance of a new observation there."""
        away = at - self._middle
        doubt = 1 + 1 / self._count + away**2 / self._spread
        return float(self._level + self._slope * away), float(self._variance * doubt)
