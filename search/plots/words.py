"""Texts in plots: hover texts, titles, names of axes; and coordinates of trials."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from search.objectives import Cost, Objectives, Score
from search.plots.chart import Range
from search.trials.further import share_text, value_text
from search.trials.search_info import SearchInfo
from search.trials.trial_record import TrialRecord, configurations, finished
from search.trials.used import used_params


def hover(info: SearchInfo, trial: TrialRecord) -> str:
    """Return the hover text of a trial, in HTML: its run, results and settings."""
    score, cost = info.objectives.score, info.objectives.cost
    own = score.name if trial.estimate is None else "its own reading"
    rows: dict[str, object] = {
        own: None if trial.score is None else score.text(trial.score, " "),
        cost_name(cost): trial.relative_prediction if cost.known else None,
        cost.noun: None if trial.cost is None else float(trial.cost),
        "seconds": trial.seconds,
        "stopped": (trial.reason or f"epoch {trial.epochs}") if trial.state == "pruned" else None,
    }
    rows = {**estimate_rows(trial, score), **rows}
    lines = [f"<b>{escape(info.run_name(trial.label))}</b>"]
    lines += [f"{name}: {escape(value)}" for name, value in rows.items() if value is not None]
    lines += [f"{escape(name)} = {escape(value)}" for name, value in used_params(trial).items()]
    return "<br>".join(lines)


def estimate_rows(trial: TrialRecord, score: Score) -> dict[str, str]:
    """Return what is estimated of a trial's configuration, as texts by name; nothing if none."""
    made = trial.estimate
    if made is None:
        return {}
    return {
        "estimate": value_text(trial, score),
        "90 % interval": f"{score.text(made.low)} to {score.text(made.high)}",
        "readings": f"{made.readings}",
        "on the front": share_text(made.front),
    }


def brief(info: SearchInfo, trial: TrialRecord, path: str) -> str:
    """Return a short hover text of a trial, in HTML: its run, one setting and its results."""
    lines = [f"<b>{escape(info.run_name(trial.label))}</b>"]
    used = used_params(trial)
    if path in used:
        lines.append(f"{escape(path)} = {escape(used[path])}")
    score, cost = info.objectives.score, info.objectives.cost
    unit = f" {cost.unit}" if cost.unit else ""
    lines += [
        f"{score.name}: {value_text(trial, score)}",
        f"{cost_name(cost)}: {trial.relative_cost:.4g}{unit}",
    ]
    return "<br>".join(lines)


def cost_name(cost: Cost) -> str:
    """Return the name of the cost on an axis; a cost that is only measured is not relative."""
    return f"relative {cost.name}" if cost.known else cost.name


def capital(text: str) -> str:
    """Return a text whose first letter is a capital, as the title of an axis."""
    return text[:1].upper() + text[1:]


def escape(value: object) -> str:
    """Return a value as text without markup; Plotly would print an escaped quote as is."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return html.escape(text, quote=False)


def point(trial: TrialRecord, objectives: Objectives) -> Range:
    """Return the coordinates of a trial, cost and score; NaN for both if either is unknown.

    The score is the estimate of its configuration, if there is one. A stopped trial is placed at
    the predicted cost of its whole schedule.
    """
    x = objectives.cost.place(trial.relative_prediction)
    y = objectives.score.place(trial.value)
    return (math.nan, math.nan) if math.isnan(x) or math.isnan(y) else (x, y)


def placed(trials: Sequence[TrialRecord], objectives: Objectives) -> list[TrialRecord]:
    """Return the first finished training of each configuration that has coordinates."""
    return [
        trial for trial in configurations(trials) if math.isfinite(point(trial, objectives)[1])
    ]


def count_words(trials: Sequence[TrialRecord]) -> str:
    """Return the numbers of finished and of started trials, in words."""
    started = sum(not trial.rejected for trial in trials)
    return f"{len(finished(trials))} of {started} trials finished"


def heading(info: SearchInfo, text: str) -> str:
    """Return the title of a plot of a search."""
    return f"{short(info.name, 60)}: {text}"


def short(text: str, most: int = 32) -> str:
    """Return a text on one line, cut to some letters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
