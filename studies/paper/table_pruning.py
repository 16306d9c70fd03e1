"""Coreset selection improves pruning: pruned networks trained on coresets, and on all data.

The paper's claims (ResNet-18, CIFAR-10, p = 90 %): SWaST-cut reaches 93.15 %, 3.33 points above
pruning alone; up to 4.43 points above it at equal FLOPs.

Protocol, fixed before any result was seen. Small: digits, cnn-small, p = 90 % of all layers, by
four pruners (RigL, magnitude, GraNet, SNIP); coresets of 10 %; seeds 0 to 9; nothing is tuned for
any arm. Every pruner has four arms: pruning only, on all data for as many epochs; pruning only, on
all data for so few epochs that it costs as much as SWaST (17 epochs, pruned after every one; the
table has the FLOPs); SWaST with GradMatch; and, our control, SWaST with coresets redrawn at
random. Dense training, whole and (added later) for so few epochs that it costs as much as SWaST,
and the coreset alone are references. Test accuracy after the last epoch;
differences paired by seed, 95 % intervals; claims pool the pruners seed by seed. The
smallest gain that counts is half a point. Paper's scale: CIFAR-10, ResNet-18, RigL, five seeds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from studies.figures import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, drawing, forest
from studies.paper.report import Effect, Report, claim
from studies.paper.settings import DENSE, PLAIN, WHOLE_DATA, Values, base, told
from studies.paper.study import Arms, Design, Setting, billed, designed, gain
from studies.statistics import Interval, mean_interval
from studies.summaries import ArmSummary, accuracies

PRUNERS = {"small": ("rigl", "magnitude", "granet", "snip"), "paper": ("rigl",)}
SHORT: dict[str, Values] = {
    "small": {"epochs": 17, "warmup_epochs": 1, "interval": 1},
    "paper": {"epochs": 50, "warmup_epochs": 2, "interval": 2},
}
"""Schedule on all data that costs as much as SWaST, by the forecast of its FLOPs."""
SHORT_DENSE: dict[str, Values] = {
    "small": {"epochs": 5, "warmup_epochs": 1, "interval": 1},
    "paper": {"epochs": 25, "warmup_epochs": 2, "interval": 2},
}
"""The same for dense training."""
ONLY, EQUAL, OURS, RANDOM = (
    "pruning only",
    "pruning only, equal FLOPs",
    "SWaST",
    "SWaST, random coresets",
)
COLOURS = {ONLY: ORANGE, EQUAL: PURPLE, OURS: BLUE, RANDOM: GREEN}
SHORTER = "dense, equal FLOPs"
LEAST = 0.005
PAPERS = {ONLY: 0.0333, EQUAL: 0.0443}
"""The paper's gains over either."""


def design(setting: Setting) -> Design:
    """Return all arms over the seeds."""
    arms = {
        "dense": base(setting, values={**DENSE, **WHOLE_DATA}),
        SHORTER: base(setting, values={**DENSE, **WHOLE_DATA, **SHORT_DENSE[setting.scale]}),
        "coreset only": base(setting, values={**DENSE, **PLAIN}),
    }
    for pruner in PRUNERS[setting.scale]:
        method = {"prune.method": pruner}
        whole = {**method, **WHOLE_DATA}
        arms[f"{pruner}: {ONLY}"] = base(setting, values=whole)
        arms[f"{pruner}: {EQUAL}"] = base(setting, values={**whole, **SHORT[setting.scale]})
        arms[f"{pruner}: {OURS}"] = base(setting, values=method)
        redrawn = {**method, "coreset.scorer": "random"}
        arms[f"{pruner}: {RANDOM}"] = base(setting, values=redrawn)
    return Design(arms, setting.seeds)


def pooled(setting: Setting, arms: Arms, ours: str, theirs: str) -> Interval:
    """Return a difference, the pruners averaged seed by seed."""
    found = [
        np.subtract(accuracies(arms[f"{pruner}: {ours}"]), accuracies(arms[f"{pruner}: {theirs}"]))
        for pruner in PRUNERS[setting.scale]
    ]
    return mean_interval(np.mean(found, axis=0))


