"""Reports as tables and Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from studies.paper.report import Claim, Grid, Report
from studies.statistics import Interval
from studies.tables import MISSING, accuracy, percent, plain, points, seconds, table

VERDICTS = {"yes": "yes", "no": "no", "not decided": "not decided at this scale"}


def grids(report: Report) -> list[Grid]:
    """Return all tables of a report: claims, differences, arms, and its own."""
    made = [claims_grid(report.claims)] if report.claims else []
    if report.effects:
        made.append(effects_grid(report))
    if report.arms:
        made.append(arms_grid(report))
    return [*made, *report.grids]


def claims_grid(claims: Sequence[Claim]) -> Grid:
    """Return the table of claims, with their verdicts."""
    rows = [
        [each.text, VERDICTS[each.verdict], measured(each), each.paper or MISSING, each.remark]
        for each in claims
    ]
    return Grid("Claims", ("claim", "holds here", "measured", "the paper", "remark"), rows)


def measured(claim: Claim) -> str:
    """Format a claim's measured effect, with its interval and unit."""
    return in_unit(claim.effect, claim.unit)


def in_unit(effect: Interval, unit: str) -> str:
    """Format an effect: points of a share, or a plain number."""
    return f"{points(effect, 2)} points" if unit == "points" else plain(effect)


def effects_grid(report: Report) -> Grid:
    """Return the table of differences, ours beside the paper's."""
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
    """Return the table of arms: accuracy, cost and time."""
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
    """Return by name how a report was made."""
    made = report.made
    known = {"seeds": f"{len(report.seeds)}", "scale": report.scale, **report.settings}
    known |= {"command": made.command, "date": made.date, "machine": made.machine}
    return {name: text for name, text in {**known, "commit": made.commit}.items() if text}


def markdown(report: Report) -> str:
    """Return the report as Markdown, which links to the figure beside it."""
    return "\n\n".join([_lead(report, level=2, folder=""), *map(_titled, grids(report))])


def brief(report: Report, folder: str) -> str:
    """Return the report as a section of a page: figure, claims, and a link to the rest.

    Args:
        report: to show.
        folder: of the report's own files, relative to the page.
    """
    claims = [_titled(claims_grid(report.claims))] if report.claims else []
    rest = f"All its tables: [{folder}{report.study}.md]({folder}{report.study}.md)."
    return "\n\n".join([_lead(report, level=3, folder=folder), *claims, rest])


def tally(reports: Sequence[Report]) -> Grid:
    """Count the claims of each report by verdict."""
    head = ("study", *VERDICTS.values())
    rows = [
        [each.study, *(f"{sum(c.verdict == name for c in each.claims)}" for name in VERDICTS)]
        for each in reports
        if each.claims
    ]
    return Grid("Claims that hold here", head, rows)


def _lead(report: Report, level: int, folder: str) -> str:
    """Return the opening of a report: how it was made, its figure and the caption."""
    made = report.made
    settings = "; ".join(f"{name}: {text}" for name, text in report.settings.items())
    parts = [
        f"{'#' * level} {report.study}: {report.title}",
        *([f"    {made.command}"] if made.command else []),
        f"{made.date}, {made.machine}, commit {made.commit}; {report.scale} scale, "
        f"{len(report.seeds)} seed{'s' * (len(report.seeds) > 1)}. {settings}.",
        f"![{report.title}]({folder}{report.study}.png)",
        report.caption,
    ]
    return "\n\n".join(parts)


def _titled(grid: Grid) -> str:
    """Return a table under its title, as Markdown."""
    return f"**{grid.title}**\n\n{table(grid.head, grid.rows)}"
