"""A search's front for readers: the description of its run, the plots and the table."""

from __future__ import annotations

import csv
import io
import itertools
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from search.objectives import Objectives
from search.plots import write_pareto
from search.tracking.links import PLOT, chart_page, run_page
from search.trials.search_info import SearchInfo
from search.trials.trial_record import TrialRecord, front_of
from swast.errors import printable
from swast.files import replacing

FILES = ("pareto.html", "pareto.png", "front.csv")
"""What shows the front while it grows."""

MARKUP = re.compile(r"[\\`*_{}\[\]()<>+!|~$&@:/\"']")
"""Characters that mean something in Markdown, in its tables, or in HTML."""
MOST_TEXT = 8000
"""Characters of a description that MLflow keeps."""
MOST_LABEL, MOST_REST = 60, 40
"""Characters of a trial's label in it, before they are escaped; of the row that says how many
members are left out."""


def describe(
    info: SearchInfo, members: Sequence[TrialRecord], experiment_id: str, run_id: str
) -> str:
    """The search's description: what it is, where its charts are, its front, in Markdown.

    Args:
        info: what the search is.
        members: of its front; as many are listed as MLflow keeps.
        experiment_id: where its runs lie.
        run_id: of its own run.
    """
    score, cost = info.objectives.score, info.objectives.cost
    charts, plot = chart_page(experiment_id, run_id), run_page(experiment_id, run_id, PLOT)
    head = [
        f"Search **{markdown(info.name)}** of study **{markdown(info.study.name)}**, "
        f"{info.budget} trials, sampler {info.sampler}. "
        f"[Charts of its trials]({charts}) · [the front]({plot})",
        "",
        f"| on the front | {score.name} | {cost.name} / dense | {cost.noun} |",
        "|---|---|---|---|",
    ]
    export = f"swast-search export {shlex.quote(info.name)} --pick knee --out best"
    tail = ["", f"Take one home: `{export}`"]
    room = MOST_TEXT - len("\n".join(head + tail))
    return "\n".join([*head, *_rows(members, info.objectives, room), *tail])


def _rows(members: Sequence[TrialRecord], objectives: Objectives, room: int) -> list[str]:
    """Return the members as rows of a table, as many as fit into so many characters."""
    score, cost = objectives.score, objectives.cost
    rows = [
        f"| {markdown(shortened(trial.label, MOST_LABEL))} | {score.text(trial.score or 0)} "
        f"| {cost.text(trial.relative_cost or 0)} | {trial.cost:.3g} |"
        for trial in members
    ]
    lengths = itertools.accumulate(len(row) + 1 for row in rows)
    fitting = sum(length + MOST_REST <= room for length in lengths)
    rest = len(rows) - fitting
    return [*rows[:fitting], f"| and {rest} more | | | |"] if rest else rows


def front_table(members: Sequence[TrialRecord], objectives: Objectives) -> str:
    """Return the front as CSV: objectives and searched settings."""
    score, cost = objectives.score, objectives.cost
    names = sorted({name for trial in members for name in trial.params})
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["trial", "reference", score.metric, cost.absolute_key, cost.key, *names])
    for trial in members:
        writer.writerow(
            [
                trial.number,
                trial.reference or "",
                trial.score,
                trial.cost,
                trial.relative_cost,
                *(trial.params.get(name, "") for name in names),
            ]
        )
    return out.getvalue()


def write_front(
    folder: Path, info: SearchInfo, trials: Sequence[TrialRecord], tracking: str
) -> None:
    """Write the plots and the table of a search's front, each whole in place of the one before.

    Args:
        folder: for them.
        info: the search.
        trials: of it.
        tracking: MLflow's URI.

    Raises:
        OSError: the folder cannot be written to.
    """
    write_pareto(folder, info, trials, tracking)
    with replacing(folder / "front.csv") as file:
        file.write(front_table(front_of(trials, info.objectives), info.objectives).encode())


def shortened(text: str, most: int) -> str:
    """A text of so many characters at most."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def markdown(text: str) -> str:
    """A text that Markdown and HTML show as it is, in one line."""
    return MARKUP.sub(lambda found: f"&#{ord(found[0])};", printable(text))
