"""Order of a repeatable search: the outcomes that its decisions may depend on.

A trial's proposal, and the rungs that it reaches, see the trials before it, and the last of these
as running: as many as may run beside it. So the timing of the search does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from search.samplers.in_order import unseen
from search.trials.search_state import SearchState
from search.trials.trial_record import ENDED


class Order:
    """Outcomes that the decisions on each trial see.

    Args:
        state: of the search.
        lag: trials at a time of a repeatable search; None for a search whose decisions see
            whatever has ended.
    """

    def __init__(self, state: SearchState, lag: int | None) -> None:
        self._state, self._lag = state, lag

    def waits(self, number: float = math.inf) -> bool:
        """Return whether a trial must end before a trial is proposed.

        Args:
            number: of the trial to propose; infinite for a new one.
        """
        if self._lag is None:
            return False
        seen = set(self._started(number)) - self._hidden(number)
        return any(self._state[each].state not in ENDED for each in seen)

    def sees(self, number: int) -> Callable[[int], bool]:
        """Return a function: whether decisions on a trial see the outcome of another one."""
        if self._lag is None:
            return lambda _: True
        hidden = self._hidden(number)
        return lambda other: other < number and other not in hidden

    def seen(self, number: int) -> SearchState:
        """Return the state that the proposal of a trial sees."""
        if self._lag is None:
            return self._state
        hidden = self._hidden(number)
        before = [self._state[each] for each in sorted(self._state) if each < number]
        trials = (each.running() if each.number in hidden else each for each in before)
        return SearchState(trials, self._state.objectives, self._state.estimator)

    @property
    def saved(self) -> float:
        """The cost that shared warm-ups saved in a repeatable search, which counts them in full.

        Which trial pays for a warm-up depends on the timing.
        """
        if self._lag is None:
            return 0
        return sum(each.shared for each in self._state.values() if not each.is_open)

    def _started(self, number: float) -> list[int]:
        """Return the trials before one that were not rejected."""
        return sorted(
            each.number
            for each in self._state.values()
            if each.number < number and not each.rejected
        )

    def _hidden(self, number: float) -> set[int]:
        """Return the trials before one whose outcomes the decisions on it do not see."""
        return set() if self._lag is None else set(unseen(self._started(number), self._lag))
