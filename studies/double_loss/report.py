"""The double-loss in figures: arms by severity, differences with intervals, and the verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from studies.double_loss.protocol import (
    ARMS,
    CORESET,
    CORESET_KL,
    DENSE,
    OFF,
    ON,
    PAPER,
    PRUNING,
    RANDOM,
    RANDOM_KL,
    SCALED,
    Chosen,
    Protocol,
    Severity,
)
from studies.outcomes import Outcome
from studies.statistics import Interval, bootstrap_mean, collapse_threshold
from studies.summaries import ArmSummary, Group, Summary, accuracies
from studies.tables import accuracy, percent, points, table

EXTRA = "extra loss"
GAIN, PAPER_GAIN, SCALED_GAIN = "KL", "KL, λ = 0.1", "scaled cross-entropy"
UNPRUNED_GAIN, RANDOM_GAIN = "KL without pruning", "KL, random coresets"
BEYOND_SCALED, BEYOND_UNPRUNED, BEYOND_RANDOM = (
    "KL beyond scaled cross-entropy",
    "KL beyond KL without pruning",
    "KL beyond KL on random coresets",
)
REDRAWN = "random for chosen coresets, λ = 0"
COLLAPSE = "collapsed, less λ = 0"
REMOVING = ARMS[:8]
"""The arms on coresets."""
CREDIT = (GAIN, BEYOND_SCALED, BEYOND_UNPRUNED, BEYOND_RANDOM)
"""What must all be above 0 before preservation is credited with a gain."""

SUMS: Mapping[str, Mapping[str, int]] = {
    EXTRA: {CORESET: 1, PRUNING: 1, DENSE: -1, OFF: -1},
    GAIN: {ON: 1, OFF: -1},
    PAPER_GAIN: {PAPER: 1, OFF: -1},
    SCALED_GAIN: {SCALED: 1, OFF: -1},
    UNPRUNED_GAIN: {CORESET_KL: 1, CORESET: -1},
    RANDOM_GAIN: {RANDOM_KL: 1, RANDOM: -1},
    BEYOND_SCALED: {ON: 1, SCALED: -1},
    BEYOND_UNPRUNED: {ON: 1, OFF: -1, CORESET_KL: -1, CORESET: 1},
    BEYOND_RANDOM: {ON: 1, OFF: -1, RANDOM_KL: -1, RANDOM: 1},
    REDRAWN: {RANDOM: 1, OFF: -1},
}
"""Every difference as a signed sum of arms.

