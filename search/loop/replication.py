"""Replication: trainings of tried configurations with other seeds, within the search's budget.

A sampler that can compare their gain with that of a new configuration decides first. Beyond that,
a search ends with a front whose members were trained more than once: its last trials are kept for
the members that were not, as in racing (Birattari et al., A Racing Algorithm for Configuring
Metaheuristics, 2002).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from search.loop.limits import Limits
from search.study.tables import AUTO
from search.trials.confirming import confirming, following_seeds, used_seeds
from search.trials.further import further
from search.trials.proposal import Proposal
from search.trials.repository import SearchTrials
from search.trials.search_state import SearchState
from search.trials.trial_record import TrialRecord

FEWEST = 10
"""Trials from which on a search has replicates by default."""
SHARE, FLOPS_SHARE = 3, 20
"""At most one in so many trials, and FLOPs, is kept for members of the front. The first trials
take most of the FLOPs; after them, new configurations are cheap.
"""
MARGIN = 1.25
"""Trials that are kept, over those that members lack by now: new readings bring new members."""


class Replication:
    """Decisions to train a configuration again.

    Args:
        trials: the search in its storage.
        limits: the most that trials may cost.

    Attributes:
        is_last: whether no new configuration fits in the budget that is left.
    """

    def __init__(self, trials: SearchTrials, limits: Limits) -> None:
        self._trials, self._limits = trials, limits
        self.is_last = False
        info = trials.info
        self._is_auto = info.replicates == AUTO
        if self._is_auto:
            self._wanted = 1 if info.budget >= FEWEST else 0
        else:
            self._wanted = int(info.replicates or 0)

    def next(self, state: SearchState, remaining: int) -> Proposal | None:
        """Return another training of a tried configuration; None for a new configuration.

        Args:
            state: of the search, as the decision may see it.
            remaining: trials that may still be started.
        """
        if not self._wanted or not remaining:
            return None
        record = self._due(state, remaining)
        if record is None and self._is_auto and not self.is_last:
            number = self._trials.better_again()
            record = None if number is None else state.get(number)
        if record is None or record.config is None:
            return None
        seed = next(following_seeds(record.config, used_seeds(record, state.trials)))
        return self._trials.ask_again(record.number, record.config, seed)

    def _due(self, state: SearchState, remaining: int) -> TrialRecord | None:
        """Return a member of the front to be trained again, if the rest is needed for those."""
        is_late = self.is_last or remaining <= self._trials.info.budget / SHARE
        if not is_late and self._limits.total == math.inf:
            return None
        state.estimate()
        left = self._left(state)
        lacking = {
            number: count
            for number, count in self._lacking(state).items()
            if (state[number].cost or 0) <= left
        }
        if not lacking or (not self.is_last and self._has_room(state, lacking, remaining, left)):
            return None
        return max((state[number] for number in lacking), key=lambda each: rank(each, lacking))

    def _lacking(self, state: SearchState) -> Mapping[int, int]:
        """Return how many readings each member of the front lacks, if any, by its number."""
        again = further(state.trials)
        found = {
            member.number: self._wanted
            - len(again.get(member.number, ()))
            - len(confirming(member))
            for member in state.members
        }
        return {number: count for number, count in found.items() if count > 0}

    def _left(self, state: SearchState) -> float:
        """Return the FLOPs that are left for trials; infinite if they have no limit."""
        saved = sum(each.shared for each in state.values() if not each.is_open)
        return self._limits.total - state.promised(without=-1) - saved

    def _has_room(
        self, state: SearchState, lacking: Mapping[int, int], remaining: int, left: float
    ) -> bool:
        """Return whether another new configuration leaves enough trials and FLOPs for members."""
        if left < math.inf:
            price = sum(count * (state[number].cost or 0) for number, count in lacking.items())
            if left < min(MARGIN * price, self._limits.total / FLOPS_SHARE):
                return False
        return remaining > min(MARGIN * sum(lacking.values()), self._trials.info.budget / SHARE)


def rank(record: TrialRecord, lacking: Mapping[int, int]) -> tuple[int, float]:
    """Return a member's turn for another training: by the readings that it lacks, cheap first."""
    return lacking[record.number], -(record.cost or 0)
