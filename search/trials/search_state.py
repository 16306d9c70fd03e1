"""In-memory state of a search, updated as its trials change."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from search.objectives import STANDARD, Objectives
from search.trials.further import as_estimated
from search.trials.readings import Estimate
from search.trials.totals import promised, spent
from search.trials.trial_record import (
    ENDED,
    State,
    TrialRecord,
    contenders_of,
    front_of,
    hypervolume_of,
)

ESTIMATING_SHARE = 20
"""Estimates wait for this many times their own duration: they take 5 % of the time."""


class SearchState(Mapping[int, TrialRecord]):
    """Trials of a search by number. The front and the totals are updated as trials change.

    An update takes no longer with more trials.

    Args:
        trials: to begin with.
        objectives: of the study.
        estimator: estimates scores over seeds, by number, when `estimate` is called or a trial
            finishes; None to take readings as they are.
    """

    def __init__(
        self,
        trials: Iterable[TrialRecord] = (),
        objectives: Objectives = STANDARD,
        estimator: Callable[[Sequence[TrialRecord]], Mapping[int, Estimate]] | None = None,
    ) -> None:
        self.objectives = objectives
        self._trials: dict[int, TrialRecord] = {}
        self._states: Counter[State] = Counter()
        self._members: list[TrialRecord] = []
        self.estimator, self._due = estimator, 0.0
        self._fresh: set[int] = set()
        self._endings: dict[int, None] = {}
        self._rejected = self._spent = 0
        self._promised: float = 0
        for trial in trials:
            self._put(trial)
        self._front_among(self._trials.values())

    def __getitem__(self, number: int) -> TrialRecord:
        return self._trials[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._trials)

    def __len__(self) -> int:
        return len(self._trials)

    def put(self, trial: TrialRecord) -> list[TrialRecord]:
        """Add a trial, or replace its earlier record.

        Returns:
            The trials that are not on the front because of it: itself, or former members. Where
            scores are estimated, those that are no contenders.
        """
        is_new = self._put(trial)
        if self.estimator is not None:
            return self.estimate(now=False) if trial.state == "complete" else [trial]
        if not is_new:
            return self._front_among(self._trials.values())
        if trial.state != "complete":
            return [trial]
        return self._front_among([*self._members, trial])

    def _put(self, trial: TrialRecord) -> bool:
        """Add or replace a trial; return whether its earlier record, if any, was not complete."""
        before = self._trials.get(trial.number)
        if before is not None:
            self._count(before, -1)
        self._trials[trial.number] = trial
        self._count(trial, 1)
        if trial.state in ENDED and not trial.rejected:
            self._endings[trial.number] = None
        if trial.state == "complete":
            self._fresh.add(trial.number)
        return before is None or before.state != "complete"

    def estimate(self, *, now: bool = True) -> list[TrialRecord]:
        """Estimate the scores again if a trial has finished since the last time.

        Args:
            now: do not wait until estimating takes no more than a share of the time.

        Returns:
            Trials that cannot be on the front any more.
        """
        began = time.monotonic()
        if self.estimator is None or not self._fresh or (not now and began < self._due):
            return []
        watched = {each.number for each in (*self._members, *self.contenders)} | self._fresh
        found = self.estimator(self.trials)
        for number, estimate in found.items():
            self._trials[number] = replace(self._trials[number], estimate=estimate)
        self._front_among(self._trials.values())
        kept = {each.number for each in self.contenders}
        ended = time.monotonic()
        self._due, self._fresh = ended + ESTIMATING_SHARE * (ended - began), set()
        return [self._trials[number] for number in sorted(watched - kept)]

    def _count(self, trial: TrialRecord, sign: int) -> None:
        self._states[trial.state] += sign
        self._rejected += sign * trial.rejected
        self._spent += sign * spent([trial])
        self._promised += sign * promised([trial])

    def _front_among(self, trials: Iterable[TrialRecord]) -> list[TrialRecord]:
        """Set the front to that of some trials; return the other ones."""
        contenders = list(trials)
        self._hypervolume = hypervolume_of(contenders, self.objectives)
        self._members = front_of(contenders, self.objectives)
        kept = {member.number for member in self._members}
        return [each for each in contenders if each.number not in kept]

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        """All trials, in the order in which they were added."""
        return tuple(self._trials.values())

    @property
    def members(self) -> tuple[TrialRecord, ...]:
        """The front, cheapest first."""
        return tuple(self._members)

    @property
    def contenders(self) -> list[TrialRecord]:
        """Configurations that are on the front or may be (see `trial_record.contenders_of`)."""
        return contenders_of(self.trials, self.objectives)

    @property
    def hypervolume(self) -> float:
        """The hypervolume of the front."""
        return self._hypervolume

    @property
    def endings(self) -> tuple[int, ...]:
        """Numbers of the trials that were started and have ended, in the order of their ends."""
        return tuple(self._endings)

    def count(self, *states: State) -> int:
        """Return the number of trials in some states."""
        return sum(self._states[state] for state in states)

    @property
    def started(self) -> int:
        """Number of trials that were not rejected."""
        return len(self) - self._rejected

    @property
    def ended(self) -> int:
        """Number of trials that were started and have ended."""
        return len(self._endings)

    @property
    def spent(self) -> int:
        """FLOPs that the search has spent so far (see `trial_record.spent`)."""
        return self._spent

    def running(self, *, without: int) -> int:
        """Return the number of running trials other than one."""
        one = self._trials.get(without)
        return self.count("running") - (one is not None and one.state == "running")

    def promised(self, *, without: int) -> float:
        """Return the cost that all trials but one will have (see `trial_record.promised`)."""
        one = self._trials.get(without)
        return self._promised - (0 if one is None else promised([one]))


@dataclass(frozen=True)
class Progress:
    """State of a search when a trial ended.

    Attributes:
        trial: number of that trial.
        spent: FLOPs of the trials that had ended.
        hypervolume: of those that were complete.
    """

    trial: int
    spent: int
    hypervolume: float


def progress(trials: Sequence[TrialRecord], objectives: Objectives = STANDARD) -> list[Progress]:
    """Return the state of a search at the end of each of its trials, in that order.

    Where scores are estimated, each counts with its estimate of now, from the end of the
    configuration's first training on.
    """
    state, found, values = SearchState(objectives=objectives), [], as_estimated(trials)
    for trial in sorted((t for t in trials if t.ended), key=lambda trial: trial.ended or ""):
        state.put(replace(trial, score=values.get(trial.number, trial.score), estimate=None))
        found.append(Progress(trial.number, state.spent, state.hypervolume))
    return found
