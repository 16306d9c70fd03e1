"""Report of a search on one page: summary, front, plots and every trial."""

from __future__ import annotations

import html
from collections.abc import Sequence, Set

from search.objectives import UNIT, Cost, Objectives
from search.plots.cells import Cell, estimates, number, scored, setting
from search.plots.chart import Chart
from search.plots.page import Page, figure_of
from search.trials.further import by_configuration, candidates_of, value_text
from search.trials.search_info import SearchInfo
from search.trials.totals import spent
from search.trials.trial_record import (
    TrialRecord,
    configurations,
    finished,
    front_of,
    hypervolume_of,
    knee_of,
    stopped,
)
from search.trials.used import used_params

BODY = """<h1>{name}</h1>
<p class="lead">{lead}</p>
<dl>
{facts}
</dl>
<h2 id="front">The front</h2>
{front}
{candidates}
<p>Export the knee: <code>swast-search export {name} --pick knee --out best</code></p>
<h2 id="plots">Plots</h2>
{plots}
<h2 id="trials">All trials</h2>
<p class="lead">A column's name sorts by it. Shaded: on the front. {further}</p>
{trials}"""
FURTHER = (
    "A row with <em>#N again</em> is another training of configuration #N with another seed: "
    "a further reading, below the row of the configuration."
)
CANDIDATES = """<h3 id="candidates">May be on the front</h3>
{table}
<p class="lead">{explained}</p>"""
EXPLAINED = (
    "An estimate is the score that a configuration has over seeds, with its standard error, from "
    "all its readings and from those of similar configurations. Members are on the front with a "
    "probability of at least 50 %, or close a gap in it; candidates have one of at least 10 %."
)
TABLE = """<div class="scroll" tabindex="0" role="region" aria-label="{label}">
<table>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>"""

THE_SAME = frozenset({"state", "front", "epochs"})
"""Columns in which the front's members hardly differ."""


def report(
    info: SearchInfo,
    trials: Sequence[TrialRecord],
    charts: Sequence[Chart],
    tracking: str = "",
) -> Page:
    """Return the report of a search.

    Args:
        info: the search.
        trials: its trials.
        charts: its plots.
        tracking: MLflow's URI; if it is a server, the page links to it.
    """
    members = front_of(trials, info.objectives)
    begun = [trial for trial in trials if not trial.rejected]
    body = BODY.format(
        name=html.escape(info.name),
        lead=html.escape(info.study.description),
        facts="\n".join(
            f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd></div>"
            for name, text in facts(info, trials).items()
        ),
        front=_table("The front", members, members, info.objectives, THE_SAME)
        if members
        else "<p>Nothing finished yet.</p>",
        candidates=_candidates(trials, info.objectives),
        plots="\n".join(map(figure_of, charts)),
        further=FURTHER if any(trial.repeats is not None for trial in begun) else "",
        trials=_table("All trials", by_configuration(begun), members, info.objectives)
        if begun
        else "<p>Nothing started yet.</p>",
    )
    configs = {trial.number: trial.config.to_toml() for trial in begun if trial.config}
    title = f"{info.name}: report"
    return Page(
        info=info,
        title=title,
        body=body,
        kind="report",
        charts=charts,
        configs=configs,
        tracking=tracking,
    )


def _candidates(trials: Sequence[TrialRecord], objectives: Objectives) -> str:
    """Return the table of the candidates, and what estimates are; nothing without estimates."""
    possible = candidates_of(trials, objectives)
    if not any(trial.estimate for trial in trials):
        return ""
    if not possible:
        return f'<p class="lead">{EXPLAINED}</p>'
    table = _table("May be on the front", possible, (), objectives, THE_SAME)
    return CANDIDATES.format(table=table, explained=EXPLAINED)


def facts(info: SearchInfo, trials: Sequence[TrialRecord]) -> dict[str, str]:
    """Return key figures of a search, by name."""
    done, times = finished(trials), sorted(trial.ended for trial in trials if trial.ended)
    score, cost = info.objectives.score, info.objectives.cost
    begun = [trial for trial in trials if not trial.rejected]
    members = front_of(trials, info.objectives)
    found = {
        "Study": info.study.name,
        "Trials": f"{len(begun)} of {info.budget}",
        "Finished": _finished(done, members),
        "Stopped early": f"{len(stopped(trials))}",
        "Failed": f"{sum(trial.state == 'failed' for trial in begun)}",
        "Hypervolume": f"{hypervolume_of(trials, info.objectives):.4f}",
        "Training FLOPs of all trials": f"{spent(trials):.4g}",
        "Training time of all trials": _duration(sum(trial.seconds or 0 for trial in trials)),
        "Sampler": info.sampling,
        "Device": info.device,
    }
    if info.unit is not None and cost.known:
        found["Unit of cost"] = f"{cost.absolute_text(info.unit)}: {UNIT}"
    if members:
        knee = knee_of(trials, info.objectives)
        value, price = value_text(knee, score), _price(knee, cost)
        found["Knee"] = f"{knee.label}: {value} at {price}"
    if times:
        found["First trial ended"] = _moment(times[0])
        found["Last trial ended"] = _moment(times[-1])
    return found


