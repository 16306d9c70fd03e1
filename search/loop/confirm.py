"""Confirmation: contenders are trained with further seeds, and the front is read on the test set.

Contenders are confirmed in rounds. Each round changes the estimates, and so who is a contender;
the rounds end when all contenders are confirmed. Then the networks of the front's members are read
on the test set, each once. A network comes from its checkpoint; if that is missing, it is trained
again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from search.engine.jobs import Failure, Job, Outcome, Report
from search.loop.status import Display
from search.store.removal import Remover
from search.trials import checkpoints
from search.trials.confirming import confirming, confirming_seeds
from search.trials.readings import Reading
from search.trials.repository import SearchTrials
from search.trials.search_state import SearchState
from search.trials.trial_record import TrialRecord, contenders_of, front_of, reading_values
from swast.config import TrainConfig
from swast.result import TrainResult

if TYPE_CHECKING:
    from search.tracking import Tracker


@dataclass(frozen=True)
class _Training:
    """Training of a trial's configuration with one of its seeds.

    Attributes:
        record: of the trial.
        config: with the trial's own seed.
        seed: of the training.
        test: whether its network is to be read on the test set.
        again: number of times that it was retried.
    """

    record: TrialRecord
    config: TrainConfig
    seed: int
    test: bool
    again: int = 0

    @property
    def key(self) -> tuple[int, int]:
        """The trial's number, and the seed."""
        return self.record.number, self.seed

    @property
    def is_own(self) -> bool:
        """Return whether the seed is the trial's own."""
        return self.seed == self.config.seed

    def __str__(self) -> str:
        return self.record.label + ("" if self.is_own else f" with seed {self.seed}")


class Confirmation:
    """Trainings that confirm contenders, and readings of the front on the test set.

    It implements `search.engine.jobs.Work`. The trials of a round are stored, so that a resumed
    search continues the round of a killed driver.

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
        self._failed: set[tuple[int, int]] = set()
        self._running: dict[int, _Training] = {}
        self._count = 0
        self._has_changed = False
        self.paused = False
        self._waiting = self._next()

    @property
    def over(self) -> bool:
        """Return whether nothing more will be proposed."""
        return self.paused or not (self._waiting or self._running)

    @property
    def is_short(self) -> bool:
        """Return whether nothing has to be trained: every missing reading has its checkpoint."""
        return all(each.test and self._checkpoint(each).is_dir() for each in self._waiting)

    def _next(self) -> list[_Training]:
        """Return what is to be trained in this round, or else what is to be read."""
        records = self._trials.estimated()
        while True:
            chosen = self._trials.info.confirming
            waiting = [
                each
                for record in records
                if record.number in chosen
                for each in self._lacking(record, records)
            ]
            if waiting:
                return waiting
            contenders = contenders_of(records, self._objectives)
            left = tuple(each.number for each in contenders if self._lacking(each, records))
            if left != chosen:
                self._trials.remember(confirming=left)
            if not left:
                return self._unread(records)
            names = ", ".join(f"#{number}" for number in left)
            self._display.say(f"training with further seeds: {names}")

    def _lacking(self, record: TrialRecord, records: Sequence[TrialRecord]) -> list[_Training]:
        """Return the trainings that a trial lacks to be confirmed."""
        seeds = confirming_seeds(record, records, self._trials.info.confirm_seeds)
        return self._left(record, [each for each in seeds if each not in record.readings])

    def _unread(self, records: Sequence[TrialRecord]) -> list[_Training]:
        """Return the trainings of the front's members that were not read on the test set."""
        found: list[_Training] = []
        for member in front_of(records, self._objectives):
            own = [] if member.config is None else [member.config.seed]
            read = [seed for seed, each in member.readings.items() if each.test_score is not None]
            seeds = [seed for seed in [*own, *confirming(member)] if seed not in read]
            found += self._left(member, seeds, test=True)
        return found

    def _left(
        self, record: TrialRecord, seeds: Sequence[int], *, test: bool = False
    ) -> list[_Training]:
        """Return trainings of a trial, without those that failed."""
        if record.config is None:
            return []
        found = [_Training(record, record.config, seed, test) for seed in seeds]
        return [each for each in found if each.key not in self._failed]

    def propose(self) -> Job | None:
        """Return the next training, or None if there is none now."""
        if self.paused or not self._waiting:
            return None
        training, number = self._waiting.pop(0), self._count
        self._running[number], self._count = training, self._count + 1
        config = training.config.with_values({"seed": training.seed})
        return Job(number, config, self._checkpoint(training), test=training.test)

    def on_report(self, number: int, report: Report) -> bool:  # noqa: ARG002
        """Continue unless paused."""
        return not self.paused

    def on_end(self, number: int, outcome: Outcome) -> None:
        """Store a reading; retry a failed training, and then report it."""
        training = self._running.pop(number)
        if isinstance(outcome, Failure):
            if outcome.kind.is_lasting or training.again >= self._retries:
                self._failed.add(training.key)
                self._display.say(f"{training} could not be confirmed: {outcome.reason}")
            else:
                self._waiting.append(replace(training, again=training.again + 1))
        elif outcome is not None:
            self._keep(training, outcome)
        if not (self._waiting or self._running or self.paused):
            self._waiting = self._next()

    def _keep(self, training: _Training, result: TrainResult) -> None:
        """Store a reading. A score that was stored before its network was read does not change."""
        record, seed = training.record, training.seed
        score, cost = self._objectives.score, self._objectives.cost
        before = record.readings.get(seed)
        reading = before or Reading(score.measure(result), None, cost.measure(result))
        if training.test:
            reading = replace(reading, test_score=score.test(result))
        self._trials.add_reading(record.number, seed, reading)
        self._has_changed |= not training.is_own
        values, step = reading_values(record, seed, reading, self._objectives)
        if before is not None:
            known, _ = reading_values(record, seed, before, self._objectives)
            values = {name: value for name, value in values.items() if name not in known}
        self._tracker.log_reading(record.number, values, step)
        words = [f"validation {score.name} {score.text(reading.score)}"]
        if reading.test_score is not None:
            words.insert(0, f"test {score.name} {score.text(reading.test_score)}")
        self._display.say(f"{training}: {', '.join(words)}")

    def _checkpoint(self, training: _Training) -> Path:
        """Return the folder of the trial's own checkpoint, or of one with another seed."""
        seed = None if training.is_own else training.seed
        return checkpoints.folder_of(self._folder, training.record.number, seed)

    def rest(self) -> None:
        """Send queued calls to MLflow."""
        self._tracker.turn()

    def pause(self) -> None:
        """Start no more trainings, and stop running ones at the end of their epoch."""
        self.paused = True

    def close(self) -> None:
        """Publish the front as confirmed, and remove the checkpoints that are of no more use."""
        if self._has_changed:
            info, records = self._trials.info, self._trials.records()
            state = SearchState(records, info.objectives, self._trials.estimator)
            state.estimate()
            self._tracker.publish(info, state, now=True)
            kept = checkpoints.wanted(state.trials, info)
            checkpoints.sweep(Remover(self._folder), self._folder, kept)
