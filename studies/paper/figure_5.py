"""Figure 5: the effect of pruning on label noise and on overfitting.

The paper's claims: (a) with pruning fewer mislabelled samples get into the coresets, 10.62 % fewer
in the last one; (b) the more is pruned, the smaller is the test loss minus the validation loss;
(c) pruned networks keep a higher loss on mislabelled samples, relative to the clean ones. EL2N is
the paper's scorer under noise. The paper does not state which end of the ranking it keeps, and the
result depends on that.

Protocol, fixed before any result was seen. Small: digits, cnn-small, SWaST-cut at the defaults (λ
= 0.1 in every arm, pruned or not, so that only pruning differs), 20 % of the training labels wrong
(symmetric, drawn again by every seed); seeds 0 to 9. (a) GradMatch, EL2N's hardest and easiest
samples, and random ones; p = 90 % and no pruning; the share of wrong labels by round. (b, c)
GradMatch and random at p = 0, 30, 50, 70 and 90 %, at the end of the run; (b) on clean labels as
well. Claims are slopes over p, fitted seed by seed, with 95 % intervals. The smallest
effects that count: 1 point of noise, 0.02 of loss and 0.1 of the ratio from p = 0 to 1. Claim (a)
was judged by the first of these differences until its results were known: pruning keeps wrong
labels out if the coreset of the pruned network has fewer of them than that of the other network,
and fewer than a random one. The lesser of the two is the effect. All seeds
share the validation images and the test images: the level of (b) depends on these, its slope
hardly. Paper's scale: CIFAR-10, ResNet-18, five seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studies.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, band, drawing
from studies.outcomes import Outcome, RoundNote
from studies.paper.report import Claim, Curve, Effect, Report, claim
from studies.paper.settings import DENSE, Values, base, told
from studies.paper.study import Arms, Design, Setting, designed
from studies.statistics import Interval, mean_interval
from studies.summaries import ArmSummary
from studies.tables import percent

Numbers = NDArray[np.float64]

RATE = 0.2
SCORERS: dict[str, Values] = {
    "gradmatch": {"coreset.scorer": "gradmatch"},
    "random": {"coreset.scorer": "random"},
    "el2n, hard": {"coreset.scorer": "el2n", "coreset.direction": "hard"},
    "el2n, easy": {"coreset.scorer": "el2n", "coreset.direction": "easy"},
}
SWEPT = ("gradmatch", "random")
SPARSITIES = (0.0, 0.3, 0.5, 0.7, 0.9)
MOST = SPARSITIES[-1]
CLEAN = "gradmatch, clean labels"
DIAGNOSED: Values = {"diagnose.passes": True, "diagnose.test": True}
COLOURS = {
    "gradmatch": BLUE,
    "random": ORANGE,
    "el2n, hard": GREEN,
    "el2n, easy": PURPLE,
    CLEAN: GREY,
}


def arm(name: str, sparsity: float) -> str:
    """Return an arm's name, made of its coresets' name and the sparsity."""
    return f"{name}, p = {sparsity:.0%}" if sparsity else f"{name}, not pruned"


def design(setting: Setting) -> Design:
    """Return all arms over the seeds."""
    arms = {}
    for name, scorer in {**SCORERS, CLEAN: SCORERS["gradmatch"]}.items():
        noise = 0.0 if name == CLEAN else RATE
        swept = name in (*SWEPT, CLEAN)
        for sparsity in SPARSITIES if swept else (0.0, MOST):
            pruned = {"prune.sparsity": sparsity} if sparsity else DENSE
            values = {"noise.rate": noise, **DIAGNOSED, **scorer, **pruned}
            arms[arm(name, sparsity)] = base(setting, values=values)
    return Design(arms, setting.seeds)


def by_round(outcomes: Sequence[Outcome]) -> Numbers:
    """Return the share of wrong labels in each round's coreset, seeds × rounds."""
    return np.array([[each.noise_ratio for each in outcome.rounds] for outcome in outcomes])


def at_end(outcomes: Sequence[Outcome], of: Callable[[RoundNote], float | None]) -> Numbers:
    """Return a measure of the last round, a value a seed."""
    return np.array([of(each.rounds[-1]) for each in outcomes], dtype=np.float64)


def gap(note: RoundNote) -> float | None:
    """Return test minus validation loss."""
    return note.overfitting


def ratio(note: RoundNote) -> float | None:
    """Return the loss on mislabelled samples over that on clean ones."""
    if note.noisy_loss is None or note.clean_loss is None:
        return None
    return note.noisy_loss / note.clean_loss


def slopes(arms: Arms, name: str, of: Callable[[RoundNote], float | None]) -> Numbers:
    """Return a measure's change from p = 0 to 1, fitted over the sparsities seed by seed."""
    values = np.array([at_end(arms[arm(name, each)], of) for each in SPARSITIES])
    return np.asarray(np.polyfit(SPARSITIES, values, 1)[0])


def fewer(arms: Arms, name: str) -> Interval:
    """Return the wrong labels that pruning keeps out of the last coreset, as a share of it."""
    dense, pruned = (by_round(arms[arm(name, each)])[:, -1] for each in (0.0, MOST))
    return mean_interval(dense - pruned)


