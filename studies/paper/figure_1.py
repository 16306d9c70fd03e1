"""Figure 1: the transparent analysis, on polynomial regression of Runge's function.

The paper's claims: (a, b) the more samples a network is fitted to, above all noisy ones, the
more its weights are tuned to them, and the more magnitude pruning hurts; (c) the larger the
network, the harder it is to select samples for it.

Protocol, fixed before any result was seen. Polynomials of degree 10; the 5 smallest of the 11
coefficients are set to 0 (the fit of an even function should lose its odd ones). Loss is the
exact mean squared distance from the function. (a) 15 to 1000 samples, all exact; (b) 30 exact
samples, and 5 to 500 with normal noise of standard deviation 0.3, beside as many exact ones. (c)
Of 200 exact samples 40 are drawn at random; I = sup |L − L̂| / L in closed form for degrees 0 to
12, and by sampling 2,000 θ and climbing from the best three of either sign. A hundred seeds draw
samples, noise and subsets. Log10 losses are compared seed by seed; the smallest effect that
counts is 0.05 (12 %).

A control of ours: the same fits pruned in Legendre polynomials, since powers of x are correlated
and networks' weights less so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from studies.figures import BLACK, BLUE, GREEN, GREY, ORANGE, band, drawing
from studies.outcomes import Cell, Run
from studies.paper.fits import (
    COUNTS,
    DEGREE,
    DEGREES,
    EXACT,
    NOISY,
    PART,
    SHARE,
    SIGMA,
    WHOLE,
    Measured,
    measure,
)
from studies.paper.report import Claim, Curve, Grid, Report, claim
from studies.paper.runge import Array, draw, fit, prune, runge
from studies.paper.study import Setting, Study
from studies.statistics import Interval, mean_interval

LEAST = 0.05
UNPRUNED, POWERS, LEGENDRE = "not pruned", "pruned", "pruned in Legendre polynomials"
EXACTLY = "exact ones added instead, pruned"
CLOSED, SAMPLED = "closed form", "random θ and climbing"
FITS, CLEAN, MIXED, HARD = "fits", "a", "b", "c"
PLACES = np.linspace(-1, 1, 161)


def conduct(setting: Setting, run: Run) -> Report:  # noqa: ARG001 - nothing is trained
    """Measure, and report."""
    found = measure(setting.seeds)
    reached = found.seen / found.hard
    return Report(
        study="figure-1",
        title=STUDY.title,
        scale=setting.scale,
        seeds=setting.seeds,
        settings={
            "model": f"polynomials of degree {DEGREE}, least squares",
            "pruned": f"{round(SHARE * (DEGREE + 1))} of {DEGREE + 1} coefficients of x's powers",
            "noise": f"normal, standard deviation {SIGMA:g}",
            "selection": f"{PART} of {WHOLE} exact samples, at random",
        },
        caption=_caption(found, reached),
        claims=_claims(found),
        curves=_curves(found),
        grids=_grids(found),
    )


def _rise(of: Array, than: Array) -> Array:
    """Return the increase of log10 losses, seed by seed."""
    return np.asarray(np.log10(of) - np.log10(than))


def _claims(found: Measured) -> list[Claim]:
    at, most, least = NOISY.index(200), -1, COUNTS.index(30)
    few = NOISY.index(10)

    def compared(text: str, of: Array, than: Array, remark: str = "") -> Claim:
        effect = mean_interval(_rise(of, than))
        more = f"; {remark}" if remark else ""
        return claim(text, effect, LEAST, unit="plain", remark=f"log10 of their ratio{more}")

    return [
        compared(
            "(a) With more exact samples the pruned fit's loss grows (1000 against 30)",
            found.exact[:, most, 1],
            found.exact[:, least, 1],
        ),
        compared(
            "(b) With more noisy samples the pruned fit's loss grows (500 against 10)",
            found.noisy[:, most, 1],
            found.noisy[:, few, 1],
        ),
        compared(
            "(b) Noisy samples hurt the pruned fit more than as many exact ones (200)",
            found.noisy[:, at, 1],
            found.instead[:, at, 1],
        ),
        compared(
            "(b) They hurt it more than they hurt the fit that is not pruned (200)",
            found.noisy[:, at, 1] / found.instead[:, at, 1],
            found.noisy[:, at, 0] / found.instead[:, at, 0],
            "both against as many exact samples",
        ),
        compared(
            "(b, our control) The same, pruned in Legendre polynomials (200)",
            found.noisy[:, at, 2] / found.instead[:, at, 2],
            found.noisy[:, at, 0] / found.instead[:, at, 0],
            "whether it depends on the basis",
        ),
        compared(
            "(c) Selection is harder for larger polynomials (degree 12 against 2)",
            found.hard[:, 12],
            found.hard[:, 2],
            "a theorem for nested models: it never falls; the size of the growth is measured",
        ),
    ]


def _caption(found: Measured, reached: Array) -> str:
    grown = found.hard[:, 12].mean() / found.hard[:, 2].mean()
    return (
        "Top left: one fit (seed 0) to 30 exact and 200 noisy samples, before and after pruning. "
        "(a, b) Loss of the fit and of its pruned forms against the number of samples: median "
        f"over {len(found.hard)} seeds, band from the 10th to the 90th percentile; both axes are "
        "logarithmic. (c) How far the loss over 40 of 200 samples can be off, relative to the "
        f"loss over all: mean and standard deviation; {grown:.1f} times as far at degree 12 as at "
        "degree 2. Random θ with climbing reach "
        f"{100 * reached.mean():.1f} % of the closed form on average, "
        f"{100 * reached.min():.1f} % at worst, and never pass it "
        f"(largest: {100 * reached.max():.4f} %)."
    )


def _curves(found: Measured) -> list[Curve]:
    def spread(panel: str, name: str, x: Sequence[float], values: Array) -> Curve:
        low, middle, high = np.percentile(values, [10, 50, 90], axis=0).tolist()
        return Curve(panel, name, tuple(x), middle, low, high)

    kinds = (UNPRUNED, POWERS, LEGENDRE)
    made = [
        spread(panel, name, x, values[:, :, kind])
        for panel, x, values in ((CLEAN, COUNTS, found.exact), (MIXED, NOISY, found.noisy))
        for kind, name in enumerate(kinds)
    ]
    made.append(spread(MIXED, EXACTLY, NOISY, found.instead[:, :, 1]))
    for name, values in ((CLOSED, found.hard), (SAMPLED, found.seen)):
        mean, off = values.mean(axis=0), values.std(axis=0, ddof=min(1, len(values) - 1))
        low, high = (mean - off).tolist(), (mean + off).tolist()
        made.append(Curve(HARD, name, DEGREES, mean.tolist(), low, high))
    samples = draw(np.random.default_rng(0), EXACT, 200, SIGMA)
    theta = fit(samples, DEGREE)
    shown = {
        "Runge's function": runge(PLACES),
        UNPRUNED: np.polynomial.polynomial.polyval(PLACES, theta),
        POWERS: np.polynomial.polynomial.polyval(PLACES, prune(theta, SHARE)),
    }
    made += [Curve.line(FITS, name, PLACES.tolist(), y.tolist()) for name, y in shown.items()]
    return [*made, Curve.line(FITS, "samples", samples.x.tolist(), samples.y.tolist())]


def _grids(found: Measured) -> list[Grid]:
    middle = np.median
    exact = [
        [f"{count}", *(f"{each:.2g}" for each in middle(found.exact[:, place], axis=0))]
        for place, count in enumerate(COUNTS)
    ]
    noisy = [
        [
            f"{count}",
            *(f"{each:.2g}" for each in middle(found.noisy[:, place], axis=0)),
            f"{middle(found.instead[:, place, 1]):.2g}",
        ]
        for place, count in enumerate(NOISY)
    ]
    hard = [
        [f"{degree}", _unsigned(mean_interval(found.hard[:, degree])), f"{100 * worst:.1f}"]
        for degree, worst in zip(DEGREES, (found.seen / found.hard).min(axis=0), strict=True)
    ]
    kinds = (UNPRUNED, POWERS, LEGENDRE)
    return [
        Grid("Median loss, exact samples (a)", ("samples", *kinds), exact),
        Grid("Median loss, 30 exact and noisy samples (b)", ("noisy", *kinds, EXACTLY), noisy),
        Grid("Difficulty of selection (c)", ("degree", "I(D, D̂)", "sampled, worst, %"), hard),
    ]


def _unsigned(interval: Interval) -> str:
    """Format a mean that cannot be below 0, with its interval."""
    return f"{interval.mean:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


LOOKS = {
    UNPRUNED: (GREY, "-"),
    POWERS: (BLUE, "-"),
    LEGENDRE: (GREEN, "-"),
    EXACTLY: (BLUE, ":"),
    CLOSED: (BLUE, "-"),
    SAMPLED: (ORANGE, ":"),
    "Runge's function": (BLACK, ":"),
}


def draw_figure(report: Report, path: Path) -> None:
    """Draw four panels: the fits, (a), (b) and (c)."""
    with drawing(2, 2, (11, 8), path) as (_, (fits, clean, mixed, hard)):
        for curve in report.curves_of(FITS):
            if curve.name == "samples":
                fits.plot(curve.x, curve.mean, ".", color=GREY, ms=3, label="samples")
            else:
                colour, dash = LOOKS[curve.name]
                colour = ORANGE if curve.name == UNPRUNED else colour
                fits.plot(curve.x, curve.mean, dash, color=colour, lw=2, label=curve.name)
        for name, axes in ((CLEAN, clean), (MIXED, mixed), (HARD, hard)):
            for curve in report.curves_of(name):
                band(axes, curve, *LOOKS[curve.name])
        fits.set(title="Fits to 30 exact and 200 noisy samples", xlabel="x", ylim=(-1, 2))
        clean.set(title="(a) Exact samples", xlabel="samples", ylabel="loss")
        mixed.set(title="(b) 30 exact samples, and noisy ones", xlabel="noisy samples")
        hard.set(title="(c) Difficulty of selection", xlabel="degree", ylabel="I(D, D̂)")
        for axes in (clean, mixed):
            axes.set(xscale="log", yscale="log")
        mixed.set_ylim(bottom=2e-5)
        for axes in (fits, clean, mixed, hard):
            axes.grid(axis="both")
            axes.legend(loc="lower left" if axes is mixed else "best", fontsize=8)


def cells(setting: Setting) -> list[Cell]:  # noqa: ARG001
    """Return no trainings: the fits need none."""
    return []


STUDY = Study(
    name="figure-1",
    title="The transparent analysis: pruning and selection in polynomial regression",
    seeds={"small": 100, "paper": 100},
    cells=cells,
    conduct=conduct,
    draw=draw_figure,
)
