"""Learning curves of trials, with the rungs at which halving stopped or continued them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from search.objectives import Objectives, Score
from search.plots.chart import Axis, Chart, Line, Mark, Panel, Points
from search.plots.theme import BLACK, BLUE, FADED, GREEN, PAPER, SKY
from search.plots.words import escape, heading
from search.trials.search_info import SearchInfo
from search.trials.trial_record import TrialRecord, front_of, stopped
from swast.result import EpochRecord

STOPPED = Line(x=(), y=(), name="Stopped at a rung", colour=FADED, width=1.0, opacity=0.45)
DOMINATED = Line(x=(), y=(), name="Dominated", colour=SKY, width=1.2, opacity=0.6)
REFERENCE = Line(x=(), y=(), name="Reference", colour=GREEN, width=1.8)
FRONT = Line(x=(), y=(), name="Pareto front", colour=BLUE, width=2.2)
CONTINUED = Points(x=(), y=(), name="Went on", colour=PAPER, edge=BLUE)
ENDED = Points(x=(), y=(), name="Stopped", colour=BLACK, symbol="x")

MOST = 10_000
"""Epochs of all trials together that a page shows; beyond that, some are left out."""

Curve = tuple[Sequence[float], Sequence[float]]


def curves_chart(
    info: SearchInfo, trials: Sequence[TrialRecord], epochs: Mapping[int, Sequence[EpochRecord]]
) -> Chart:
    """Return the chart of every trial's score by epoch, with the decisions at the rungs.

    Args:
        info: the search.
        trials: its trials.
        epochs: their epochs, by trial number.
    """
    stride = -(-sum(map(len, epochs.values())) // MOST) or 1
    score = info.objectives.score
    curves = {
        trial.number: _curve(epochs.get(trial.number, ()), stride, score) for trial in trials
    }
    shown = [trial for trial in trials if curves[trial.number][0]]
    lines: list[Mark] = [
        _drawn(info, curves, group, look)
        for look, group in _groups(shown, info.objectives)
        if group
    ]
    values = [value for number in curves for value in curves[number][1]]
    low = float(np.percentile(values, 3)) if values else 0.0
    bounds = (low - 1.0, max(values, default=100.0) + 1.0)
    last = max((epoch for number in curves for epoch in curves[number][0]), default=1)
    rungs = sorted({epoch for trial in shown for epoch in trial.rungs})
    posts: list[Mark] = [_post(rung, bounds) for rung in rungs]
    return Chart(
        key="curves",
        title=heading(info, "how the trials learned"),
        note=_note(rungs, shown) + (f" · one epoch in {stride}" if stride > 1 else ""),
        panels=[
            Panel(
                marks=[*posts, *lines, *_decisions(info, shown)],
                x=Axis(title="Epoch", bounds=(0.5, last + 0.5)),
                y=Axis(title=score.title, bounds=bounds),
            )
        ],
        height=560,
        empty="" if shown else "No trial has made an epoch yet",
        runs={trial.number: trial.run_id for trial in shown if trial.run_id},
    )


def _groups(
    shown: Sequence[TrialRecord], objectives: Objectives
) -> list[tuple[Line, list[TrialRecord]]]:
    """Return the trials in groups of one look."""
    members = {trial.number for trial in front_of(shown, objectives)}
    others = [trial for trial in shown if trial.number not in members]
    searched = [trial for trial in others if not trial.reference]
    return [
        (STOPPED, stopped(searched)),
        (DOMINATED, [trial for trial in searched if trial.stopped_at is None]),
        (REFERENCE, [trial for trial in others if trial.reference]),
        (FRONT, [trial for trial in shown if trial.number in members]),
    ]


def _curve(epochs: Sequence[EpochRecord], stride: int, score: Score) -> Curve:
    """Return epochs and the score after each: the first, some between, and the last."""
    shown = [*epochs[:-1:stride], *epochs[-1:]]
    known = [(each.epoch, score.place(score.measure(each))) for each in shown]
    known = [(at, value) for at, value in known if math.isfinite(value)]
    return [at for at, _ in known], [value for _, value in known]


def _drawn(
    info: SearchInfo, curves: Mapping[int, Curve], trials: Sequence[TrialRecord], look: Line
) -> Line:
    """Return the curves of trials of one look, as one line with gaps."""
    x: list[float] = []
    y: list[float] = []
    hovers: list[str] = []
    for trial in trials:
        at, values = curves[trial.number]
        x += [*at, math.nan]
        y += [*values, math.nan]
        hovers += [*(_hover(info, trial, *spot) for spot in zip(at, values, strict=True)), ""]
    return replace(look, x=x, y=y, hover=hovers)


def _post(rung: int, bounds: tuple[float, float]) -> Line:
    """Return the vertical line of a rung."""
    return Line(x=[rung, rung], y=bounds, name="Rung", colour=FADED, width=1.0, dash="dot")


def _decisions(info: SearchInfo, trials: Sequence[TrialRecord]) -> list[Points]:
    """Return the markers of trials that continued at a rung, and of those stopped there."""
    reached = [(t, epoch) for t in trials for epoch in t.rungs]
    continued = [(t, epoch) for t, epoch in reached if epoch != t.stopped_at]
    ended = [(t, epoch) for t, epoch in reached if epoch == t.stopped_at]
    return [
        replace(
            look,
            x=[epoch for _, epoch in group],
            y=[info.objectives.score.place(t.rungs[epoch]) for t, epoch in group],
            hover=[_verdict(info, t, epoch) for t, epoch in group],
            trials=[t.number for t, _ in group],
        )
        for look, group in ((CONTINUED, continued), (ENDED, ended))
        if group
    ]


def _verdict(info: SearchInfo, trial: TrialRecord, epoch: int) -> str:
    """Return the hover text of a trial at a rung, with the reason if it was stopped there."""
    reason = f"<br>{escape(trial.reason)}" if epoch == trial.stopped_at and trial.reason else ""
    return _hover(info, trial, epoch, info.objectives.score.place(trial.rungs[epoch])) + reason


def _hover(info: SearchInfo, trial: TrialRecord, epoch: float, value: float) -> str:
    name = escape(info.run_name(trial.label))
    score = info.objectives.score
    return f"<b>{name}</b><br>epoch {epoch:g}: {value:.{score.digits}f} {score.unit}"


def _note(rungs: Sequence[int], shown: Sequence[TrialRecord]) -> str:
    if not rungs:
        return f"{len(shown)} trials · no trial was compared at a rung"
    listed = ", ".join(map(str, rungs))
    word = "rung at epoch" if len(rungs) == 1 else "rungs at epochs"
    return f"{len(shown)} trials, {len(stopped(shown))} stopped early · {word} {listed}"
