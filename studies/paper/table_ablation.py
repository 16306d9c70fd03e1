"""Ablation: one setting at a time around the defaults, and with and without each part.

The paper's claims: every part helps (preservation, coreset selection, pruning), λ = 0.1 is about
best, RigL and GradMatch are the pruner and scorer of choice on CIFAR.

Protocol, fixed before any result was seen. Small: digits, cnn-small, SWaST-cut at the defaults
(GradMatch, s = 10 %, RigL, p = 90 %, cubic, K = 3, R = 5, λ = 0.1); every arm differs from them
only in the setting that it is named for; seeds 0 to 9. λ and its reduction, R, K, all 17 scorers
(el2n hard and easy; infobatch at 50 %, the share that it was published with), all pruners (n:m at
75 %, uniform, and one-shot, which it requires; channel at 50 %, uniform), the five schedules, the
three distributions; and parts left out, alone and together. Test accuracy after the last epoch;
differences paired by seed, 95 % intervals; the smallest effect that counts is half a
point. One in twenty differences excludes 0 by chance. Paper's scale: CIFAR-10, ResNet-18, five
seeds; scorers whose solver costs more than the training are left out. Dense training for a third
and a sixth of the epochs was added later, as the plainest way to save as many FLOPs.
"""

from __future__ import annotations

from pathlib import Path

from studies.figures import drawing, forest
from studies.paper.report import Effect, Report, claim
from studies.paper.settings import DENSE, PLAIN, WHOLE_DATA, Values, base, told
from studies.paper.study import Arms, Design, Setting, billed, designed, gain
from studies.summaries import ArmSummary
from studies.tables import excluding
from swast.config import PRUNER_TRAITS, PrunerName

DEFAULTS = "the defaults"
LEAST = 0.005
UNIFORM: Values = {"prune.distribution": "uniform"}
NO_KL, NO_PRUNING, RANDOM = "no preservation", "no pruning", "random coresets"
PARTS: dict[str, Values] = {
    NO_KL: PLAIN,
    NO_PRUNING: DENSE,
    RANDOM: {"coreset.scorer": "random"},
    "random coresets, no preservation": {"coreset.scorer": "random", **PLAIN},
    "coreset only": {**DENSE, **PLAIN},
    "random coreset only": {**DENSE, **PLAIN, "coreset.scorer": "random"},
    "pruning only": WHOLE_DATA,
    "dense": {**DENSE, **WHOLE_DATA},
}
SCORERS = (
    "moderate",
    "el2n",
    "grand",
    "loss",
    "entropy",
    "margin",
    "least-confidence",
    "forgetting",
    "herding",
    "k-center",
    "gradmatch-batch",
    "craig",
    "glister",
    "ccs",
)
SLOW = {"herding", "k-center", "craig", "glister"}
"""Scorers that are left out at the paper's scale."""
PRUNERS: dict[PrunerName, Values] = {
    "magnitude": {},
    "set": {},
    "granet": {},
    "snip": {},
    "synflow": {},
    "random": {},
    "n:m": {"prune.sparsity": 0.75, "prune.schedule": "one-shot", **UNIFORM},
    "channel": {"prune.sparsity": 0.5, **UNIFORM},
}


def shorter(setting: Setting) -> dict[str, Values]:
    """Return dense training for a third and a sixth of the epochs."""
    whole = base(setting).config.epochs
    lengths = [(share, round(whole / share)) for share in (3, 6)]
    return {
        f"dense, T/{share} = {length}": {"epochs": length, **DENSE, **WHOLE_DATA}
        for share, length in lengths
    }


