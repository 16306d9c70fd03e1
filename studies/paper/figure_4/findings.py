"""Report of figure 4: the searched fronts' gains over the others, and their members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from studies.outcomes import Found
from studies.paper.figure_4.arms import DEFAULTS, LIKE_THE_SEARCH, SIDES, SPACES, spent
from studies.paper.figure_4.fronts import Fronts, Measure, Member, matched, volume, volumes
from studies.paper.report import Claim, Curve, Effect, Grid, Report, claim
from studies.paper.settings import base, told
from studies.paper.study import Arms, Setting
from studies.statistics import mean_interval
from studies.summaries import ArmSummary
from studies.tables import MISSING, percent

TITLE = "Accuracy against training FLOPs, and what a search finds"
LEAST_VOLUME, LEAST = 0.005, 0.005


def report(
    setting: Setting, arms: Arms, fronts: Fronts, found: Mapping[str, Found], measure: Measure
) -> Report:
    """Report the fronts, and the searched ones' gains over the others."""
    gains = matched(fronts, list(found))
    budget = spent(arms)
    dense = next(iter(arms.values()))[0].dense_flops
    return Report(
        study="figure-4",
        title=TITLE,
        scale=setting.scale,
        seeds=setting.seeds,
        settings={
            **told(base(setting, values=LIKE_THE_SEARCH[setting.scale])),
            "search": f"{SPACES[setting.scale]}, {next(iter(found.values())).sampler}",
        },
        caption=(
            "Test accuracy (on a scale of errors) against training FLOPs, mean over seeds; a "
            "bubble's area is the training's wall time. Fronts are chosen by validation accuracy "
            "and trained again with fresh seeds. Dashed: the front of the paper's defaults, trim "
            f"and cut over a grid, which cost {budget / dense:.0f} dense trainings' FLOPs in all. "
            f"Solid: the median of the {len(found)} searched fronts at every cost, and a band "
            "from the worst to the best; each search cost as many FLOPs as the grid. Diamonds: "
            "members of the searched fronts."
        ),
        claims=claims(fronts, list(found), gains, measure),
        arms={name: ArmSummary.of(each) for name, each in arms.items()},
        effects=[
            Effect("searched less default, at the FLOPs of", name, mean_interval(values))
            for name, values in gains.items()
        ],
        curves=curves(fronts),
        grids=grids(fronts, found, budget, dense, measure),
    )


def claims(
    fronts: Fronts, searches: Sequence[str], gains: Mapping[str, Sequence[float]], measure: Measure
) -> list[Claim]:
    """Return the claims: searched against defaults, and defaults against the other sides."""
    ours = volumes(fronts[DEFAULTS], measure)
    whole = volume(fronts[DEFAULTS], measure)
    beyond = np.array([volume(fronts[each], measure) for each in searches]) - whole
    made = [
        claim(
            "A search finds a better front than the paper's defaults for the same FLOPs",
            mean_interval(beyond),
            LEAST_VOLUME,
            remark=f"hypervolume, % of the unit square; the defaults' is {percent(whole, 2)}",
        )
    ]
    if gains:
        text = "At the FLOPs of the defaults' front, the searched fronts are more accurate"
        pooled = mean_interval(np.mean(list(gains.values()), axis=0))
        above = sum(np.mean(each) > 0 for each in gains.values())
        remark = f"mean of {len(gains)} members, more accurate at {above} of them"
        made.append(claim(text, pooled, LEAST, remark=remark))
    for side in SIDES:
        if side != DEFAULTS:
            less = mean_interval(np.subtract(ours, volumes(fronts[side], measure)))
            text = f"The paper's defaults have a better front than {side}"
            remark = "hypervolume, % of the unit square; over fresh seeds"
            paper = "SWaST lies above at equal FLOPs"
            made.append(claim(text, less, LEAST_VOLUME, paper=paper, remark=remark))
    return made


def curves(fronts: Fronts) -> list[Curve]:
    """Return every front: accuracies with their spread in one panel, wall times in another."""
    made = []
    for side, members in fronts.items():
        x = [100 * each.flops for each in members]
        arms = [ArmSummary.of(each.outcomes) for each in members]
        mean = [100 * each.accuracy for each in arms]
        off = [100 * each.spread for each in arms]
        low, high = np.subtract(mean, off).tolist(), np.add(mean, off).tolist()
        made.append(Curve("front", side, x, mean, low, high))
        made.append(Curve.line("wall", side, x, [each.seconds for each in arms]))
    return made


def grids(
    fronts: Fronts, found: Mapping[str, Found], budget: int, dense: int, measure: Measure
) -> list[Grid]:
    """Return tables: each front's cost and hypervolume, and two fronts' members."""
    rows = [
        [side, MISSING, MISSING, f"{len(members)}", percent(volume(members, measure), 2)]
        if side not in found
        else [
            side,
            f"{found[side].trials}",
            f"{found[side].spent / dense:.2f} of {budget / dense:.2f}",
            f"{len(members)}",
            percent(volume(members, measure), 2),
        ]
        for side, members in fronts.items()
    ]
    rows[0][2] = f"{budget / dense:.2f}"
    head = ("front", "trials", "FLOPs spent, dense trainings", "members", "hypervolume, %")
    by_volume = sorted(found, key=lambda each: volume(fronts[each], measure))
    middle = by_volume[len(by_volume) // 2]
    return [
        Grid("Fronts, on fresh seeds", head, rows),
        listing(f"The front of {middle}, the middle one of the searches", fronts[middle]),
        listing("The front of the paper's defaults", fronts[DEFAULTS]),
    ]


def listing(title: str, members: Sequence[Member]) -> Grid:
    """Return the table of a front's members: cost, accuracy and settings."""
    head = ("member", "FLOPs, % of dense", "test accuracy, %", "coreset", "pruning", "K, R", "λ")
    rows = []
    for each in members:
        config = each.cell.config
        pruned = config.prune.traits.prunes
        rows.append(
            [
                each.name,
                percent(each.flops, 2),
                percent(each.accuracy, 2),
                f"{config.coreset.scorer}, s = {config.coreset.fraction:.1%}",
                f"{config.prune.method}, {config.prune.scope}, {config.prune.schedule}, "
                f"p = {config.prune.sparsity:.0%}"
                if pruned
                else "none",
                f"{config.warmup_epochs}, {config.interval}",
                f"{config.preserve.weight:.2g}",
            ]
        )
    return Grid(title, head, rows)
