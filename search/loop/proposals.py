"""Proposals: open trials first, then new ones from the sampler, within the limits."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace

from search.loop.limits import Limits
from search.loop.order import Order
from search.loop.replication import Replication
from search.trials.proposal import Proposal
from search.trials.repository import SearchTrials
from search.trials.search_info import SearchInfo
from search.trials.search_state import SearchState
from search.trials.trial_record import State, TrialRecord
from swast.config import TrainConfig

MOST_REJECTED = 200
"""The most proposals in a row that may be too expensive before a search ends."""
MOST_REPEATS = 5
"""Proposals for one trial that may repeat a finished one before random ones are drawn; after as
many random repetitions, one is trained."""


class Proposals:
    """Proposals of a search, one by one.

    Args:
        trials: the search in its storage.
        state: of the search; rejected proposals are added to it.
        limits: the most that trials may cost.
        order: the outcomes that a proposal may depend on.
    """

    def __init__(
        self,
        trials: SearchTrials,
        state: SearchState,
        limits: Limits,
        order: Order,
    ) -> None:
        self._trials, self._state, self._limits, self._order = trials, state, limits, order
        self._alike: dict[TrainConfig, list[int]] = defaultdict(list)
        for record in state.values():
            if record.config is not None:
                self._alike[record.config].append(record.number)
        self._replication = Replication(trials, limits)
        orphans = trials.orphans(lambda number: self._count_repeated(number) >= MOST_REPEATS)
        if any(state[each.number].config is None for each in orphans):
            for record in trials.records():
                if state[record.number].config is None:
                    state.put(record)
        self._again = [each for each in orphans if each.begun]
        self._asked = [each for each in orphans if not each.begun]
        self._repeated = self._count_repeated(self._coming)
        self._held: Proposal | None = None
        self.exhausted = False

    @property
    def remaining(self) -> int:
        """Number of trials that the budget still allows to start."""
        return self._trials.info.budget - self._state.started + len(self._asked)

    def retry(self, record: TrialRecord) -> None:
        """Propose a running trial again."""
        assert record.config is not None
        again = (record.number, record.config, record.reference, True, record.repeats)
        self._again.append(Proposal(*again))

    def next(self) -> Proposal | None:
        """Return the next trial to start, or None if there is none now.

        Trials that were left running, and trials to retry, come first.
        """
        if self._again:
            return self._again.pop(0)
        if self.exhausted or (self._held is None and self._order.waits(self._coming)):
            return None
        while proposal := self._held or self._sampled():
            if self._affordable(proposal):
                self._held = None
                return proposal
            if self._held is not None:
                return None
        return None

    @property
    def _coming(self) -> float:
        """The number of the next proposal; infinite for a new trial."""
        return self._asked[0].number if self._asked else math.inf

    def _sampled(self) -> Proposal | None:
        """Return the sampler's next proposal, or None when the budget is used up.

        It rejects proposals that are too expensive, or repeat a trained one (see `MOST_REPEATS`).
        """
        for _ in range(MOST_REJECTED if self.remaining > 0 else 0):
            proposal = self._ask(at_random=self._repeated >= MOST_REPEATS)
            if proposal is None:
                break
            if self._repeated < 2 * MOST_REPEATS and self._repeats(proposal):
                self._repeated += 1
            elif not self._too_expensive(proposal):
                self._repeated = 0
                return proposal
        self._finish()
        return None

    def _count_repeated(self, before: float) -> int:
        """Return the number of repetitions that a dead driver rejected just before a trial."""
        found = 0
        for number in sorted(self._state, reverse=True):
            record = self._state[number]
            if record.rejected and record.config is not None:
                is_repeated = min(self._alike[record.config]) < number
                found += record.state == "failed" and is_repeated
            elif number < before:
                break
        return found

    def _finish(self) -> None:
        """Propose nothing more; reject proposed trials that have not begun.

        A driver that died leaves such trials, or a database whose answer was lost.
        """
        self.exhausted = True
        left = [each for each in self._trials.orphans() if not each.begun]
        for proposal in [*self._asked, *left]:
            self._reject(proposal, "failed", "asked for and never begun")
        self._asked = []

    def _ask(self, *, at_random: bool) -> Proposal | None:
        """Return a trial that an earlier session asked for and never began, else a new one.

        None if the rest of the budget is for members of the front, and none can be afforded.
        """
        if self._asked:
            found = self._asked.pop(0)
        else:
            seen = self._order.seen(max(self._state, default=-1) + 1)
            again = self._replication.next(seen, self.remaining)
            if again is None and self._replication.is_last:
                return None
            found = again or self._trials.ask(at_random=at_random)
        self._alike[found.config].append(found.number)
        return found

    def _repeats(self, proposal: Proposal) -> bool:
        """Reject a proposal that was trained before, to its end or a rung; return if it was.

        It is marked as failed, which samplers ignore: PRUNED would make a good place look bad.
        """
        if proposal.reference is not None:
            return False
        seen = self._order.seen(proposal.number)
        for number in self._alike[proposal.config]:
            record = seen.get(number)
            if record and (record.state == "complete" or record.stopped_at is not None):
                self._reject(proposal, "failed", f"the same configuration as {record.label}")
                return True
        return False

    def _too_expensive(self, proposal: Proposal) -> bool:
        """Reject a proposal that costs more than a trial may; return whether it does."""
        most = self._limits.trial
        if most == math.inf or self._limits.price is None:
            return False
        price = self._limits.price(proposal.config)
        self._trials.constrain(proposal.number, price - most)
        if price > most:
            reason = f"costs {self._text(price)}, more than the {most:.3g} allowed"
            self._reject(proposal, "pruned", reason)
        return price > most

    def _affordable(self, proposal: Proposal) -> bool:
        """Return whether a proposal fits in the budget that is left.

        If not, it waits for running trials, which may cost less than predicted. If none run, it is
        rejected, and what is left goes to members of the front.
        """
        if self._limits.total == math.inf or self._limits.price is None:
            return True
        promised = self._state.promised(without=proposal.number) + self._order.saved
        left = self._limits.total - promised
        price = self._limits.price(proposal.config)
        if price <= left:
            return True
        self._held = proposal
        if not self._state.running(without=proposal.number):
            self._held = None
            reason = f"costs {self._text(price)}, more than the {left:.3g} left of the budget"
            self._reject(proposal, "failed", reason)
            self._replication.is_last = True
        return False

    def _reject(self, proposal: Proposal, state: State, reason: str) -> None:
        """Record a proposal that is not started."""
        record = replace(
            new_record(self._trials.info, proposal),
            state=state,
            rejected=True,
            reason=reason,
        )
        self._state.put(record)
        self._trials.settle(record)

    def _text(self, cost: float) -> str:
        return self._trials.info.objectives.cost.absolute_text(cost)


def new_record(info: SearchInfo, proposal: Proposal) -> TrialRecord:
    """Return the record of a trial that has not begun."""
    return TrialRecord(
        number=proposal.number,
        state="running",
        params=info.study.searched(proposal.config),
        config=proposal.config,
        reference=proposal.reference,
        repeats=proposal.repeats,
        unit=info.unit,
    )