def fields(setting: Setting) -> dict[str, dict[str, Values]]:
    """Return each arm's changes to the defaults, by group and by name."""
    small = setting.scale == "small"
    scorers = [name for name in SCORERS if small or name not in SLOW]
    intervals, warmups = ((1, 3, 9, 27), (1, 6, 9)) if small else ((5, 10, 40), (1, 5, 30, 60))
    return {
        "part": {**PARTS, **shorter(setting)},
        "λ": {
            **{f"λ = {each:g}": {"preserve.weight": each} for each in (0.01, 0.3, 1.0, 3.0)},
            "λ = 0.1, summed over the batch": {"preserve.reduction": "sum"},
        },
        "R": {f"R = {each}": {"interval": each} for each in intervals},
        "K": {f"K = {each}": {"warmup_epochs": each} for each in warmups},
        "scorer": {
            **{name: {"coreset.scorer": name} for name in scorers},
            "el2n, easy": {"coreset.scorer": "el2n", "coreset.direction": "easy"},
            "infobatch, s = 50 %": {"coreset.scorer": "infobatch", "coreset.fraction": 0.5},
        },
        "pruner": {
            name: {"prune.method": name, **more}
            for name, more in PRUNERS.items()
            if small or not PRUNER_TRAITS[name].changes_shapes
        },
        "schedule": {
            name: {"prune.schedule": name}
            for name in ("one-shot", "linear", "cosine", "exponential")
        },
        "distribution": {name: {"prune.distribution": name} for name in ("uniform", "global")},
    }


def design(setting: Setting) -> Design:
    """Return all arms over the seeds."""
    arms = {DEFAULTS: base(setting)}
    for group, named in fields(setting).items():
        for name, values in named.items():
            arms[f"{group}: {name}"] = base(setting, values=values)
    return Design(arms, setting.seeds)


def effects(setting: Setting, arms: Arms) -> list[Effect]:
    """Return every arm less the defaults."""
    return [
        Effect(group, name, gain(arms, f"{group}: {name}", DEFAULTS))
        for group, named in fields(setting).items()
        for name in named
    ]


def report(setting: Setting, arms: Arms) -> Report:
    """Report the effect of each setting and each part."""
    without, (*_, sixth) = "; the paper gives no single number", shorter(setting)
    claims = [
        claim(
            "Preservation helps (λ = 0.1 against 0)",
            gain(arms, DEFAULTS, f"part: {NO_KL}"),
            LEAST,
            paper="it helps" + without,
        ),
        claim(
            "Pruning helps (p = 90 % against none, KL term in both)",
            gain(arms, DEFAULTS, f"part: {NO_PRUNING}"),
            LEAST,
            paper="it helps" + without,
        ),
        claim(
            "Selection helps (GradMatch against coresets redrawn at random)",
            gain(arms, DEFAULTS, f"part: {RANDOM}"),
            LEAST,
            paper="it helps" + without,
        ),
        claim(
            "SWaST beats the coreset alone",
            gain(arms, DEFAULTS, "part: coreset only"),
            LEAST,
            paper="+1.35 to +17.83 points (cut)",
        ),
        claim(
            "Our control: SWaST beats dense training for a sixth of the epochs",
            gain(arms, DEFAULTS, f"part: {sixth}"),
            LEAST,
            remark="about as many FLOPs",
        ),
    ]
    found, dense = effects(setting, arms), arms[DEFAULTS][0].dense_flops
    caption = (
        f"The effect of one change to the defaults, over {len(setting.seeds)} seeds, with 95 % "
        "intervals: blue is better than the defaults and orange worse, if the interval "
        f"excludes 0. {excluding([each.interval for each in found])} The table of arms has the "
        "effect on FLOPs."
    )
    return Report(
        study="table-ablation",
        title=STUDY.title,
        scale=setting.scale,
        seeds=setting.seeds,
        settings=told(base(setting)),
        caption=caption,
        claims=claims,
        arms={name: ArmSummary.of(billed(each, dense)) for name, each in arms.items()},
        effects=found,
    )


def draw(report: Report, path: Path) -> None:
    """Draw all differences, in two columns."""
    left = ("part", "λ", "R", "K", "schedule", "distribution")
    with drawing(1, 2, (13, 9), path) as (_, panels):
        for axes, first in zip(panels, (True, False), strict=True):
            shown = [each for each in report.effects if (each.group in left) == first]
            axes.set_xscale("symlog", linthresh=2)
            forest(
                axes,
                [f"{each.group}:  {each.name}" for each in shown],
                [each.interval for each in shown],
                [None] * len(shown),
            )
            axes.set_xlabel("test accuracy gained over the defaults, points")
            axes.set_xticks([-50, -20, -10, -5, -2, -1, 0, 1, 2], labels=None)
            axes.set_xticklabels(["−50", "−20", "−10", "−5", "−2", "−1", "0", "1", "2"])
            axes.minorticks_off()


STUDY = designed(
    "table-ablation",
    "One setting at a time, and with and without each part",
    {"small": 10, "paper": 5},
    design,
    report,
    draw,
)
