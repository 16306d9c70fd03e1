"""Status of a search, and the interface of its display."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from search.trials.search_state import SearchState
from search.trials.trial_record import TrialRecord

Ending = Literal["paused", "finished", "failed"]
End = Literal["running", "paused", "finished", "failed"]


@dataclass(frozen=True)
class Status:
    """Status of a search.

    Attributes:
        name: of the search.
        budget: trials to run.
        state: its trials.
        seconds: since this session started.
        finished_here: number of trials that ended in this session.
        interrupted: whether the user paused it.
    """

    name: str
    budget: int
    state: SearchState
    seconds: float
    finished_here: int
    interrupted: bool = False

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        """All trials."""
        return self.state.trials

    @property
    def end(self) -> Ending:
        """The end of the search if it ended now, with running trials left to be resumed."""
        end = end_of(self.trials)
        return "paused" if self.interrupted or end == "running" else end

    @property
    def remaining_seconds(self) -> float | None:
        """Estimated time left, from the trials that ended here; None before the first."""
        if not self.finished_here:
            return None
        left = self.budget - self.state.ended
        return self.seconds / self.finished_here * left


class Display(Protocol):
    """Display of a search for the user."""

    def update(self, status: Status) -> None:
        """Show a status."""

    def say(self, text: str) -> None:
        """Show a line."""


def end_of(trials: Iterable[TrialRecord]) -> End:
    """Return the state of a search by its trials; with a killed driver it looks as if it ran."""
    states = {trial.state for trial in trials}
    open_states: tuple[End, ...] = ("running", "paused")
    for state in open_states:
        if state in states:
            return state
    return "finished" if "complete" in states else "failed"
