"""What plots say in words."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from search.info import SearchInfo
from search.plots.chart import Range
from search.records import TrialRecord, finished


def hover(info: SearchInfo, trial: TrialRecord) -> str:
    """What a plot says of a trial under the pointer, in HTML: its run, results and settings."""
    rows = {
        "accuracy": f"{point(trial)[1]:.2f} %",
        "relative FLOPs": trial.relative_flops,
        "training FLOPs": None if trial.train_flops is None else float(trial.train_flops),
        "seconds": trial.seconds,
        "stopped": (trial.reason or f"epoch {trial.epochs}") if trial.state == "pruned" else None,
    }
    lines = [f"<b>{escape(info.run_name(trial.label))}</b>"]
    lines += [f"{name}: {escape(value)}" for name, value in rows.items() if value is not None]
    lines += [f"{escape(name)} = {escape(value)}" for name, value in trial.params.items()]
    return "<br>".join(lines)


def brief(info: SearchInfo, trial: TrialRecord, path: str) -> str:
    """The same in short: its run, one setting, and what it gave."""
    lines = [f"<b>{escape(info.run_name(trial.label))}</b>"]
    if path in trial.params:
        lines.append(f"{escape(path)} = {escape(trial.params[path])}")
    lines += [f"accuracy: {point(trial)[1]:.2f} %", f"relative FLOPs: {trial.relative_flops:.4g}"]
    return "<br>".join(lines)


def escape(value: object) -> str:
    """A value as text without markup; Plotly would show an escaped quote as it is."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return html.escape(text, quote=False)


def point(trial: TrialRecord) -> Range:
    """Where a trial is: log10 of its relative FLOPs, and per cent; NaN where it cannot be."""
    flops, accuracy = trial.relative_flops, trial.accuracy
    if flops is None or accuracy is None or not 0 < flops < math.inf:
        return math.nan, math.nan
    return math.log10(flops), 100 * accuracy


def count_words(trials: Sequence[TrialRecord]) -> str:
    """How many of the trials that were started finished."""
    started = sum(not trial.rejected for trial in trials)
    return f"{len(finished(trials))} of {started} trials finished"


def heading(info: SearchInfo, text: str) -> str:
    """The title of a plot of a search."""
    return f"{short(info.name, 60)}: {text}"


def short(text: str, most: int = 32) -> str:
    """A text on one line, without what is beyond some letters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
