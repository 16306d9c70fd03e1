"""Fronts chosen by validation accuracy, and their members' results with fresh seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from studies.outcomes import Cell, Outcome, Run
from studies.paper.figure_4.arms import SIDES, family
from studies.paper.study import Arms, Design, Setting, billed
from studies.summaries import accuracies

FRESH = 100
"""Offset of the fresh seeds, on which nothing was chosen."""


@dataclass(frozen=True)
class Member:
    """Member of a front, with its outcomes on fresh seeds."""

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
"""Hypervolume of accuracies and relative FLOPs."""


def best(made: Design, arms: Arms, side: str, run: Run) -> list[Member]:
    """Return the front of a side by mean validation accuracy, cheapest first."""
    names = [name for name in arms if family(name) in SIDES[side]]
    accuracy = [float(np.mean([each.val_accuracy for each in arms[name]])) for name in names]
    flops = [float(np.mean([each.relative_flops for each in arms[name]])) for name in names]
    chosen = [names[place] for place in run.front(accuracy, flops)]
    return [Member(name, made.arms[name]) for name in chosen]


def confirmed(fronts: Fronts, setting: Setting, dense: int, run: Run) -> dict[str, list[Member]]:
    """Train all members with fresh seeds, and return the fronts with these outcomes."""
    cells = {each.name: each.cell for members in fronts.values() for each in members}
    fresh = Design(cells, tuple(FRESH + seed for seed in setting.seeds)).outcomes(run)
    return {
        side: [replace(each, outcomes=billed(fresh[each.name], dense)) for each in members]
        for side, members in fronts.items()
    }


def volume(members: Sequence[Member], measure: Measure) -> float:
    """Return the hypervolume of a front."""
    return measure([each.accuracy for each in members], [each.flops for each in members])


def volumes(members: Sequence[Member], measure: Measure) -> list[float]:
    """Return the hypervolume of a front, a value a fresh seed."""
    return [
        volume(
            [replace(each, outcomes=each.outcomes[seed : seed + 1]) for each in members], measure
        )
        for seed in range(len(members[0].outcomes))
    ]


def matched(fronts: Fronts, searches: Sequence[str], rival: str) -> dict[str, list[float]]:
    """Return each search's gain at the FLOPs of a rival's members: by member, a value a search.

    A rival's member is compared with the search's most expensive member that costs no more; by
    the search's own validation accuracy that is its best. A rival's member is skipped if some
    search has no member as cheap.
    """
    found = {}
    for member in fronts[rival]:
        within = [[m for m in fronts[each] if m.flops <= member.flops] for each in searches]
        if all(within):
            found[member.name] = [each[-1].accuracy - member.accuracy for each in within]
    return found
