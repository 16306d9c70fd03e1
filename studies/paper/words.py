"""A report as tables and Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from studies.paper.report import Claim, Grid, Report
from studies.statistics import Interval
from studies.tables import MISSING, accuracy, percent, plain, points, seconds, table

VERDICTS = {"yes": "yes", "no": "no", "not decided": "not decided at this scale"}


def grids(report: Report) -> list[Grid]:
    """All tables of a report: the claims, the differences, the arms, and its own."""
    made = [claims_grid(report.claims)] if report.claims else []
    if report.effects:
        made.append(effects_grid(report))
    if report.arms:
        made.append(arms_grid(report))
    return [*made, *report.grids]


def claims_grid(claims: Sequence[Claim]) -> Grid:
    """The claims with their verdicts."""
    rows = [
        [each.text, VERDICTS[each.verdict], measured(each), each.paper or MISSING, each.remark]
        for each in claims
    ]
    return Grid("Claims", ("claim", "holds here", "measured", "the paper", "remark"), rows)


def measured(claim: Claim) -> str:
    """What was measured of a claim, with its interval and unit."""
    return in_unit(claim.effect, claim.unit)


def in_unit(effect: Interval, unit: str) -> str:
    """An effect: points of a share, or a plain number."""
    return f"{points(effect, 2)} points" if unit == "points" else plain(effect)


def effects_grid(report: Report) -> Grid:
    """The differences, ours beside the paper's."""
    rows = [
        [
            each.group,
            each.name,
            points(each.interval, 2),
            MISSING if each.paper is None else f"{100 * each.paper:+.2f}".replace("-", "−"),
        ]
        for each in report.effects
    ]
    return Grid("Differences, points", ("where", "what", "ours", "the paper's"), rows)


def arms_grid(report: Report) -> Grid:
    """The arms: accuracy, cost and time."""
    rows = [
        [
            name,
            accuracy(arm) if len(report.seeds) > 1 else percent(arm.accuracy),
            percent(arm.worst),
            percent(arm.relative_flops, 2),
            seconds(arm.seconds),
            f"{arm.diverged}" if arm.diverged else MISSING,
        ]
        for name, arm in report.arms.items()
    ]
    head = ("arm", "test accuracy, %", "worst seed", "FLOPs, % of dense", "wall, s", "diverged")
    return Grid("Arms", head, rows)


def facts(report: Report) -> dict[str, str]:
    """How a report came about, by name."""
    made = report.made
    told = {"seeds": f"{len(report.seeds)}", "scale": report.scale, **report.settings}
    told |= {"command": made.command, "date": made.date, "machine": made.machine}
    return {name: text for name, text in {**told, "commit": made.commit}.items() if text}


def markdown(report: Report, level: int = 2) -> str:
    """The report as a section in Markdown, its figure beside it.

    Args:
        report: to write.
        level: of its heading.
    """
    made = report.made
    lead = f"    {made.command}\n\n" if made.command else ""
    settings = "; ".join(f"{name}: {text}" for name, text in report.settings.items())
    bodies = [f"**{grid.title}**\n\n{table(grid.head, grid.rows)}" for grid in grids(report)]
    return "\n\n".join(
        [
            f"{'#' * level} {report.study}: {report.title}",
            f"{lead}{made.date}, {made.machine}, commit {made.commit}; {report.scale} scale, "
            f"{len(report.seeds)} seed{'s' * (len(report.seeds) > 1)}. {settings}.",
            f"![{report.title}](results/{report.study}.png)",
            report.caption,
            *bodies,
        ]
    )