def _finished(done: Sequence[TrialRecord], members: Sequence[TrialRecord]) -> str:
    """Return the number of finished trials, and those of further readings and members."""
    again = len(done) - len(configurations(done))
    read = f"{len(done)} ({again} of them further readings)" if again else f"{len(done)}"
    return f"{read}, {len(members)} on the front"


def _price(trial: TrialRecord, cost: Cost) -> str:
    """Return the cost of a finished trial: relative to dense training, if it has a unit."""
    relative = trial.relative_cost or 0.0
    return f"{relative:.4g} of dense" if cost.known else cost.text(relative, " ")


def _table(
    label: str,
    rows: Sequence[TrialRecord],
    members: Sequence[TrialRecord],
    objectives: Objectives,
    left_out: Set[str] = frozenset(),
) -> str:
    """Return trials as a table that sorts by any column, without some columns."""
    on_front = {member.number for member in members}
    is_estimated = any(trial.estimate for trial in rows)
    names = list(dict.fromkeys(name for trial in rows for name in used_params(trial)))
    cells = {
        trial.number: _row(trial, on_front, objectives, extra=is_estimated)
        | _settings(trial, names)
        for trial in rows
    }
    first, *heads = (head for head in cells[rows[0].number] if head not in left_out)
    shown = [
        "".join(
            [
                '<tr class="member">' if trial.number in on_front else "<tr>",
                f"{cells[trial.number][first]}<td>{_copier(trial)}</td>",
                *(str(cells[trial.number][head]) for head in heads),
                "</tr>",
            ]
        )
        for trial in rows
    ]
    buttons = [_sorter(first), "<th>configuration</th>", *map(_sorter, heads)]
    return TABLE.format(label=label, heads="".join(buttons), rows="\n".join(shown))


def _sorter(head: str) -> str:
    """Return the head of a column: a button that sorts by it."""
    return f'<th><button type="button">{html.escape(head)}</button></th>'


def _row(
    trial: TrialRecord, on_front: set[int], objectives: Objectives, *, extra: bool
) -> dict[str, Cell]:
    """Return the values of a trial other than its settings, by column.

    Args:
        trial: the trial.
        on_front: numbers of the front's members.
        objectives: of the study.
        extra: add the columns of estimates.
    """
    score, cost = objectives.score, objectives.cost
    relative = {f"{cost.name} / dense": number(trial.relative_cost, "#.4g")}
    return {
        "trial": Cell(trial.label, trial.number),
        "state": Cell(trial.state, trial.state),
        "front": Cell("yes", 1) if trial.number in on_front else Cell("", None),
        **(estimates(trial, score) if extra else {}),
        score.name: scored(trial.score, score),
        "test": scored(trial.test_score, score),
        **(relative if cost.known else {}),
        cost.noun: number(trial.cost, ".4g"),
        "epochs": number(trial.epochs, "d"),
        "seconds": number(trial.seconds, ".1f"),
    }


def _settings(trial: TrialRecord, names: Sequence[str]) -> dict[str, Cell]:
    """Return a trial's searched settings, by column."""
    used = used_params(trial)
    return {name: setting(used.get(name)) for name in names}


def _copier(trial: TrialRecord) -> str:
    """Return a button that copies a trial's configuration."""
    if trial.config is None:
        return ""
    label = html.escape(f"Copy the configuration of {trial.label} as TOML")
    return (
        f'<button type="button" class="copy" data-trial="{trial.number}" '
        f'aria-label="{label}">Copy TOML</button>'
    )


def _duration(seconds: float) -> str:
    """Return seconds as text, in a readable unit."""
    minutes, hours = seconds / 60, seconds / 3600
    if hours >= 2:
        return f"{hours:.1f} hours"
    return f"{minutes:.1f} minutes" if minutes >= 2 else f"{seconds:.1f} s"


def _moment(ended: str) -> str:
    """Return a time to the minute, from ISO 8601."""
    return ended[:16].replace("T", " ")