def over_dense(setting: Setting, arms: Arms) -> Interval:
    """Return SWaST less dense training of as many FLOPs, the pruners averaged seed by seed."""
    ours = [accuracies(arms[f"{pruner}: {OURS}"]) for pruner in PRUNERS[setting.scale]]
    return mean_interval(np.mean(ours, axis=0) - np.array(accuracies(arms[SHORTER])))


def effects(setting: Setting, arms: Arms) -> list[Effect]:
    """Compare SWaST with pruning only and with random coresets, pruner by pruner."""
    pairs = [(OURS, ONLY), (OURS, EQUAL), (RANDOM, ONLY), (RANDOM, EQUAL), (OURS, RANDOM)]
    return [
        Effect(
            pruner,
            f"{ours} − {theirs}",
            gain(arms, f"{pruner}: {ours}", f"{pruner}: {theirs}"),
            PAPERS.get(theirs) if ours == OURS and pruner == "rigl" else None,
        )
        for pruner in PRUNERS[setting.scale]
        for ours, theirs in pairs
    ]


def report(setting: Setting, arms: Arms) -> Report:
    """Report the gains and the claims."""
    dense = arms["dense"][0].dense_flops
    claims = [
        claim(
            "A coreset improves pruning: SWaST beats pruning only, epoch for epoch",
            pooled(setting, arms, OURS, ONLY),
            LEAST,
            paper="+3.33 points (CIFAR-10, p = 90 %)",
        ),
        claim(
            "SWaST beats pruning only at equal FLOPs",
            pooled(setting, arms, OURS, EQUAL),
            LEAST,
            paper="up to +4.43 points",
        ),
        claim(
            "Our control: SWaST beats dense training of as many FLOPs",
            over_dense(setting, arms),
            LEAST,
        ),
        claim(
            "Our control: chosen coresets are needed, and random ones are worse",
            pooled(setting, arms, OURS, RANDOM),
            LEAST,
        ),
    ]
    caption = (
        f"Networks pruned to 90 %, over {len(setting.seeds)} seeds. Left: test accuracy against "
        "training FLOPs (mean and standard deviation; one mark a pruner). Right: differences "
        "with their 95 % intervals, blue above 0 and orange below if the interval "
        "excludes 0. Diamonds: the paper's differences for RigL on CIFAR-10."
    )
    return Report(
        study="table-pruning",
        title=STUDY.title,
        scale=setting.scale,
        seeds=setting.seeds,
        settings=told(base(setting)),
        caption=caption,
        claims=claims,
        arms={name: ArmSummary.of(billed(found, dense)) for name, found in arms.items()},
        effects=effects(setting, arms),
    )


def draw(report: Report, path: Path) -> None:
    """Draw accuracy against FLOPs, and the differences."""
    size = (13, max(4.5, 1.4 + 0.3 * len(report.effects)))
    with drawing(1, 2, size, path) as (figure, (left, right)):
        for name, arm in report.arms.items():
            kind = name.partition(": ")[2]
            left.errorbar(
                100 * arm.relative_flops,
                100 * arm.accuracy,
                yerr=100 * arm.spread,
                fmt="o" if kind else "*" if name.startswith("dense") else "s",
                color=COLOURS.get(kind, GREY),
                mec=BLACK,
                mew=0.5,
                ms=7 if kind else 10,
                elinewidth=1,
            )
        for name, colour in COLOURS.items():
            left.plot([], [], "o", color=colour, label=name)
        left.plot([], [], "*", color=GREY, ms=10, label=f"dense; {SHORTER}")
        left.plot([], [], "s", color=GREY, label="coreset only")
        left.set(xscale="log", xlabel="training FLOPs, % of dense", ylabel="test accuracy, %")
        low, high = left.get_xlim()
        ticks = [tick for tick in (5, 7, 10, 15, 20, 30, 50, 70, 100) if low <= tick <= high]
        left.set_xticks(ticks, [f"{tick}" for tick in ticks])
        left.minorticks_off()
        left.grid(axis="both")
        forest(
            right,
            [f"{each.group}: {each.name}" for each in report.effects],
            [each.interval for each in report.effects],
            [each.paper for each in report.effects],
        )
        right.set_xlabel("difference in test accuracy, points")
        figure.legend(loc="outside lower center", ncols=7)


STUDY = designed(
    "table-pruning",
    "Coreset selection improves pruning",
    {"small": 10, "paper": 5},
    design,
    report,
    draw,
)
