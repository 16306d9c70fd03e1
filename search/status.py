"""How a search stands, and who shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from search.records import TrialRecord
from search.standing import Standing

Ending = Literal["paused", "finished", "failed"]
End = Literal["running", "paused", "finished", "failed"]


@dataclass(frozen=True)
class Status:
    """How a search stands.

    Attributes:
        name: of the search.
        budget: trials asked for.
        standing: its trials.
        seconds: since this session started.
        finished_here: trials that ended in this session.
        interrupted: whether it was told to pause.
    """

    name: str
    budget: int
    standing: Standing
    seconds: float
    finished_here: int
    interrupted: bool = False

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        """Every trial."""
        return self.standing.trials

    @property
    def end(self) -> Ending:
        """What the search would be if it ended now, with what runs left to be resumed."""
        end = end_of(self.trials)
        return "paused" if self.interrupted or end == "running" else end

    @property
    def remaining_seconds(self) -> float | None:
        """An estimate from the trials that ended here, or None before the first."""
        if not self.finished_here:
            return None
        left = self.budget - self.standing.ended
        return self.seconds / self.finished_here * left


class Display(Protocol):
    """Where the user sees how the search stands."""

    def update(self, status: Status) -> None:
        """Show a status."""

    def say(self, text: str) -> None:
        """Show a line."""


def end_of(trials: Iterable[TrialRecord]) -> End:
    """How a search stands by its trials; one whose driver was killed looks as if it ran."""
    states = {trial.state for trial in trials}
    open_states: tuple[End, ...] = ("running", "paused")
    for state in open_states:
        if state in states:
            return state
    return "finished" if "complete" in states else "failed"