def kept_out(arms: Arms, name: str) -> tuple[Interval, str]:
    """Return the effect of claim (a) for a scorer, and the shares of wrong labels in words.

    The effect is the difference with the lower end: pruned against not pruned, or against random
    coresets. So it is above 0 only if both are.
    """
    pruned, dense, drawn = (
        by_round(arms[each])[:, -1]
        for each in (arm(name, MOST), arm(name, 0.0), arm("random", MOST))
    )
    effect = min((fewer(arms, name), mean_interval(drawn - pruned)), key=lambda each: each.low)
    told = f"wrong: {percent(pruned.mean())} %; not pruned: {percent(dense.mean())} %; "
    return effect, told + f"random: {percent(drawn.mean())} %"


def sound(arms: Arms) -> tuple[Arms, int]:
    """Drop the seeds on which some arm diverged; return the arms, and the number of seeds lost."""
    count = len(next(iter(arms.values())))
    kept = [
        seed for seed in range(count) if not any(each[seed].diverged for each in arms.values())
    ]
    return {name: [found[seed] for seed in kept] for name, found in arms.items()}, count - len(
        kept
    )


def report(setting: Setting, trained: Arms) -> Report:
    """Report the three panels and the claims."""
    arms, lost = sound(trained)
    return Report(
        study="figure-5",
        title=STUDY.title,
        scale=setting.scale,
        seeds=setting.seeds,
        settings={**told(base(setting)), "wrong labels": f"{RATE:.0%}, symmetric"},
        caption=(
            f"Mean over {len(setting.seeds)} seeds, band: standard deviation"
            + (f" (without {lost} on which a run diverged)" if lost else "")
            + ". (a) Share of wrong labels in the coreset of each round; solid: p = 90 %, dotted: "
            "not pruned; the line is the share in the data. (b) Test minus validation loss at the "
            "end. (c) Mean loss on wrongly labelled training samples over that on the others. All "
            "arms have the KL term."
        ),
        claims=_claims(arms),
        arms={name: ArmSummary.of(found) for name, found in arms.items()},
        effects=[
            Effect("wrong labels fewer by pruning", name, fewer(arms, name))
            for name in SCORERS
            if name != "random"
        ],
        curves=_curves(arms),
    )


def _claims(arms: Arms) -> list[Claim]:
    noise = []
    for name in SCORERS:
        if name != "random":
            text = f"(a) Pruning keeps wrong labels out of the last coreset ({name})"
            effect, shares = kept_out(arms, name)
            noise.append(claim(text, effect, 0.01, paper="10.62 % fewer", remark=shares))
    overfitting = [
        claim(
            f"(b) Test minus validation loss falls as p rises ({name})",
            mean_interval(-slopes(arms, name, gap)),
            0.02,
            unit="plain",
            paper="it falls",
            remark="loss per unit of p",
        )
        for name in (*SWEPT, CLEAN)
    ]
    ratios = [
        claim(
            f"(c) The loss ratio noisy/clean rises with p ({name})",
            mean_interval(slopes(arms, name, ratio)),
            0.1,
            unit="plain",
            paper="pruned networks keep a higher loss on noisy samples",
            remark="ratio per unit of p",
        )
        for name in SWEPT
    ]
    return [*noise, *overfitting, *ratios]


def _curves(arms: Arms) -> list[Curve]:
    def spread(panel: str, name: str, x: Sequence[float], values: Numbers) -> Curve:
        """Return a curve with its band; values are seeds × places."""
        mean, off = values.mean(axis=0), values.std(axis=0, ddof=min(1, len(values) - 1))
        ends = (mean - off).tolist(), (mean + off).tolist()
        return Curve(panel, name, tuple(x), mean.tolist(), *ends)

    made = []
    for name in SCORERS:
        for sparsity in (0.0, MOST):
            shares = 100 * by_round(arms[arm(name, sparsity)])
            rounds = range(1, shares.shape[1] + 1)
            made.append(spread("a", arm(name, sparsity), rounds, shares))
    for panel, of, names in (("b", gap, (*SWEPT, CLEAN)), ("c", ratio, SWEPT)):
        for name in names:
            values = np.array([at_end(arms[arm(name, each)], of) for each in SPARSITIES]).T
            made.append(spread(panel, name, SPARSITIES, values))
    return made


def draw(report: Report, path: Path) -> None:
    """Draw the three panels."""
    with drawing(1, 3, (14, 4.8), path) as (figure, (first, second, third)):
        first.axhline(100 * RATE, color=GREY, lw=0.8)
        for curve in report.curves_of("a"):
            name = next(each for each in SCORERS if curve.name.startswith(each))
            band(first, curve, COLOURS[name], ":" if "not" in curve.name else "-")
        for panel, axes in (("b", second), ("c", third)):
            for curve in report.curves_of(panel):
                band(axes, curve, COLOURS[curve.name], "-", "o")
            axes.set_xlabel("prune rate p")
        second.axhline(0, color=GREY, lw=0.8)
        first.set(title="(a) Wrong labels in the coreset, %", xlabel="round")
        second.set_title("(b) Test minus validation loss")
        third.set_title("(c) Loss on wrong labels over loss on right ones")
        for axes in (first, second, third):
            axes.grid(axis="y")
        second.legend(loc="best", fontsize=8)
        handles, labels = first.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)


STUDY = designed(
    "figure-5",
    "Label noise and overfitting, with and without pruning",
    {"small": 10, "paper": 5},
    design,
    report,
    draw,
)
