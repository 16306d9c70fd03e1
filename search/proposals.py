"""What is trained next: what was left open, and what the sampler proposes within the rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from search.records import State, TrialRecord
from search.rules import Rules
from search.standing import Standing
from search.study import Study
from search.trials import Proposal, SearchTrials
from swast.config import TrainConfig

MOST_REJECTED = 200
"""Proposals in a row that may be too dear before a search gives up asking."""
MOST_REPEATS = 5
"""Proposals for one trial that may repeat a finished one before it is drawn at random, and again
as many of those before a repetition is trained."""


class Proposals:
    """Proposals of a search, one by one.

    Args:
        trials: the search in its storage.
        orphans: trials that were left running when the search last ended.
        standing: its trials; proposals that are not started are added.
        rules: what keeps trials from being started.
    """

    def __init__(
        self,
        trials: SearchTrials,
        orphans: Sequence[Proposal],
        standing: Standing,
        rules: Rules,
    ) -> None:
        self._trials, self._standing, self._rules = trials, standing, rules
        self._again = [each for each in orphans if each.begun]
        self._asked = [each for each in orphans if not each.begun]
        self._alike: dict[TrainConfig, list[int]] = defaultdict(list)
        for record in standing.values():
            if record.config:
                self._alike[TrainConfig.from_dict(record.config)].append(record.number)
        self._held: Proposal | None = None
        self.exhausted = False

    @property
    def remaining(self) -> int:
        """Trials that the budget still allows to start."""
        return self._trials.info.budget - self._standing.started + len(self._asked)

    def retry(self, record: TrialRecord) -> None:
        """Let a running trial come again."""
        config = TrainConfig.from_dict(record.config)
        self._again.append(Proposal(record.number, config, record.reference, begun=True))

    def next(self) -> Proposal | None:
        """The next trial to start, or None if there is none now.

        Trials that were left running, and those to be retried, come first.
        """
        if self._again:
            return self._again.pop(0)
        proposal = None if self.exhausted else self._held or self._sampled()
        if proposal is None or not self._affordable(proposal):
            return None
        self._held = None
        return proposal

    def _sampled(self) -> Proposal | None:
        """What the sampler proposes, or None when the budget is used up.

        What is too dear is told so and asked again; so is what has been trained before (see
        `MOST_REPEATS`).
        """
        repeats = 0
        for _ in range(MOST_REJECTED if self.remaining > 0 else 0):
            proposal = self._ask(at_random=repeats >= MOST_REPEATS)
            if repeats < 2 * MOST_REPEATS and self._repeats(proposal):
                repeats += 1
            elif not self._too_dear(proposal):
                return proposal
        self._finish()
        return None

    def _finish(self) -> None:
        """Propose nothing more; what was asked for and not begun is settled.

        Such trials are left by a driver that died, or by a database whose answer was lost.
        """
        self.exhausted = True
        left = [each for each in self._trials.orphans() if not each.begun]
        for proposal in [*self._asked, *left]:
            self._reject(proposal, "failed", "asked for and never begun")
        self._asked = []

    def _ask(self, *, at_random: bool) -> Proposal:
        """What was asked for and not begun when the search last ended, else something new."""
        found = self._asked.pop(0) if self._asked else self._trials.ask(at_random=at_random)
        self._alike[found.config].append(found.number)
        return found

    def _repeats(self, proposal: Proposal) -> bool:
        """Whether a proposal was trained before, to its end or to a rung; if so it is settled.

        It is told FAIL, which no sampler learns from: PRUNED would make a good place look bad.
        """
        alike = [self._standing.get(number) for number in self._alike[proposal.config]]
        for record in alike if proposal.reference is None else ():
            if record and (record.state == "complete" or record.stopped_at is not None):
                self._reject(proposal, "failed", f"the same configuration as {record.label}")
                return True
        return False

    def _too_dear(self, proposal: Proposal) -> bool:
        """Whether a proposal costs more than a trial may; if so it is settled."""
        if self._rules.limit is None:
            return False
        most = self._rules.limit(proposal.config)
        price = self._rules.price(proposal.config)
        self._trials.constrain(proposal.number, price - most)
        if price > most:
            reason = f"costs {price:.3g} FLOPs, more than the {most:.3g} allowed"
            self._reject(proposal, "pruned", reason)
        return price > most

    def _affordable(self, proposal: Proposal) -> bool:
        """Whether a proposal fits in the FLOPs that are left.

        If not it waits for running trials, which may cost less than was promised. Where none run,
        it is settled and the search is at its end.
        """
        budget = self._rules.flops_budget
        if budget is None:
            return True
        left = budget - self._standing.promised(without=proposal.number)
        price = self._rules.price(proposal.config)
        if price <= left:
            return True
        self._held = proposal
        if not self._standing.running(without=proposal.number):
            self._held = None
            reason = f"costs {price:.3g} FLOPs, more than the {left:.3g} left of the budget"
            self._reject(proposal, "failed", reason)
            self._finish()
        return False

    def _reject(self, proposal: Proposal, state: State, reason: str) -> None:
        """Settle a proposal that is not started."""
        record = replace(
            new_record(self._trials.info.study, proposal),
            state=state,
            rejected=True,
            reason=reason,
        )
        self._standing.put(record)
        self._trials.settle(record)


def new_record(study: Study, proposal: Proposal) -> TrialRecord:
    """The record of a trial that has not begun."""
    return TrialRecord(
        number=proposal.number,
        state="running",
        params=study.searched(proposal.config),
        config=proposal.config.to_dict(),
        reference=proposal.reference,
    )
