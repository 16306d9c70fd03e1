"""SWaST-cut: the gain from pruning every layer, over the coreset alone.

The paper's claims (ResNet-101 on CIFAR-10, CIFAR-100, Tiny ImageNet and ImageNet-1K): cut beats
the coreset alone by 1.35 to 17.83 points, at every sparsity; the gain is mostly largest at
p = 30 %, so pruning less is better.

Protocol, fixed before any result was seen. Small: digits, cnn-small, coresets of 10, 5 and 2 %,
and 5,000 pictures of Fashion-MNIST, lenet-5, 5 %; p = 90, 50 and 30 %; seeds 0 to 15; nothing is
tuned for any arm. No row of ours is a row of the paper's: each is compared with the paper's row of
the nearest coreset share. Test accuracy after the last epoch; differences paired by seed, 95 %
intervals; claims pool the rows seed by seed. The smallest gain that counts is half a
point. A control of ours: the coreset alone with the KL term, since cut has that term and the
paper's baseline has not. Paper's scale: its own rows with ResNet-101, five seeds.
"""

from __future__ import annotations

from studies.paper.report import Report, claim
from studies.paper.settings import Values
from studies.paper.study import Arms, Design, Setting, designed
from studies.paper.tailoring import Row, Tailoring, draw, span
from studies.statistics import mean_interval

SPARSITIES = (0.9, 0.5, 0.3)
NUMBERS = {
    "CIFAR-10, s = 1%": (49.72, (64.57, 66.92, 67.55)),
    "CIFAR-100, s = 5%": (53.88, (59.27, 62.87, 62.97)),
    "TinyImageNet, s = 5%": (35.10, (38.65, 42.93, 41.94)),
    "ImageNet-1K, s = 10%": (31.72, (37.55, 38.92, 39.19)),
    "ImageNet-1K, s = 5%": (30.28, (31.63, 32.71, 34.34)),
}
"""The paper's accuracies: that of the coreset alone, and those by sparsity."""
SMALL = (
    ("digits", 0.10, "ImageNet-1K, s = 10%"),
    ("digits", 0.05, "CIFAR-100, s = 5%"),
    ("digits", 0.02, "CIFAR-10, s = 1%"),
    ("fashion-mnist", 0.05, "TinyImageNet, s = 5%"),
)
PAPER = (
    ("cifar10", 0.01, "CIFAR-10, s = 1%"),
    ("cifar100", 0.05, "CIFAR-100, s = 5%"),
    ("tiny-imagenet", 0.05, "TinyImageNet, s = 5%"),
    ("imagenet", 0.10, "ImageNet-1K, s = 10%"),
    ("imagenet", 0.05, "ImageNet-1K, s = 5%"),
)
RESNET: Values = {"model": "resnet101"}
LEAST = 0.005


def table(setting: Setting) -> Tailoring:
    """Return the table's rows at a scale."""
    small = setting.scale == "small"
    rows = [
        Row(
            f"{data}, s = {share:.0%}",
            data,
            share,
            beside,
            NUMBERS[beside][0],
            dict(zip(SPARSITIES, NUMBERS[beside][1], strict=True)),
            {} if small else RESNET,
        )
        for data, share, beside in (SMALL if small else PAPER)
    ]
    return Tailoring("cut", rows, SPARSITIES)


def design(setting: Setting) -> Design:
    """Return all arms over the seeds."""
    return table(setting).design(setting)


def report(setting: Setting, arms: Arms) -> Report:
    """Report the gains and the claims."""
    made = table(setting)
    most, least = made.sparsities[0], made.sparsities[-1]
    gains = [mean_interval(made.gains(arms, row, least)) for row in made.rows]
    claims = [
        claim(
            "Cut at p = 30 % beats the coreset alone",
            mean_interval(made.pooled(arms, least)),
            LEAST,
            paper="+4.06 to +17.83 points",
            remark=f"row by row {span(gains)}",
        ),
        claim(
            "Cut at p = 90 % beats it, too",
            mean_interval(made.pooled(arms, most)),
            LEAST,
            paper="+1.35 to +14.85 points",
        ),
        claim(
            "Pruning less is better (p = 30 % against 90 %)",
            mean_interval(made.pooled(arms, least) - made.pooled(arms, most)),
            LEAST,
            paper="+1.64 to +3.70 points",
        ),
        claim(
            "Our control: cut at p = 30 % beats the coreset alone that has the KL term, too",
            mean_interval(made.pooled(arms, least, kl=True)),
            LEAST,
            remark="whether the gain comes from pruning",
        ),
    ]
    caption = (
        "The gain of SWaST-cut over training on the coreset alone, by data, coreset share and "
        f"sparsity; the mean over {len(setting.seeds)} seeds and its 95 % interval, "
        "blue above 0 and orange below if the interval excludes 0. Diamonds: the paper's "
        "gains with ResNet-101, on other data. “KL alone” is the coreset without pruning with "
        f"the preservation term. At p = 30 %: {span(gains)} points."
    )
    blank = Report("table-cut", STUDY.title, "", (), {}, caption, claims)
    return made.report(blank, arms, setting)


STUDY = designed(
    "table-cut",
    "SWaST-cut against the coreset alone",
    {"small": 16, "paper": 5},
    design,
    report,
    draw,
)
