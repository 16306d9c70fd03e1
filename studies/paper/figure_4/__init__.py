"""Figure 4: accuracy against training FLOPs, for the paper's defaults and for searches.

The paper draws SWaST against coreset only and pruning only, with a bubble for each training whose
area is its duration, and claims that SWaST is more accurate than both at equal FLOPs. It does not
state which settings to choose. So the question here: how much better than the defaults is a search
over the settings, for the same FLOPs?

Protocol, fixed before any result was seen. Small: digits, cnn-small, T = 30; seeds 0 to 4 for
everything.

- The paper's defaults: trim and cut (RigL, cubic, ERK, GradMatch, λ = 0.1, K = 3, R = 5) over
  s = 1, 5, 10, 30 % and p = 10, 30, 50, 90 %. Beside them cut with K = 1 over the same grid; the
  coreset alone (GradMatch, Moderate, EL2N) and redrawn at random at the same shares; pruning only
  on all data, and dense training; the last two over fewer epochs as well, so that they reach down
  to SWaST's FLOPs. "Train shorter" is dense training alone.
- All trainings of trim and cut together, over all seeds, cost F FLOPs. ``swast-search`` with its
  own defaults may spend F on the shipped study of the same data, network and T, once for each seed
  of its sampler; its references count towards F, too. On both sides every training pays for its
  own warm-up, though sharing would save FLOPs on both.
- Each side's front is chosen by validation accuracy (for fixed arms the mean over the seeds, for a
  search the one value that it saw). All members are trained again with fresh seeds, 100 to 104;
  their mean test accuracy there is the result. Those trainings choose nothing, and no side pays
  for them.
- Claims: hypervolume (between the ends that the searched study sets: on digits accuracy from 90 %
  upwards, FLOPs on a log scale from a hundredth of dense training's), searched less a rival's
  (defaults, cut with K = 1, train shorter), over the searches; test accuracy at the FLOPs of each
  of the rival's members, over the searches, on average and at the worst; the defaults'
  hypervolume less that of the others, paired over fresh seeds. The smallest effect that counts is
  half a point, of accuracy or of the unit square. Cut with K = 1, train shorter as a side, and the
  worst member were added after the first results. 95 % intervals. Paper's scale:
  CIFAR-10, ResNet-18, T = 200, three seeds.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from studies.outcomes import Cell, Run, Search
from studies.paper.figure_4.arms import LENGTHS, SIDES, SPACES, WHOLE, design, spent
from studies.paper.figure_4.drawing import draw
from studies.paper.figure_4.findings import TITLE, report
from studies.paper.figure_4.fronts import Member, best, confirmed
from studies.paper.report import Report
from studies.paper.study import Setting, Study, billed
from swast.config import TrainConfig


def conduct(setting: Setting, run: Run) -> Report:
    """Train the grid, search with the FLOPs it cost, and train all fronts again on fresh seeds."""
    made = design(setting)
    trained = made.outcomes(run)
    dense = trained[f"{WHOLE}: T = {LENGTHS[setting.scale][0]}"][0].dense_flops
    arms = {name: billed(found, dense) for name, found in trained.items()}
    budget = spent(arms)
    found = [run.search(Search(SPACES[setting.scale], budget, seed)) for seed in setting.seeds]
    sides = {side: best(made, arms, side, run) for side in SIDES}
    searches = {
        f"search {number}": [
            Member(f"search {number}: {place}", like(setting, config))
            for place, config in enumerate(each.front, start=1)
        ]
        for number, each in enumerate(found, start=1)
    }
    fronts = confirmed({**sides, **searches}, setting, dense, run)
    measure = partial(run.hypervolume, SPACES[setting.scale])
    return report(setting, arms, fronts, dict(zip(searches, found, strict=True)), measure)


def like(setting: Setting, config: TrainConfig) -> Cell:
    """Return a searched configuration as a training of this study."""
    return Cell(replace(config, device=setting.device))


STUDY = Study(
    "figure-4",
    TITLE,
    {"small": 5, "paper": 3},
    lambda setting: design(setting).cells(),
    conduct,
    draw,
)
