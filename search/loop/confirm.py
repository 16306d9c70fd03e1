"""Confirmation: read the front's members on the test set, and train them with further seeds.

A member's own network comes from its checkpoint; if that is missing, it is trained again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from search.engine.jobs import Failure, Job, Outcome, Report
from search.loop.status import Display
from search.trials import checkpoints
from search.trials.readings import Reading
from search.trials.repository import SearchTrials
from search.trials.trial_record import TrialRecord, front_of, reading_values
from swast.config import LARGEST_SEED, TrainConfig
from swast.result import TrainResult

if TYPE_CHECKING:
    from search.tracking import Tracker


@dataclass(frozen=True)
class _Training:
    """Training of a member with one of its seeds."""

    member: TrialRecord
    config: TrainConfig
    seed: int
    again: int = 0

    @property
    def is_own(self) -> bool:
        """Return whether the seed is the trial's own."""
        return self.seed == self.config.seed

    def __str__(self) -> str:
        return self.member.label + ("" if self.is_own else f" with seed {self.seed}")


class Confirmation:
    """Missing readings of the front. It implements `search.engine.jobs.Work`.

    Args:
        trials: the search in its storage.
        tracker: the search in MLflow.
        display: shows every reading.
        folder: of the search, for checkpoints.
        retries: number of times that a failed training is retried.
    """

    def __init__(
        self,
        trials: SearchTrials,
        tracker: Tracker,
        display: Display,
        folder: Path,
        retries: int,
    ) -> None:
        self._trials, self._tracker, self._display = trials, tracker, display
        self._folder, self._retries = folder, retries
        self._objectives = trials.info.objectives
        self._waiting = [
            _Training(member, member.config, seed)
            for member in front_of(trials.estimated(), self._objectives)
            if member.config is not None
            for seed in seeds(member.config, trials.info.confirm_seeds)
            if seed not in member.readings
        ]
        self._running: dict[int, _Training] = {}
        self._count = 0
        self.paused = False

    @property
    def over(self) -> bool:
        """Return whether nothing more will be proposed."""
        return self.paused or not (self._waiting or self._running)

    @property
    def is_short(self) -> bool:
        """Return whether nothing has to be trained: every missing reading has its checkpoint."""
        return all(each.is_own and self._checkpoint(each).is_dir() for each in self._waiting)

    def propose(self) -> Job | None:
        """Return the next training, or None if there is none now."""
        if self.paused or not self._waiting:
            return None
        training, number = self._waiting.pop(0), self._count
        self._running[number], self._count = training, self._count + 1
        config = training.config.with_values({"seed": training.seed})
        return Job(number, config, self._checkpoint(training), test=True)

    def on_report(self, number: int, report: Report) -> bool:  # noqa: ARG002
        """Continue unless paused."""
        return not self.paused

    def on_end(self, number: int, outcome: Outcome) -> None:
        """Store a reading; retry a failed training, and then report it."""
        training = self._running.pop(number)
        if isinstance(outcome, Failure):
            if outcome.kind.is_lasting or training.again >= self._retries:
                self._display.say(f"{training} could not be confirmed: {outcome.reason}")
            else:
                self._waiting.append(replace(training, again=training.again + 1))
        elif outcome is not None:
            self._keep(training, outcome)

    def _keep(self, training: _Training, result: TrainResult) -> None:
        member, seed = training.member, training.seed
        score, cost = self._objectives.score, self._objectives.cost
        test = score.test(result)
        assert test is not None
        reading = Reading(score.measure(result), test, cost.measure(result))
        self._trials.add_reading(member.number, seed, reading)
        if not training.is_own:
            checkpoints.remove(self._folder, member.number, seed)
        values, step = reading_values(member, seed, reading, self._objectives)
        self._tracker.log_reading(member.number, values, step)
        self._display.say(
            f"{training}: test {score.name} {score.text(test)}, "
            f"validation {score.name} {score.text(reading.score)}"
        )

    def _checkpoint(self, training: _Training) -> Path:
        """Return the folder of the member's own checkpoint, or of one with another seed."""
        seed = None if training.is_own else training.seed
        return checkpoints.folder_of(self._folder, training.member.number, seed)

    def rest(self) -> None:
        """Send queued calls to MLflow."""
        self._tracker.turn()

    def pause(self) -> None:
        """Start no more trainings, and stop running ones at the end of their epoch."""
        self.paused = True


def seeds(config: TrainConfig, further: int) -> list[int]:
    """Return the seeds of a member's readings: its own, and those that follow it.

    The largest seed is followed by 0.
    """
    return [(config.seed + at) % (LARGEST_SEED + 1) for at in range(further + 1)]
