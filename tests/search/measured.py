"""Invented cost that is only measured, on a linear axis: training time in seconds."""

from __future__ import annotations

from search.objectives import ACCURACY, Cost, Objectives

TIME = Cost(
    name="time",
    label="Training time",
    unit="s",
    key="training_seconds",
    metric="training_seconds",
    maximise=False,
    log=False,
    digits=1,
    reference=10.0,
    best=0.0,
    choice="time",
    noun="training time",
    absolute_unit="s",
    absolute_key="training_seconds",
    measure=lambda result: result.seconds,
)
OBJECTIVES = Objectives(score=ACCURACY, cost=TIME)
