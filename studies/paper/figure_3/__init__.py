"""Figure 3: the critical double-loss, the severities at which it occurs, and remedies against it.

The paper's claim: if weights and samples are removed together, neither can make up for the other,
and accuracy collapses; preservation, the KL term, is the remedy. A gain from the KL term could
have other causes, so three controls are trained beside it: cross-entropy scaled by 1 + λ (is it
only a larger step?), the KL term without pruning (does it help a coreset as much, double-loss or
not?), and coresets redrawn at random with and without it (does it need the chosen ones?). Rival
remedies are a tuned learning rate, gradual pruning, and keeping the logits of the first round,
when the network was still dense.

Protocol, fixed before the results of the confirming seeds were seen. Small: digits, cnn-small,
T = 20, K = 4, R = 4, GradMatch, RigL, ERK, cut. Twelve severities: p = 80, 90, 97 %, s = 5, 10 %,
one-shot and cubic.

- Seeds 0 to 3 choose for each severity, by mean validation accuracy: the learning rate without
  the KL term (0.02, 0.05, 0.1, 0.2), then λ at that rate (0.1, 0.3, 1, 3). Ties go to the smaller.
  All arms of a severity have that rate, unless they are named for the trainer's own of 0.05.
- Fresh seeds, 100 to 107, train every arm again and give all figures: test accuracy after the
  last epoch. Differences are paired by seed, 95 % intervals; claims average severities
  seed by seed. The smallest effects that count are half a point of accuracy, and five points of
  collapsed runs.
- A run has collapsed if it is more than five points below the lower of two medians: that of the
  coreset without pruning, and that of pruning on all data. The extra loss is the loss from
  removing both beyond the sum of the losses from removing either. Pruning on all data and dense
  training have the trainer's own rate.
- Preservation is credited with a severity's gain only if the gain, and the gain less each
  control's, all have intervals above 0.

Paper's scale: CIFAR-10, ResNet-18, p = 90, 97 %, s = 1, 5 %, three seeds.
"""

from __future__ import annotations

from studies.outcomes import Cell, Run
from studies.paper.figure_3.arms import ARMS, Chosen, Severity, arm, rates, severities, tuning
from studies.paper.figure_3.choice import tune
from studies.paper.figure_3.drawing import draw
from studies.paper.figure_3.findings import TITLE, report
from studies.paper.report import Report
from studies.paper.study import Arms, Design, Setting, Study

FRESH = 100
"""Offset of the fresh seeds, on which nothing was chosen."""


def conduct(setting: Setting, run: Run) -> Report:
    """Choose rate and λ on some seeds, train every arm on fresh seeds, and report."""
    chosen = tune(setting, run)
    return report(setting, chosen, confirm(setting, chosen, run))


def confirm(setting: Setting, chosen: dict[Severity, Chosen], run: Run) -> dict[Severity, Arms]:
    """Train every arm of every severity on fresh seeds."""
    cells = {
        f"{severity}: {name}": arm(setting, name, severity, picked)
        for severity, picked in chosen.items()
        for name in ARMS
    }
    fresh = tuple(FRESH + seed for seed in setting.seeds)
    made = Design(cells, fresh).outcomes(run)
    return {severity: {name: made[f"{severity}: {name}"] for name in ARMS} for severity in chosen}


def first(setting: Setting) -> list[Cell]:
    """Return the first trainings: every rate, on the seeds used to choose."""
    candidates = {each: rates() for each in severities(setting)}
    return list(dict.fromkeys(tuning(setting, candidates)))


STUDY = Study("figure-3", TITLE, {"small": 8, "paper": 3}, first, conduct, draw)
