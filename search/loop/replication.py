"""Replication: trainings of tried configurations with other seeds, within the search's budget.

A sampler that can compare their gain with that of a new configuration decides first. Beyond that,
a search ends with a front whose members were trained more than once: its last trials are kept for
the members that were not, as in racing (Birattari et al., A Racing Algorithm for Configuring
Metaheuristics, 2002).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from search.loop.limits import Limits
from search.study.tables import AUTO
from search.trials.confirming import confirming, following_seeds, used_seeds
from search.trials.proposal import Proposal
from search.trials.repository import SearchTrials
from search.trials.search_state import SearchState
from search.trials.trial_record import TrialRecord, front_of

FEWEST = 10
"""Trials from which on a search has replicates by default."""
SHARE = 3
"""At most one in so many trials is kept for members of the front."""
MARGIN = 1.5
"""Trials that are kept, over those that members lack by now: new readings bring new members."""


class Replication:
    """Decisions to train a configuration again.

    Args:
        trials: the search in its storage.
        state: of the search.
        limits: the most that trials may cost.
    """

    def __init__(self, trials: SearchTrials, state: SearchState, limits: Limits) -> None:
        self._trials, self._state, self._limits = trials, state, limits
        info = trials.info
        self._is_auto = info.replicates == AUTO
        if self._is_auto:
            self._wanted = 1 if info.budget >= FEWEST else 0
        else:
            self._wanted = int(info.replicates)

    def next(self, remaining: int) -> Proposal | None:
        """Return another training of a tried configuration; None for a new configuration.

        Args:
            remaining: trials that may still be started.
        """
        if not self._wanted or not remaining:
            return None
        record = self._due(remaining)
        if record is None and self._is_auto:
            number = self._trials.better_again()
            record = None if number is None else self._state.get(number)
        if record is None or record.config is None:
            return None
        seed = next(following_seeds(record.config, used_seeds(record, self._state.trials)))
        return self._trials.ask_again(record, seed)

    def _due(self, remaining: int) -> TrialRecord | None:
        """Return a member of the front to be trained again, if the rest is needed for those."""
        if remaining > max(1, self._trials.info.budget // SHARE):
            return None
        self._state.estimate()
        lacking = {
            member.number: self._wanted - len(self._again(member)) - len(confirming(member))
            for member in front_of(self._state.trials, self._state.objectives)
        }
        lacking = {number: count for number, count in lacking.items() if count > 0}
        price = sum(count * (self._state[number].cost or 0) for number, count in lacking.items())
        left = self._limits.total - self._state.promised(without=-1)
        enough = MARGIN * sum(lacking.values()) < remaining and MARGIN * price < left
        if not lacking or enough:
            return None
        return self._state[max(lacking, key=lambda number: (lacking[number], self._doubt(number)))]

    def _doubt(self, number: int) -> float:
        """Return the standard error of a configuration's score; infinite if it is unknown."""
        estimate = self._state[number].estimate
        return math.inf if estimate is None else estimate.error

    def _again(self, record: TrialRecord) -> Sequence[TrialRecord]:
        """Return the further trainings of a configuration, failed ones among them."""
        return [each for each in self._state.values() if each.repeats == record.number]
