"""Searched settings as numbers on an axis.

Logarithmic where they were searched so, choices in their order, and values beside a log range a
step below it.
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

LONGEST = 18
"""Letters of a choice's name on an axis."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The axis of one setting.

    Attributes:
        path: of the setting, dotted.
        places: of the choices, by name; empty for a setting that is a number.
        low, high: ends of the axis.
        log: whether a place is the log10 of a number.
        aside: place of numbers that have no logarithm.
        ticks: places that are labelled, and their texts.
    """

    path: str
    places: Mapping[str, int]
    low: float
    high: float
    log: bool = False
    aside: float = math.nan
    ticks: Mapping[float, str]

    def place(self, trial: TrialRecord) -> float:
        """Where a trial is on the axis; NaN if it has no such setting."""
        if self.path not in trial.params:
            return math.nan
        value = trial.params[self.path]
        if self.places:
            return self.places[_name(value)]
        if not self.log:
            return float(value)
        return math.log10(value) if value > 0 else self.aside

    def share(self, trial: TrialRecord) -> float:
        """The same between 0 (the lower end) and 1."""
        return self.share_of(self.place(trial))

    def share_of(self, place: float) -> float:
        """Where a place is between the ends; in the middle where they are one."""
        span = self.high - self.low
        return (place - self.low) / (span or 1.0) if span or math.isnan(place) else 0.5


def scales(study: Study, trials: Sequence[TrialRecord]) -> list[Scale]:
    """The axes of all settings that some trials were searched over, in the study's order."""
    domains: dict[str, list[Domain]] = {}
    for domain in study.space.domains:
        domains.setdefault(domain.path, []).append(domain)
    seen = {path: [t.params[path] for t in trials if path in t.params] for path in domains}
    return [_scale(path, domains[path], values) for path, values in seen.items() if values]


def _scale(path: str, domains: Iterable[Domain], values: Sequence[Any]) -> Scale:
    """The axis of a setting that took some values."""
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
    """The axis of choices: those of the study in its order, then what references have besides."""
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
    """Colours of trials by a setting: even steps of one scale, or a colour a choice."""
    shares = {trial.number: scale.share(trial) for trial in trials if scale.path in trial.params}
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
    """A choice as text."""
    return str(value).lower() if isinstance(value, bool) else str(value)
