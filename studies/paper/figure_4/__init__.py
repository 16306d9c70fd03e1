"""Figure 4: accuracy against training FLOPs, the paper's defaults beside what a search finds.

The paper draws SWaST against coreset only and pruning only, with bubbles as large as the training
is long, and says that SWaST lies above both at equal FLOPs. Which of its settings to take, it does
not say. So: how far does a search over them lie above the defaults, for the same FLOPs?

Protocol, fixed before looking. Small: digits, cnn-small, T = 30; seeds 0 to 4 for everything.

- The paper's defaults: trim and cut (RigL, cubic, ERK, GradMatch, λ = 0.1, K = 3, R = 5) over
  s = 1, 5, 10, 30 % and p = 10, 30, 50, 90 %. Beside them the coreset alone (GradMatch, Moderate,
  EL2N) and redrawn at random at the same shares, pruning only on all data, and dense training;
  the last two over fewer epochs as well, so that they reach down to SWaST's FLOPs.
- All trainings of trim and cut together, every seed's, cost F FLOPs. ``swast-search`` with its own
  defaults gets F on the shipped study of the same data, network and T, once for each seed of its
  sampler; its references are paid out of F, too. On both sides every training pays for its own
  warm-up, though sharing would spare both some.
- Each side's front is chosen by validation accuracy (of the fixed arms the mean over the seeds, of
  a search what it saw). All members are trained anew with fresh seeds, 100 to 104: what counts is
  their mean test accuracy there. Those trainings choose nothing and are on nobody's bill.
- Claims: hypervolume (between the ends that the searched study says: on digits accuracy from 90 %
  on, FLOPs on a log scale from a hundredth of dense training's),
  searched less defaults, over the searches; test accuracy at the FLOPs of each default member,
  over the searches; the defaults' hypervolume less that of the others, paired over fresh seeds.
  The least worth the name is half a point, of accuracy or of the unit square. 95 % bootstrap
  intervals. Paper's scale: CIFAR-10, ResNet-18, T = 200, three seeds.
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
    """Train the grid, search for what it cost, and train all fronts anew with fresh seeds."""
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
    """A searched configuration as a training of this study."""
    return Cell(replace(config, device=setting.device))


STUDY = Study(
    "figure-4",
    TITLE,
    {"small": 5, "paper": 3},
    lambda setting: design(setting).cells(),
    conduct,
    draw,
)
