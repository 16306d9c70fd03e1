"""A search as it stands: its trials, and what is asked of all of them after each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from search.records import (
    ENDED,
    State,
    TrialRecord,
    flops_promised,
    flops_spent,
    front_of,
    hypervolume_of,
)
from search.tables import STANDARD, Objectives


class Standing(Mapping[int, TrialRecord]):
    """The trials of a search by number, with their front and their sums kept up to date.

    What a trial takes to put does not grow with the trials that are there.

    Args:
        trials: to begin with.
    """

    def __init__(self, trials: Iterable[TrialRecord] = ()) -> None:
        self._trials: dict[int, TrialRecord] = {}
        self._states: Counter[State] = Counter()
        self._members: list[TrialRecord] = []
        self._endings: dict[int, None] = {}
        self._rejected = self._spent = self._promised = 0
        for trial in trials:
            self.put(trial)

    def __getitem__(self, number: int) -> TrialRecord:
        return self._trials[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._trials)

    def __len__(self) -> int:
        return len(self._trials)

    def put(self, trial: TrialRecord) -> list[TrialRecord]:
        """Take note of a trial as it is now, in place of what it was.

        Returns:
            Who is not on the front for it: the trial, or others that were.
        """
        before = self._trials.get(trial.number)
        if before is not None:
            self._count(before, -1)
        self._trials[trial.number] = trial
        self._count(trial, 1)
        if trial.state in ENDED and not trial.rejected:
            self._endings[trial.number] = None
        if before is not None and before.state == "complete":
            return self._front_among(self._trials.values())
        if trial.state != "complete":
            return [trial]
        return self._front_among([*self._members, trial])

    def _count(self, trial: TrialRecord, sign: int) -> None:
        self._states[trial.state] += sign
        self._rejected += sign * trial.rejected
        self._spent += sign * flops_spent([trial])
        self._promised += sign * flops_promised([trial])

    def _front_among(self, trials: Iterable[TrialRecord]) -> list[TrialRecord]:
        """Find the front anew; returns those of the trials that are not on it."""
        contenders = list(trials)
        self._members = front_of(contenders)
        kept = {member.number for member in self._members}
        return [each for each in contenders if each.number not in kept]

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        """All of them, in the order in which they came."""
        return tuple(self._trials.values())

    @property
    def members(self) -> tuple[TrialRecord, ...]:
        """The front, cheapest first."""
        return tuple(self._members)

    @property
    def endings(self) -> tuple[int, ...]:
        """Numbers of the trials that ended, in that order, without those never started."""
        return tuple(self._endings)

    def count(self, *states: State) -> int:
        """Number of trials in some states."""
        return sum(self._states[state] for state in states)

    @property
    def started(self) -> int:
        """Number of trials that were not rejected."""
        return len(self) - self._rejected

    @property
    def ended(self) -> int:
        """Number of trials that ended, without those never started."""
        return len(self._endings)

    @property
    def flops_spent(self) -> int:
        """What the search has cost so far (see `search.records.flops_spent`)."""
        return self._spent

    def running(self, *, without: int) -> int:
        """Number of trials but one that run."""
        one = self._trials.get(without)
        return self.count("running") - (one is not None and one.state == "running")

    def promised(self, *, without: int) -> int:
        """What all trials but one will have cost (see `search.records.flops_promised`)."""
        one = self._trials.get(without)
        return self._promised - (0 if one is None else flops_promised([one]))


@dataclass(frozen=True)
class Progress:
    """A search when a trial ended.

    Attributes:
        trial: number of that trial.
        flops_spent: by the trials that had ended, in all.
        hypervolume: of those that were complete.
    """

    trial: int
    flops_spent: int
    hypervolume: float


def progress(trials: Sequence[TrialRecord], axes: Objectives = STANDARD) -> list[Progress]:
    """A search as its trials ended, in that order."""
    standing, found = Standing(), []
    for trial in sorted((t for t in trials if t.ended), key=lambda trial: trial.ended or ""):
        standing.put(trial)
        covered = hypervolume_of(standing.members, axes)
        found.append(Progress(trial.number, standing.flops_spent, covered))
    return found
