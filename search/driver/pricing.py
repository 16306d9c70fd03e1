"""Forecast of a search: its cost, and its time on this machine."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from search.driver.prices import SAMPLES, unit_of
from search.loop.halving import rung_epochs
from search.objectives import Cost
from search.samplers.parameters import sample
from search.study.study_file import Study
from search.study.tables import HalvingConfig
from swast.calibration import SECONDS, Speed, calibrate, solver_seconds
from swast.config import TrainConfig
from swast.data import ArrayData
from swast.errors import ConfigError, SwastError
from swast.forecast import Mark
from swast.models.imported import first_line
from swast.training import foresee
from swast.warmups import beginning, shared_epochs

Measure = Callable[[TrainConfig, Mark], float]
"""Function from a configuration and a mark of its forecast to the cost so far, or the seconds."""


@dataclass(frozen=True)
class Price:
    """Price of a search with some number of trials, in the unit of a cost or in seconds.

    Attributes:
        references: of each reference, by name.
        least: of the cheapest configuration drawn.
        median: of the configurations drawn.
        most: of the most expensive configuration drawn.
        expected: of the whole search, each trial trained by itself: its references, and the mean
            of the configurations drawn for every other trial.
        shared: part of ``expected`` for warm-ups that another trial has trained already.
        halved: ``expected`` if 1/η of the trials continue at every rung; None without halving.
    """

    references: dict[str, float]
    least: float
    median: float
    most: float
    expected: float
    shared: float
    halved: float | None


@dataclass(frozen=True)
class Quote:
    """Quote for a search.

    Attributes:
        cost: in the unit of the study's cost; None if that is only measured.
        seconds: of training, one trial after another.
        unit: the cost that counts as 1, for comparison.
        drawn: number of configurations that were drawn from the space and fit the limits.
        concurrent: trials at a time.
    """

    cost: Price | None
    seconds: Price
    unit: float
    drawn: int
    concurrent: int


@dataclass(frozen=True)
class Course:
    """Forecast of a configuration's training.

    Attributes:
        config: the configuration.
        marks: FLOPs and passes up to the end of each epoch.
    """

    config: TrainConfig
    marks: Sequence[Mark]


@dataclass(frozen=True)
class Outlook:
    """Forecasts of the trainings of a search.

    Attributes:
        references: of the study, by name.
        drawn: configurations drawn uniformly from its space.
        cost: the study's cost.
        halving: rungs that stop trials early; None if there are none.
        unit: the cost that counts as 1.
        shares_warmups: whether trials with the same beginning train their warm-up once.
    """

    references: Mapping[str, Course]
    drawn: Sequence[Course]
    cost: Cost
    halving: HalvingConfig | None
    unit: float
    shares_warmups: bool = False

    def within(self, most: float) -> Outlook:
        """Return the forecasts of trainings that cost at most so much; one is always drawn."""
        measure = measure_of(self.cost)
        if measure is None or most == math.inf:
            return self

        def whole(course: Course) -> float:
            return measure(course.config, course.marks[-1])

        named = {name: each for name, each in self.references.items() if whole(each) <= most}
        drawn = [each for each in self.drawn if whole(each) <= most]
        return replace(self, references=named, drawn=drawn or [min(self.drawn, key=whole)])


@dataclass(frozen=True)
class Pace:
    """Speed of a study's trainings on this machine.

    Attributes:
        speeds: by network.
        solvers: seconds per FLOP of the selections' solvers, by scorer.
    """

    speeds: Mapping[str, Speed]
    solvers: Mapping[str, float]

    def seconds(self, config: TrainConfig, mark: Mark) -> float:
        """Return the seconds that a configuration trains up to a mark of its forecast."""
        solver = self.solvers[config.coreset.scorer] * mark.ledger.solver
        return self.speeds[config.model].seconds(mark.passes) + solver


def foresee_search(
    study: Study, data: ArrayData, seed: int, *, separate_warmups: bool = False
) -> Outlook:
    """Forecast a study's references, and 200 configurations drawn uniformly from its space."""

    def course(config: TrainConfig) -> Course:
        return Course(config, foresee(config, data).marks)

    return Outlook(
        references={name: course(each) for name, each in study.references.items()},
        drawn=[course(study.configure(values)) for values in sample(study.space, SAMPLES, seed)],
        cost=study.objectives.cost,
        halving=study.halving,
        unit=unit_of(study, data),
        shares_warmups=study.shares_warmups and not separate_warmups,
    )


