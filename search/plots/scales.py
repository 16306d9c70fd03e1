"""Axes of searched settings.

An axis is logarithmic if the setting was searched on a log scale. Choices are in their order.
Values outside a log range are a step below it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.plots.axes import even_ticks, log_ticks
from search.plots.chart import Colouring
from search.plots.theme import kinds, shade
from search.plots.words import short
from search.study.space import Choices, Domain
from search.study.study_file import Study
from search.trials.trial_record import TrialRecord
from search.trials.used import used_params

LONGEST = 18
"""The most letters of a choice's name on an axis."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Axis of one setting.

    Attributes:
        path: dotted path of the setting.
        places: positions of the choices, by name; empty for a setting that is a number.
        low, high: ends of the axis.
        log: whether a position is the log10 of a number.
        aside: position of numbers that have no logarithm.
        ticks: labelled positions and their texts.
    """

    path: str
    places: Mapping[str, int]
    low: float
    high: float
    log: bool = False
    aside: float = math.nan
    ticks: Mapping[float, str]

    def place(self, trial: TrialRecord) -> float:
        """Return the position of a trial on the axis; NaN if it has no such setting."""
        used = used_params(trial)
        if self.path not in used:
            return math.nan
        value = used[self.path]
        if self.places:
            return self.places[_name(value)]
        if not self.log:
            return float(value)
        return math.log10(value) if value > 0 else self.aside

    def share(self, trial: TrialRecord) -> float:
        """Return the position of a trial as a share of the axis, from 0 to 1."""
        return self.share_of(self.place(trial))

    def share_of(self, place: float) -> float:
        """Return a position as a share of the axis; 0.5 if both ends are equal."""
        span = self.high - self.low
        return (place - self.low) / (span or 1.0) if span or math.isnan(place) else 0.5


def scales(study: Study, trials: Sequence[TrialRecord]) -> list[Scale]:
    """Return the axes of all settings that any trial has, in the study's order."""
    domains: dict[str, list[Domain]] = {}
    for domain in study.space.domains:
        domains.setdefault(domain.path, []).append(domain)
    used = [used_params(trial) for trial in trials]
    seen = {path: [each[path] for each in used if path in each] for path in domains}
    return [_scale(path, domains[path], values) for path, values in seen.items() if values]


def _scale(path: str, domains: Iterable[Domain], values: Sequence[Any]) -> Scale:
    """Return the axis of a setting with these values."""
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return _choices(path, domains, values)
    if not any(getattr(domain.values, "log", False) for domain in domains):
        low, high = float(min(values)), float(max(values))
        return Scale(path=path, places={}, low=low, high=high, ticks=even_ticks(low, high))
    logs = [math.log10(value) for value in values if value > 0] or [0.0]
    low, high = min(logs), max(logs)
    ticks = {math.log10(tick): text for tick, text in log_ticks((low, high)).items()}
    apart = [value for value in values if value <= 0]
    aside = low - 0.15 * max(high - low, 0.5)
    if apart:
        ticks = {aside: f"{apart[0]:g}"} | ticks
        low = aside
    return Scale(path=path, places={}, low=low, high=high, log=True, aside=aside, ticks=ticks)


def _choices(path: str, domains: Iterable[Domain], values: Sequence[Any]) -> Scale:
    """Return an axis of choices: in the study's order, then further values of references."""
    known = [
        value
        for domain in domains
        if isinstance(domain.values, Choices)
        for value in domain.values.values
        if value in values
    ]
    names = list(dict.fromkeys(_name(value) for value in [*known, *values]))
    ticks = {float(place): short(name, LONGEST) for place, name in enumerate(names)}
    places = {name: place for place, name in enumerate(names)}
    return Scale(path=path, places=places, low=0.0, high=len(names) - 1.0, ticks=ticks)


def colouring(scale: Scale, trials: Sequence[TrialRecord]) -> Colouring:
    """Return the colours of trials by a setting: shades for numbers, a colour for each choice."""
    shares = {
        trial.number: scale.share(trial) for trial in trials if scale.path in used_params(trial)
    }
    if not scale.places:
        steps = [place / 10 for place in range(11)]
        return Colouring(
            name=scale.path,
            colours={number: shade(share) for number, share in shares.items()},
            bar=[(step, shade(step)) for step in steps],
            ticks={scale.share_of(at): text for at, text in scale.ticks.items()},
        )
    count = len(scale.places)
    colours = kinds(count)
    bands = [(edge / count, colours[kind]) for kind in range(count) for edge in (kind, kind + 1)]
    return Colouring(
        name=scale.path,
        colours={
            trial.number: colours[int(scale.place(trial))]
            for trial in trials
            if trial.number in shares
        },
        bar=bands,
        ticks={(at + 0.5) / count: text for at, text in scale.ticks.items()},
    )


def _name(value: object) -> str:
    """Return a choice as text."""
    return str(value).lower() if isinstance(value, bool) else str(value)
