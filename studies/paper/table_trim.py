"""SWaST-trim: the gain from pruning the linear layers, over the coreset alone.

The paper's claims (ResNet-18, GradMatch, CIFAR-10 and -100): trim beats the coreset alone at
every sparsity, by 0.38 to 3.07 points at p = 90 % (it prints 2.97; its accuracies differ by
3.07); the gain grows with the sparsity; and it is largest on the smallest coresets.

Protocol, fixed before any result was seen. Small: digits, cnn-small, coresets of 10, 5 and 2 %
(115, 57 and 23 samples), compared with CIFAR-10's 10, 5 and 1 %; p = 90, 50 and 10 %; seeds 0 to
19; nothing is tuned for any arm. Test accuracy after the last epoch; differences paired by seed,
95 % intervals; claims pool the rows seed by seed. The smallest gain that counts is the
paper's own smallest: 0.38 points at p = 90 %, 0.29 from 10 to 90 %; 1 point from the largest to
the smallest coreset. A control of ours: the coreset alone with the KL term, since trim has that
term and the paper's baseline has not. Paper's scale: its own rows, five seeds.
"""

from __future__ import annotations

import numpy as np

from studies.paper.report import Report, claim
from studies.paper.study import Arms, Design, Setting, designed
from studies.paper.tailoring import Gains, Row, Tailoring, draw, span
from studies.statistics import mean_interval

SPARSITIES = (0.9, 0.5, 0.1)
NUMBERS = {
    ("CIFAR-10", 0.10): (92.20, (92.58, 92.40, 92.29)),
    ("CIFAR-10", 0.05): (89.67, (90.16, 89.92, 89.77)),
    ("CIFAR-10", 0.01): (75.53, (78.60, 77.14, 76.01)),
    ("CIFAR-100", 0.10): (70.97, (71.94, 71.44, 71.20)),
    ("CIFAR-100", 0.05): (64.79, (66.19, 65.56, 65.09)),
    ("CIFAR-100", 0.01): (36.42, (38.38, 37.58, 36.88)),
}
"""The paper's accuracies: that of the coreset alone, and those by sparsity."""
BESIDE = {0.10: 0.10, 0.05: 0.05, 0.02: 0.01}
"""The paper's coreset share of CIFAR-10 to compare each share of digits with."""


def _row(name: str, data: str, fraction: float, beside: tuple[str, float]) -> Row:
    alone, reported = NUMBERS[beside]
    numbers = dict(zip(SPARSITIES, reported, strict=True))
    theirs = f"{beside[0]}, s = {beside[1]:.0%}"
    return Row(f"{name}, s = {fraction:.0%}", data, fraction, theirs, alone, numbers)


def table(setting: Setting) -> Tailoring:
    """Return the table's rows at a scale."""
    if setting.scale == "small":
        pairs = BESIDE.items()
        rows = [_row("digits", "digits", ours, ("CIFAR-10", its)) for ours, its in pairs]
    else:
        names = {"CIFAR-10": "cifar10", "CIFAR-100": "cifar100"}
        rows = [_row(data, names[data], share, (data, share)) for data, share in NUMBERS]
    return Tailoring("trim", rows, SPARSITIES)


def design(setting: Setting) -> Design:
    """Return all arms over the seeds."""
    return table(setting).design(setting)


def report(setting: Setting, arms: Arms) -> Report:
    """Report the gains and the claims."""
    made = table(setting)
    most, least = made.sparsities[0], made.sparsities[-1]
    rise = made.pooled(arms, most) - made.pooled(arms, least)
    ordered = sorted(made.rows, key=lambda row: row.fraction)
    small, large = ordered[0].fraction, ordered[-1].fraction

    def of(share: float) -> Gains:
        rows = [row for row in made.rows if row.fraction == share]
        every = [made.gains(arms, row, most) for row in rows]
        return np.asarray(np.mean(every, axis=0), dtype=np.float64)

    gains = [mean_interval(made.gains(arms, row, most)) for row in made.rows]
    claims = [
        claim(
            "Trim at p = 90 % beats the coreset alone",
            mean_interval(made.pooled(arms, most)),
            0.0038,
            paper="+0.38 to +3.07 points (it prints 2.97)",
            remark=f"row by row {span(gains)}",
        ),
        claim(
            "The gain grows with the sparsity (90 % against 10 %)",
            mean_interval(rise),
            0.0029,
            paper="+0.29 to +2.59 points",
        ),
        claim(
            f"It is larger for the smallest coresets (s = {small:.0%} against {large:.0%})",
            mean_interval(of(small) - of(large)),
            0.01,
            paper="+2.69 points on CIFAR-10, +0.99 on CIFAR-100",
        ),
        claim(
            "Our control: trim beats the coreset alone that has the KL term, too",
            mean_interval(made.pooled(arms, most, kl=True)),
            0.0038,
            remark="whether the gain comes from pruning",
        ),
    ]
    caption = (
        "The gain of SWaST-trim over training on the coreset alone, by coreset share and "
        f"sparsity; the mean over {len(setting.seeds)} seeds and its 95 % interval, "
        "blue above 0 and orange below if the interval excludes 0. Diamonds: the paper's gains "
        "on CIFAR. “KL alone” is the coreset without pruning with the preservation term: the "
        f"part of a gain that is not due to pruning. At p = 90 %: {span(gains)} points."
    )
    blank = Report("table-trim", STUDY.title, "", (), {}, caption, claims)
    return made.report(blank, arms, setting)


STUDY = designed(
    "table-trim",
    "SWaST-trim against the coreset alone",
    {"small": 20, "paper": 5},
    design,
    report,
    draw,
)