def price_search(outlook: Outlook, budget: int, measure: Measure) -> Price:
    """Return the price of a search with some number of trials, by a measure."""

    def costs(course: Course) -> list[float]:
        return [measure(course.config, mark) for mark in course.marks]

    references = {name: costs(course)[-1] for name, course in outlook.references.items()}
    drawn = [costs(course) for course in outlook.drawn]
    whole = [each[-1] for each in drawn]
    first = list(references.values())[:budget]
    others = budget - len(first)
    halved = None
    if outlook.halving is not None:
        stopped = statistics.fmean(after_halving(each, outlook.halving) for each in drawn)
        halved = sum(first) + stopped * others
    return Price(
        references=references,
        least=min(whole),
        median=statistics.median(whole),
        most=max(whole),
        expected=sum(first) + statistics.fmean(whole) * others,
        shared=shared_warmups(outlook, budget, measure) if outlook.shares_warmups else 0.0,
        halved=halved,
    )


def shared_warmups(outlook: Outlook, budget: int, measure: Measure) -> float:
    """Return the price of the warm-ups that trials need not train, since another trial has.

    Of trials with the same beginning, only the longest warm-up is trained.
    """
    courses = [*outlook.references.values(), *outlook.drawn][:budget]
    total, longest = 0.0, defaultdict[tuple[Any, ...], float](float)
    for course in courses:
        epochs = shared_epochs(course.config)
        cost = measure(course.config, course.marks[epochs - 1]) if epochs else 0.0
        alike = tuple(beginning(course.config).items())
        total += cost
        longest[alike] = max(longest[alike], cost)
    return total * budget / len(courses) - sum(longest.values())


def quote(outlook: Outlook, pace: Pace, budget: int, concurrent: int) -> Quote:
    """Return the price of a search, in its cost and in time, with some trials at a time."""
    measure = measure_of(outlook.cost)
    cost = None if measure is None else price_search(outlook, budget, measure)
    seconds = price_search(outlook, budget, pace.seconds)
    return Quote(cost, seconds, outlook.unit, len(outlook.drawn), concurrent)


def measure_of(cost: Cost) -> Measure | None:
    """Return the measure of a cost; None if the cost is only measured."""
    price = cost.price
    return None if price is None else lambda _, mark: price(mark)


def after_halving(costs: Sequence[float], halving: HalvingConfig) -> float:
    """Return the mean cost of a trial if 1/η of the trials continue at every rung.

    Args:
        costs: of its first epoch, of its first two, and so on.
        halving: the rungs; every bracket has the same share of the trials.
    """
    found = []
    for bracket in range(halving.brackets):
        first = halving.grace * halving.reduction**bracket
        total, before, share = 0.0, 0.0, 1.0
        for epoch in (*rung_epochs(first, halving.reduction, len(costs)), len(costs)):
            total += share * (costs[epoch - 1] - before)
            before, share = costs[epoch - 1], share / halving.reduction
        found.append(total)
    return statistics.fmean(found)


def calibrate_search(study: Study, outlook: Outlook, data: ArrayData, device: str) -> Pace:
    """Measure every network and every scorer of a search on this machine, in a second or two.

    Networks are measured with the settings of ``[fixed]`` and share a second; each scorer is
    measured with the first configuration that uses it.

    Raises:
        ConfigError: a network cannot be trained here.
    """
    courses = [*outlook.references.values(), *outlook.drawn]
    models = dict.fromkeys(course.config.model for course in courses)
    scorers: dict[str, TrainConfig] = {}
    for course in courses:
        if course.config.coreset.fraction < 1:
            scorers.setdefault(course.config.coreset.scorer, course.config)
    there = {"device": device}
    return Pace(
        speeds={
            name: speed_of(
                study.fixed.with_values({**there, "model": name}), data, SECONDS / len(models)
            )
            for name in models
        },
        solvers=dict.fromkeys((course.config.coreset.scorer for course in courses), 0.0)
        | {
            name: solver_seconds(config.with_values(there), data)
            for name, config in scorers.items()
        },
    )


def speed_of(config: TrainConfig, data: ArrayData, seconds: float) -> Speed:
    """Measure the speed of a network for some seconds.

    Raises:
        ConfigError: it cannot be trained here; the message has the reason.
    """
    try:
        return calibrate(config, data, seconds)
    except SwastError:
        raise
    except Exception as error:  # a user's network may raise anything, and any may be too large
        problem = f"model {config.model!r} cannot be trained here: {first_line(error)}"
        raise ConfigError([problem]) from error
