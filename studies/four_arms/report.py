"""The four arms in figures: accuracy, bill and time by arm, and differences with intervals."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from studies.four_arms.protocol import DENSE, Arms, Protocol, coreset, pruning, swast
from studies.statistics import Interval, collapse_threshold, paired
from studies.summaries import ArmSummary, Group, Summary, accuracies
from studies.tables import accuracy, percent, points, seconds, table


def comparisons(protocol: Protocol) -> dict[str, tuple[str, str]]:
    """The differences that are looked at: an arm, and the one it is held against."""
    found, scorers = {}, protocol.scorers
    for scorer in scorers:
        alone = coreset(scorer)
        found[f"KL − none, coreset only, {scorer}"] = (coreset(scorer, kl=True), alone)
        for variant in protocol.variants:
            ours = swast(variant, scorer)
            found[f"{ours} − coreset only"] = (ours, alone)
            found[f"{ours} − coreset only, KL"] = (ours, coreset(scorer, kl=True))
            found[f"{ours} − pruning only"] = (ours, pruning(variant))
    for scorer in scorers:
        if scorer != "random" and "random" in scorers:
            found[f"{scorer} − random, coreset only"] = (coreset(scorer), coreset("random"))
            for variant in protocol.variants:
                pair = (swast(variant, scorer), swast(variant, "random"))
                found[f"{scorer} − random, SWaST {variant}"] = pair
    return found


def thresholds(protocol: Protocol, arms: Arms) -> dict[str, float]:
    """The accuracy under which a run of an arm that removes both counts as collapsed."""
    return {
        swast(variant, scorer): collapse_threshold(
            accuracies(arms[coreset(scorer)]), accuracies(arms[pruning(variant)])
        )
        for scorer in protocol.scorers
        for variant in protocol.variants
    }


def summarise(protocol: Protocol, results: Mapping[float, Arms]) -> Summary:
    """All figures of the study, a group a level of noise."""
    groups = []
    for noise, arms in results.items():
        limits = thresholds(protocol, arms)
        groups.append(
            Group(
                name=f"{percent(noise, 0)} % wrong labels" if noise else "clean labels",
                settings={"noise": f"{noise:g}"},
                threshold=limits,
                arms={name: ArmSummary.of(arms[name], limits.get(name)) for name in arms},
                differences={
                    **{
                        name: paired(accuracies(arms[ours]), accuracies(arms[theirs]))
                        for name, (ours, theirs) in comparisons(protocol).items()
                    },
                    **_noise_differences(protocol, arms),
                },
            )
        )
    name = f"four-arms-{protocol.data}-{protocol.model}"
    return Summary(name, dataclasses.asdict(protocol), groups)


def _noise_differences(protocol: Protocol, arms: Arms) -> dict[str, Interval]:
    """How many more wrong labels SWaST's last coreset holds than that of the coreset alone."""

    def shares(name: str) -> list[float]:
        return [each.noisy_share or 0.0 for each in arms[name]]

    return {
        f"wrong labels, {swast(variant, scorer)} − coreset only": paired(
            shares(swast(variant, scorer)), shares(coreset(scorer))
        )
        for scorer in protocol.scorers
        if scorer != "random"
        for variant in protocol.variants
    }


def tables(summary: Summary) -> dict[str, str]:
    """The study's tables in Markdown, by title."""
    return {
        "Accuracy": _accuracy_table(summary),
        "Training FLOPs and time, clean labels": _cost_table(summary.groups[0]),
        "Wrong labels in the last coreset, %": _noise_table(summary),
        "Differences": _difference_table(summary),
    }


def _accuracy_table(summary: Summary) -> str:
    head = ["arm"]
    for group in summary.groups:
        head += [f"{group.name}, %", "worst", "collapsed, %"]
    rows = []
    for name in summary.groups[0].arms:
        row = [name]
        for group in summary.groups:
            arm = group.arms[name]
            row += [accuracy(arm), percent(arm.worst), percent(arm.collapsed, 0)]
        rows.append(row)
    return table(head, rows)


def _cost_table(group: Group) -> str:
    """The bill in per cent of dense training, and the seconds of a run."""
    arms = group.arms.values()
    terms = [term for term in next(iter(arms)).bill if any(arm.bill[term] for arm in arms)]
    head = ["arm", *(term.replace("_", " ") for term in terms), "sum", "wall, s", "CPU, s"]
    rows = [
        [
            name,
            *(percent(arm.bill[term], 2) for term in terms),
            percent(arm.relative_flops, 2),
            seconds(arm.seconds),
            seconds(arm.cpu_seconds),
        ]
        for name, arm in group.arms.items()
    ]
    return table(head, rows)


def _noise_table(summary: Summary) -> str:
    noisy = [group for group in summary.groups if group.settings["noise"] != "0"]
    rows = [
        [name, *(percent(group.arms[name].noisy_share) for group in noisy)]
        for name in summary.groups[0].arms
        if name != DENSE and "pruning only" not in name
    ]
    return table(["arm", *(group.name for group in noisy)], rows)


def _difference_table(summary: Summary) -> str:
    rows = [
        [name, *(points(group.differences[name]) for group in summary.groups)]
        for name in summary.groups[0].differences
    ]
    return table(["difference, points", *(group.name for group in summary.groups)], rows)
