"""Report of figure 3: the map of the double-loss, each remedy's gain, and the controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from studies.paper.figure_3.arms import (
    ANCHORED,
    ARMS,
    CORESET,
    CORESET_KL,
    DENSE,
    FRACTIONS,
    LENGTH,
    OFF,
    ON,
    OWN_RATE,
    OWN_RATE_KL,
    PAPER,
    PRUNING,
    RANDOM,
    RANDOM_KL,
    REMOVING,
    SCALED,
    SCHEDULES,
    SPARSITIES,
    Chosen,
    Severity,
)
from studies.paper.report import Claim, Curve, Effect, Grid, Report, claim
from studies.paper.settings import base, told
from studies.paper.study import Arms, Setting
from studies.statistics import Interval, collapse_rate, collapse_threshold, mean_interval
from studies.summaries import ArmSummary, accuracies
from studies.tables import accuracy, percent, points

TITLE = "The critical double-loss: where it lives, and what helps"
LEAST, LEAST_COLLAPSED = 0.005, 0.05
EXTRA = "extra loss"
GAIN, PAPER_GAIN, SCALED_GAIN = "KL", "KL, λ = 0.1", "scaled cross-entropy"
UNPRUNED_GAIN, RANDOM_GAIN = "KL without pruning", "KL, random coresets"
FIRST_GAIN, RATE_GAIN, OWN_GAIN = "KL, first logits", "tuned rate", "KL, own rate"
REDRAWN = "random for chosen coresets"
BEYOND_SCALED, BEYOND_UNPRUNED, BEYOND_RANDOM, BEYOND_RATE, BEYOND_LAST = (
    "KL beyond scaled cross-entropy",
    "KL beyond KL without pruning",
    "KL beyond KL on random coresets",
    "KL at the trainer's own rate beyond a tuned rate",
    "first logits beyond the last round's",
)
SUMS: Mapping[str, Mapping[str, int]] = {
    EXTRA: {CORESET: 1, PRUNING: 1, DENSE: -1, OFF: -1},
    GAIN: {ON: 1, OFF: -1},
    PAPER_GAIN: {PAPER: 1, OFF: -1},
    FIRST_GAIN: {ANCHORED: 1, OFF: -1},
    SCALED_GAIN: {SCALED: 1, OFF: -1},
    UNPRUNED_GAIN: {CORESET_KL: 1, CORESET: -1},
    RANDOM_GAIN: {RANDOM_KL: 1, RANDOM: -1},
    RATE_GAIN: {OFF: 1, OWN_RATE: -1},
    OWN_GAIN: {OWN_RATE_KL: 1, OWN_RATE: -1},
    REDRAWN: {RANDOM: 1, OFF: -1},
    BEYOND_SCALED: {ON: 1, SCALED: -1},
    BEYOND_UNPRUNED: {ON: 1, OFF: -1, CORESET_KL: -1, CORESET: 1},
    BEYOND_RANDOM: {ON: 1, OFF: -1, RANDOM_KL: -1, RANDOM: 1},
    BEYOND_RATE: {OWN_RATE_KL: 1, OFF: -1},
    BEYOND_LAST: {ANCHORED: 1, ON: -1},
}
"""Every difference as a signed sum of arms.

The extra loss is the loss from removing both beyond that of the two single removals together,
(dense − both) − (dense − coreset) − (dense − pruning). It is above 0 if the double-loss is real.
"""
CREDIT = (GAIN, BEYOND_SCALED, BEYOND_UNPRUNED, BEYOND_RANDOM)
"""Differences that must all be above 0 before preservation is credited with a gain."""
SHOWN = list(SUMS)[:10]
"""Differences to draw."""

Results = Mapping[Severity, Arms]
Values = NDArray[np.float64]


def difference(name: str, arms: Arms) -> Values:
    """Return a difference, a value a seed."""
    terms = [sign * np.array(accuracies(arms[arm])) for arm, sign in SUMS[name].items()]
    return np.asarray(np.sum(terms, axis=0), dtype=np.float64)


def pooled(name: str, results: Results, schedule: str | None = None) -> Interval:
    """Return a difference, severities (of a schedule) averaged seed by seed."""
    some = [arms for each, arms in results.items() if schedule in (None, each.schedule)]
    return mean_interval(np.mean([difference(name, arms) for arms in some], axis=0))


def threshold(arms: Arms) -> float:
    """Return the accuracy below which a run of the severity counts as collapsed."""
    return collapse_threshold(accuracies(arms[CORESET]), accuracies(arms[PRUNING]))


def rescued(results: Results) -> Interval:
    """Return how much the KL term reduces the share of collapsed runs."""

    def shares(name: str) -> Values:
        rows = [np.array(accuracies(arms[name])) < threshold(arms) for arms in results.values()]
        return np.asarray(np.mean(rows, axis=0), dtype=np.float64)

    return mean_interval(shares(OFF) - shares(ON))


def gradual(results: Results) -> Interval:
    """Return the gain of cubic over one-shot at the trainer's own rate, over all severities."""
    signs = dict(zip(SCHEDULES, (-1, 1), strict=True))
    found = [
        signs[each.schedule] * np.array(accuracies(arms[OWN_RATE]))
        for each, arms in results.items()
    ]
    return mean_interval(len(SCHEDULES) * np.mean(found, axis=0))


