"""The honest end: the front's members are read on the test set, and trained over further seeds.

A member's own network is read from its checkpoint; where that is missing it is trained again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search import checkpoints
from search.records import Reading, TrialRecord, front_of
from search.status import Display
from search.trials import SearchTrials
from search.work import Failure, Job, Report
from swast.config import TrainConfig

if TYPE_CHECKING:
    from search.tracking import Tracker


@dataclass(frozen=True)
class _Training:
    """A member with one of its seeds."""

    member: TrialRecord
    seed: int
    again: int = 0

    @property
    def is_own(self) -> bool:
        """Whether the seed is the trial's own."""
        return bool(self.seed == self.member.config["seed"])

    def __str__(self) -> str:
        return self.member.label + ("" if self.is_own else f" with seed {self.seed}")


class Confirmation:
    """Readings of the front that the storage lacks. It is `search.work.Work`.

    Args:
        trials: the search in its storage.
        tracker: the search in MLflow.
        display: is told of every reading.
        folder: of the search, for checkpoints.
        retries: times that a training is tried again after it failed.
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
        self._waiting = [
            _Training(member, seed)
            for member in front_of(trials.records())
            for seed in seeds(member, trials.info.confirm_seeds)
            if seed not in member.readings
        ]
        self._running: dict[int, _Training] = {}
        self._count = 0
        self.paused = False

    @property
    def over(self) -> bool:
        """Whether nothing more will be proposed."""
        return self.paused or not (self._waiting or self._running)

    @property
    def is_short(self) -> bool:
        """Whether nothing has to be trained: the checkpoints are there, of the members alone."""
        return all(each.is_own and self._checkpoint(each).is_dir() for each in self._waiting)

    def propose(self) -> Job | None:
        """The next training, or None if there is none now."""
        if self.paused or not self._waiting:
            return None
        training, number = self._waiting.pop(0), self._count
        self._running[number], self._count = training, self._count + 1
        config = TrainConfig.from_dict(training.member.config)
        config = config.with_values({"seed": training.seed})
        return Job(number, config, self._checkpoint(training), test=True)

    def on_report(self, number: int, report: Report) -> bool:  # noqa: ARG002
        """Go on, unless paused."""
        return not self.paused

    def on_end(self, number: int, outcome: Mapping[str, Any] | Failure | None) -> None:
        """Keep a reading; what failed is tried again, and then said."""
        training = self._running.pop(number)
        if isinstance(outcome, Failure):
            if outcome.lasting or training.again >= self._retries:
                self._display.say(f"{training} could not be confirmed: {outcome.reason}")
            else:
                self._waiting.append(replace(training, again=training.again + 1))
        elif outcome is not None:
            self._keep(training, outcome)

    def _keep(self, training: _Training, result: Mapping[str, Any]) -> None:
        member, seed = training.member, training.seed
        reading = Reading(result["val_accuracy"], result["test_accuracy"], result["train_flops"])
        self._trials.add_reading(member.number, seed, reading)
        if training.is_own:
            values, step = {"test_accuracy": reading.test_accuracy}, member.epochs
        else:
            values, step = {"confirmed_test_accuracy": reading.test_accuracy}, seed
            values["confirmed_val_accuracy"] = reading.val_accuracy
            checkpoints.remove(self._folder, member.number, seed)
        self._tracker.log_reading(member.number, values, step)
        self._display.say(
            f"{training}: test accuracy {reading.test_accuracy:.2%}, "
            f"validation accuracy {reading.val_accuracy:.2%}"
        )

    def _checkpoint(self, training: _Training) -> Path:
        """The member's own checkpoint, or a folder for one with another seed."""
        seed = None if training.is_own else training.seed
        return checkpoints.folder_of(self._folder, training.member.number, seed)

    def rest(self) -> None:
        """Send MLflow what waits."""
        self._tracker.turn()

    def pause(self) -> None:
        """Start nothing more, and stop what runs at the end of its epoch."""
        self.paused = True


def seeds(member: TrialRecord, further: int) -> list[int]:
    """The seeds that a member is read with: its own, and those that follow it."""
    own = int(member.config["seed"])
    return list(range(own, own + further + 1))
