"""Front of a search for readers: the description of its run, the plots and the table."""

from __future__ import annotations

import csv
import io
import itertools
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from search.objectives import Cost, Objectives, Score
from search.plots import write_pareto
from search.tracking.links import PLOT, chart_page, run_page
from search.trials.further import flat_estimate, value_text
from search.trials.search_info import SearchInfo
from search.trials.trial_record import TrialRecord, front_of
from swast.errors import printable
from swast.files import replacing

FILES = ("pareto.html", "pareto.png", "front.csv")
"""Files that show the front while the search runs."""

MARKUP = re.compile(r"[\\`*_{}\[\]()<>+!|~$&@:/\"']")
"""Characters that mean something in Markdown, in its tables, or in HTML."""
MOST_TEXT = 8000
"""Characters of a description that MLflow keeps."""
MOST_LABEL, MOST_REST = 60, 40
"""Characters of a trial's label in the description, before escaping, and of the row with the
number of members left out."""


def describe(
    info: SearchInfo, members: Sequence[TrialRecord], experiment_id: str, run_id: str
) -> str:
    """Return the search's description in Markdown: its facts, links to charts, and the front.

    Args:
        info: the search.
        members: members of its front; those that fit into MLflow's limit are listed.
        experiment_id: experiment of its runs.
        run_id: its own run.
    """
    score, cost = info.objectives.score, info.objectives.cost
    is_estimated = any(trial.estimate for trial in members)
    score_head = f"{score.name} (readings)" if is_estimated else score.name
    charts, plot = chart_page(experiment_id, run_id), run_page(experiment_id, run_id, PLOT)
    head = [
        f"Search **{markdown(info.name)}** of study **{markdown(info.study.name)}**, "
        f"{info.budget} trials, sampler {info.sampler}. "
        f"[Charts of its trials]({charts}) · [the front]({plot})",
        "",
        "| " + " | ".join(["on the front", score_head, *_cost_heads(cost)]) + " |",
        "|" + (2 + len(_cost_heads(cost))) * "---|",
    ]
    export = f"swast-search export {shlex.quote(info.name)} --pick knee --out best"
    tail = ["", f"Export the knee: `{export}`"]
    room = MOST_TEXT - len("\n".join(head + tail))
    return "\n".join([*head, *_rows(members, info.objectives, room), *tail])


def _rows(members: Sequence[TrialRecord], objectives: Objectives, room: int) -> list[str]:
    """Return the members as rows of a table, as many as fit into ``room`` characters."""
    score, cost = objectives.score, objectives.cost
    rows = [
        f"| {markdown(shortened(trial.label, MOST_LABEL))} | {_score_cell(trial, score)} "
        f"| {' | '.join(_cost_cells(trial, cost))} |"
        for trial in members
    ]
    lengths = itertools.accumulate(len(row) + 1 for row in rows)
    fitting = sum(length + MOST_REST <= room for length in lengths)
    rest = len(rows) - fitting
    blank = (1 + len(_cost_heads(cost))) * " |"
    return [*rows[:fitting], f"| and {rest} more |{blank}"] if rest else rows


def _score_cell(trial: TrialRecord, score: Score) -> str:
    """Return the score of a member, with its error and the number of readings if estimated."""
    made = trial.estimate
    readings = "" if made is None else f" ({made.readings})"
    return f"{value_text(trial, score)}{readings}"


def _cost_heads(cost: Cost) -> list[str]:
    """Return the heads of the cost's columns; a cost that is only measured has one."""
    return [f"{cost.name} / dense", cost.noun] if cost.known else [cost.noun]


def _cost_cells(trial: TrialRecord, cost: Cost) -> list[str]:
    """Return a trial's cells in those columns."""
    relative = cost.text(trial.relative_cost or 0)
    return [relative, f"{trial.cost:.3g}"] if cost.known else [relative]


def front_table(members: Sequence[TrialRecord], objectives: Objectives) -> str:
    """Return the front as CSV: objectives as read, searched settings, estimates."""
    score, cost = objectives.score, objectives.cost
    names = sorted({name for trial in members for name in trial.params})
    out = io.StringIO()
    writer = csv.writer(out)
    heads = ["trial", "reference", score.metric, cost.absolute_key, cost.key]
    estimates = [flat_estimate(trial) for trial in members]
    writer.writerow([*heads, *names, *(estimates[0] if estimates else ())])
    for trial, made in zip(members, estimates, strict=True):
        writer.writerow(
            [
                trial.number,
                trial.reference or "",
                trial.score,
                trial.cost,
                trial.relative_cost,
                *(trial.params.get(name, "") for name in names),
                *made.values(),
            ]
        )
    return out.getvalue()


def write_front(
    folder: Path, info: SearchInfo, trials: Sequence[TrialRecord], tracking: str
) -> None:
    """Write the plots and the table of a search's front; each file is replaced atomically.

    Args:
        folder: folder of the files.
        info: the search.
        trials: its trials.
        tracking: MLflow's URI.

    Raises:
        OSError: the folder cannot be written to.
    """
    write_pareto(folder, info, trials, tracking)
    with replacing(folder / "front.csv") as file:
        file.write(front_table(front_of(trials, info.objectives), info.objectives).encode())


def shortened(text: str, most: int) -> str:
    """Return a text, cut to a number of characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def markdown(text: str) -> str:
    """Return a text, escaped so that Markdown and HTML show it as it is, on one line."""
    return MARKUP.sub(lambda found: f"&#{ord(found[0])};", printable(text))
