"""Report of figure 4: the searched fronts' gains over the others, and their members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from studies.outcomes import Found
from studies.paper.figure_4.arms import (
    DEFAULTS,
    LIKE_THE_SEARCH,
    RIVALS,
    SHORT_DENSE,
    SIDES,
    SPACES,
    spent,
)
from studies.paper.figure_4.fronts import Fronts, Measure, Member, matched, volume, volumes
from studies.paper.report import Claim, Curve, Effect, Grid, Report, claim
from studies.paper.settings import base, told
from studies.paper.study import Arms, Setting
from studies.statistics import mean_interval, not_worse
from studies.summaries import ArmSummary
from studies.tables import MISSING, percent, points

TITLE = "Accuracy against training FLOPs, and what a search finds"
LEAST_VOLUME, LEAST = 0.005, 0.005


def report(
    setting: Setting, arms: Arms, fronts: Fronts, found: Mapping[str, Found], measure: Measure
) -> Report:
    """Report the fronts, and the searched ones' gains over the others."""
    gains = {rival: matched(fronts, list(found), rival) for rival in RIVALS}
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
            "Dotted: dense training for fewer epochs. "
            f"Solid: the median of the {len(found)} searched fronts at every cost, and a band "
            "from the worst to the best; each search cost as many FLOPs as the grid. Diamonds: "
            "members of the searched fronts."
        ),
        claims=claims(fronts, list(found), gains, measure),
        arms={name: ArmSummary.of(each) for name, each in arms.items()},
        effects=[
            Effect(f"searched less {rival}, at the FLOPs of", name, mean_interval(values))
            for rival, members in gains.items()
            for name, values in members.items()
        ],
        curves=curves(fronts),
        grids=grids(fronts, found, budget, dense, measure),
    )


def claims(
    fronts: Fronts, searches: Sequence[str], gains: Mapping[str, Gains], measure: Measure
) -> list[Claim]:
    """Return the claims: searched against its rivals, and defaults against the other sides."""
    ours = volumes(fronts[DEFAULTS], measure)
    searched = np.array([volume(fronts[each], measure) for each in searches])
    made = []
    for rival, words in RIVALS.items():
        theirs = volume(fronts[rival], measure)
        made.append(
            claim(
                f"A search finds a better front than {words}"
                + (" for the same FLOPs" if rival == DEFAULTS else ""),
                mean_interval(searched - theirs),
                LEAST_VOLUME,
                remark=f"hypervolume, % of the unit square; the rival's is {percent(theirs, 2)}",
            )
        )
        if gains[rival]:
            made += by_member(words, gains[rival], len(fronts[rival]))
    for side in SIDES:
        if side != DEFAULTS:
            less = mean_interval(np.subtract(ours, volumes(fronts[side], measure)))
            text = f"The paper's defaults have a better front than {RIVALS.get(side, side)}"
            remark = "hypervolume, % of the unit square; over fresh seeds"
            paper = "" if side in RIVALS else "SWaST lies above at equal FLOPs"
            made.append(claim(text, less, LEAST_VOLUME, paper=paper, remark=remark))
    return made


Gains = Mapping[str, Sequence[float]]
"""Gains of the searches by the name of a rival's member, a value a search."""


def by_member(words: str, gains: Gains, count: int) -> list[Claim]:
    """Compare the searched fronts with a rival's members: on average, and at the worst of them.

    Args:
        words: the rival.
        gains: at each of its members that was compared.
        count: number of its members.
    """
    found = {name: mean_interval(values) for name, values in gains.items()}
    above, below = (sum(each.sign == sign for each in found.values()) for sign in (1, -1))
    least = min(found, key=lambda name: found[name].mean)
    compared = f"{len(found)} of its {count} members" if len(found) < count else f"{count} members"
    remark = f"mean of {compared}: significantly more accurate at {above}, less at {below}"
    pooled = mean_interval(np.mean(list(gains.values()), axis=0))
    return [
        claim(
            f"At the FLOPs of {words}, the searched fronts are more accurate on average",
            pooled,
            LEAST,
            remark=f"{remark}; {points(found[least], 2).replace('**', '')} points at {least}",
        ),
        Claim(
            f"At the FLOPs of {words}, they are nowhere less accurate",
            found[least],
            LEAST,
            not_worse(found[least], LEAST),
            remark=f"the worst member: {least}",
        ),
    ]


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
        listing("The front of dense training for fewer epochs", fronts[SHORT_DENSE]),
    ]


def listing(title: str, members: Sequence[Member]) -> Grid:
    """Return the table of a front's members: cost, accuracy and settings."""
    head = (
        "member",
        "FLOPs, % of dense",
        "test accuracy, %",
        "coreset",
        "pruning",
        "T, K, R",
        "λ",
    )
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
                f"{config.epochs}, {config.warmup_epochs}, {config.interval}",
                f"{config.preserve.weight:.2g}",
            ]
        )
    return Grid(title, head, rows)
