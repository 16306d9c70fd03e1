"""Fronts: who is on them by validation accuracy, and what that comes to with fresh seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from studies.outcomes import Cell, Outcome, Run
from studies.paper.figure_4.arms import DEFAULTS, SIDES, family
from studies.paper.study import Arms, Design, Setting, billed
from studies.summaries import accuracies

FRESH = 100
"""What a seed has to be raised by to be one that nothing was chosen on."""


@dataclass(frozen=True)
class Member:
    """A member of a front, and what it came to with fresh seeds."""

    name: str
    cell: Cell
    outcomes: Sequence[Outcome] = ()

    @property
    def accuracy(self) -> float:
        """Mean test accuracy."""
        return float(np.mean(accuracies(self.outcomes)))

    @property
    def flops(self) -> float:
        """Mean relative FLOPs."""
        return float(np.mean([each.relative_flops for each in self.outcomes]))


Fronts = Mapping[str, Sequence[Member]]
Measure = Callable[[Sequence[float], Sequence[float]], float]
"""The hypervolume of accuracies and relative FLOPs."""


def best(made: Design, arms: Arms, side: str, run: Run) -> list[Member]:
    """The front of a side by mean validation accuracy, cheapest first."""
    names = [name for name in arms if family(name) in SIDES[side]]
    accuracy = [float(np.mean([each.val_accuracy for each in arms[name]])) for name in names]
    flops = [float(np.mean([each.relative_flops for each in arms[name]])) for name in names]
    chosen = [names[place] for place in run.front(accuracy, flops)]
    return [Member(name, made.arms[name]) for name in chosen]


def confirmed(fronts: Fronts, setting: Setting, dense: int, run: Run) -> dict[str, list[Member]]:
    """The fronts with what their members come to with fresh seeds."""
    cells = {each.name: each.cell for members in fronts.values() for each in members}
    fresh = Design(cells, tuple(FRESH + seed for seed in setting.seeds)).outcomes(run)
    return {
        side: [replace(each, outcomes=billed(fresh[each.name], dense)) for each in members]
        for side, members in fronts.items()
    }


def volume(members: Sequence[Member], measure: Measure) -> float:
    """The hypervolume of a front."""
    return measure([each.accuracy for each in members], [each.flops for each in members])


def volumes(members: Sequence[Member], measure: Measure) -> list[float]:
    """The hypervolume of a front, a value a fresh seed."""
    return [
        volume(
            [replace(each, outcomes=each.outcomes[seed : seed + 1]) for each in members], measure
        )
        for seed in range(len(members[0].outcomes))
    ]


def matched(fronts: Fronts, searches: Sequence[str]) -> dict[str, list[float]]:
    """What each search gains at the FLOPs of each default member: by member, a value a search.

    A search is asked for the dearest member that costs no more; by its own validation accuracy
    that is its best. Members cheaper than all that some search has are left out.
    """
    found = {}
    for member in fronts[DEFAULTS]:
        within = [[m for m in fronts[each] if m.flops <= member.flops] for each in searches]
        if all(within):
            found[member.name] = [each[-1].accuracy - member.accuracy for each in within]
    return found