def report(setting: Setting, chosen: Mapping[Severity, Chosen], results: Results) -> Report:
    """Report the map, the gains and the claims."""
    return Report(
        study="figure-3",
        title=TITLE,
        scale=setting.scale,
        seeds=setting.seeds,
        settings=told(base(setting, values=LENGTH[setting.scale])),
        caption=(
            f"By sparsity p, coreset share s and schedule, over {len(setting.seeds)} fresh seeds: "
            "the extra loss from removing weights and samples together, beyond either removal; "
            "the share of runs that collapse, without and with the KL term, over the worst run; "
            "and the gain of each remedy, averaged over a schedule's severities, with 95 % "
            "intervals. Rate and λ were chosen on other seeds. Arms are means over a "
            "schedule's severities."
        ),
        claims=claims(results),
        arms={
            f"{schedule}: {name}": ArmSummary.of(
                [
                    outcome
                    for severity, arms in results.items()
                    for outcome in arms[name]
                    if severity.schedule == schedule
                ]
            )
            for schedule in SCHEDULES
            for name in ARMS
        },
        effects=[
            Effect(schedule, name, pooled(name, results, schedule))
            for schedule in SCHEDULES
            for name in SHOWN
        ],
        curves=maps(setting, chosen, results),
        grids=[*grids(chosen, results)],
    )


def claims(results: Results) -> list[Claim]:
    """Return the claims: the double-loss, its remedy, the controls, and the rivals."""
    cure = "preservation is the remedy"
    wanted = [
        ("Preservation helps (λ tuned)", GAIN, cure),
        ("Preservation helps at the paper's λ = 0.1", PAPER_GAIN, cure),
        ("Control: it gains more than cross-entropy × (1 + λ)", BEYOND_SCALED, ""),
        ("Control: it gains more than without pruning", BEYOND_UNPRUNED, ""),
        ("Control: it gains more than on random coresets", BEYOND_RANDOM, ""),
        ("It does more than a tuned learning rate", BEYOND_RATE, ""),
        ("The first, dense round's logits do better than the last round's", BEYOND_LAST, ""),
    ]
    real = [
        claim(
            f"Removing both costs more than either loss explains ({schedule})",
            pooled(EXTRA, results, schedule),
            LEAST,
            paper="accuracy collapses",
        )
        for schedule in SCHEDULES
    ]
    return [
        *real,
        *(claim(text, pooled(name, results), LEAST, paper=paper) for text, name, paper in wanted),
        claim(
            "Preservation makes collapsed runs fewer",
            rescued(results),
            LEAST_COLLAPSED,
            paper=cure,
            remark="share of runs",
        ),
        claim("Gradual pruning (cubic) does better than one-shot", gradual(results), LEAST),
    ]


def credited(arms: Arms) -> bool:
    """Decide whether preservation is credited with a gain, by the rule fixed beforehand."""
    return all(mean_interval(difference(name, arms)).sign > 0 for name in CREDIT)


def maps(setting: Setting, chosen: Mapping[Severity, Chosen], results: Results) -> list[Curve]:
    """Return values over sparsity, a line a coreset share, a panel a schedule and measure."""

    def worst(arms: Arms, name: str) -> float:
        return 100 * min(accuracies(arms[name]))

    def collapsed(arms: Arms, name: str) -> float:
        return 100 * collapse_rate(accuracies(arms[name]), threshold(arms))

    made = []
    sparsities = SPARSITIES[setting.scale]
    for schedule in SCHEDULES:
        for fraction in FRACTIONS[setting.scale]:
            row = [Severity(each, fraction, schedule) for each in sparsities]
            measured = {
                EXTRA: [100 * float(difference(EXTRA, results[each]).mean()) for each in row],
                "λ": [chosen[each].weight for each in row],
            }
            for name in (OFF, ON):
                measured[f"collapsed: {name}"] = [collapsed(results[e], name) for e in row]
                measured[f"worst: {name}"] = [worst(results[e], name) for e in row]
            made += [
                Curve.line(f"{schedule}: {what}", f"{fraction:.0%}", sparsities, values)
                for what, values in measured.items()
            ]
    return made


def grids(chosen: Mapping[Severity, Chosen], results: Results) -> Sequence[Grid]:
    """Return tables of accuracies, collapsed runs and differences by severity."""
    arms_of, collapsed, first, second = [], [], [], []
    for severity, arms in results.items():
        picked, limit, name = chosen[severity], threshold(arms), str(severity)
        made = {arm: ArmSummary.of(arms[arm], limit) for arm in ARMS}
        arms_of.append([name, f"{picked.rate:g}", f"{picked.weight:g}"])
        arms_of[-1] += [accuracy(each) for each in made.values()]
        shares = [(percent(made[arm].collapsed, 0), percent(made[arm].worst)) for arm in REMOVING]
        collapsed.append([name, percent(limit), *(f"{a} ({b})" for a, b in shares)])
        cells = {each: points(mean_interval(difference(each, arms))) for each in SUMS}
        first.append([name, *(cells[each] for each in SHOWN)])
        rest = [cells[each] for each in SUMS if each not in SHOWN]
        second.append([name, *rest, "yes" if credited(arms) else "no"])
    others = [each for each in SUMS if each not in SHOWN]
    return [
        Grid("Test accuracy, %", ("severity", "rate", "λ", *ARMS), arms_of),
        Grid("Collapsed runs, % (worst)", ("severity", "threshold", *REMOVING), collapsed),
        Grid("Differences by severity, points", ("severity", *SHOWN), first),
        Grid("Controls and rivals, points", ("severity", *others, "credited"), second),
    ]