The extra loss is what removing both costs more than the two single removals together,
(dense − both) − (dense − coreset) − (dense − pruning): above 0 where the double-loss is real.
"""

Results = Mapping[Severity, Mapping[str, Sequence[Outcome]]]


def difference(name: str, arms: Mapping[str, Sequence[Outcome]]) -> NDArray[np.float64]:
    """A difference, a value a seed."""
    terms = [sign * np.array(accuracies(arms[arm])) for arm, sign in SUMS[name].items()]
    return np.asarray(np.sum(terms, axis=0), dtype=np.float64)


def summarise(protocol: Protocol, chosen: Mapping[Severity, Chosen], results: Results) -> Summary:
    """All figures of the study. Pooled ones average the severities seed by seed."""
    pooled = {
        pool: {
            name: bootstrap_mean(np.mean([difference(name, results[each]) for each in some], 0))
            for name in SUMS
        }
        for pool, some in _pools(list(results)).items()
    }
    pooled[COLLAPSE] = _collapse_differences(results)
    groups = [_group(severity, chosen[severity], arms) for severity, arms in results.items()]
    return Summary("double-loss", dataclasses.asdict(protocol), groups, pooled)


def _pools(severities: Sequence[Severity]) -> dict[str, list[Severity]]:
    """Sets of severities that are looked at together."""
    pools = {"all severities": list(severities)}
    kinds: tuple[Callable[[Severity], str], ...] = (
        lambda each: each.model,
        lambda each: f"p = {each.sparsity:g}",
        lambda each: f"s = {each.fraction:g}",
        lambda each: each.schedule,
    )
    for kind in kinds:
        for each in severities:
            pools.setdefault(kind(each), []).append(each)
    return pools


def _collapse_differences(results: Results) -> dict[str, Interval]:
    """Share of collapsed runs, less that at λ = 0, by arm; severities averaged seed by seed."""

    def shares(name: str) -> NDArray[np.float64]:
        rows = [np.array(accuracies(arms[name])) < _threshold(arms) for arms in results.values()]
        return np.asarray(np.mean(rows, axis=0), dtype=np.float64)

    return {name: bootstrap_mean(shares(name) - shares(OFF)) for name in REMOVING}


def _threshold(arms: Mapping[str, Sequence[Outcome]]) -> float:
    """The accuracy under which a run of the severity counts as collapsed."""
    return collapse_threshold(accuracies(arms[CORESET]), accuracies(arms[PRUNING]))


def _group(severity: Severity, chosen: Chosen, arms: Mapping[str, Sequence[Outcome]]) -> Group:
    threshold = _threshold(arms)
    return Group(
        name=str(severity),
        settings={"learning rate": f"{chosen.lr:g}", "λ": f"{chosen.weight:g}"},
        threshold=dict.fromkeys(ARMS, threshold),
        arms={name: ArmSummary.of(arms[name], threshold) for name in ARMS},
        differences={name: bootstrap_mean(difference(name, arms)) for name in SUMS},
    )


def credited(group: Group) -> bool:
    """Whether preservation is credited with a gain there, by the rule fixed beforehand."""
    return all(group.differences[name].sign > 0 for name in CREDIT)


def tables(summary: Summary) -> dict[str, str]:
    """The study's tables in Markdown, by title."""
    return {
        "Accuracy": _accuracy_table(summary),
        "Collapsed runs": _collapse_table(summary),
        "Differences": _difference_table(summary, list(SUMS)[:6]),
        "Controls": _difference_table(summary, list(SUMS)[6:]),
        "Pooled": _pooled_table(summary),
        "Cost": _cost_table(summary),
    }


def _accuracy_table(summary: Summary) -> str:
    head = ["severity", "lr", "λ", *ARMS]
    rows = [
        [group.name, *group.settings.values(), *(accuracy(group.arms[name]) for name in ARMS)]
        for group in summary.groups
    ]
    return table(head, rows)


def _collapse_table(summary: Summary) -> str:
    shown = REMOVING
    head = ["severity", "threshold", *(f"{name}: collapsed (worst)" for name in shown)]
    rows = [
        [group.name, percent(group.threshold[OFF])]
        + [
            f"{percent(group.arms[name].collapsed, 0)} ({percent(group.arms[name].worst)})"
            for name in shown
        ]
        for group in summary.groups
    ]
    means = [
        percent(float(np.mean([group.arms[name].collapsed for group in summary.groups])))
        for name in shown
    ]
    less = [points(summary.pooled[COLLAPSE][name]) for name in shown]
    return table(head, [*rows, ["all", "", *means], ["all, less λ = 0", "", *less]])


def _difference_table(summary: Summary, names: Sequence[str]) -> str:
    head = ["severity", *names, *(["credited"] if BEYOND_RANDOM in names else [])]
    rows = []
    for group in summary.groups:
        row = [group.name, *(points(group.differences[name]) for name in names)]
        rows.append(row + (["yes" if credited(group) else "no"] if len(head) > len(row) else []))
    return table(head, rows)


def _pooled_table(summary: Summary) -> str:
    pools = [pool for pool in summary.pooled if pool != COLLAPSE]
    rows = [[name, *(points(summary.pooled[pool][name]) for pool in pools)] for name in SUMS]
    return table(["difference", *pools], rows)


def _cost_table(summary: Summary) -> str:
    head = ["severity", *(f"{name}: FLOPs / s" for name in ARMS)]
    rows = [
        [group.name]
        + [
            f"{percent(group.arms[name].relative_flops)} / {group.arms[name].seconds:.2f}"
            for name in ARMS
        ]
        for group in summary.groups
    ]
    return table(head, rows)
