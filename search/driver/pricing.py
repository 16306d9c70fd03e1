"""What a search will cost, before it starts: FLOPs, and the time on this machine."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.loop.halving import rung_epochs
from search.samplers.parameters import sample
from search.study.study_file import Study
from search.study.tables import HalvingConfig
from swast.calibration import SECONDS, Speed, calibrate, solver_seconds
from swast.config import TrainConfig
from swast.data import ArrayData
from swast.errors import ConfigError, SwastError
from swast.forecast import Mark, dense_flops
from swast.models.named import first_line
from swast.training import foresee
from swast.warmups import beginning, shared_epochs

SAMPLES = 200
Measure = Callable[[TrainConfig, Mark], float]
"""What a configuration has cost by a mark of its forecast, in FLOPs or in seconds."""


@dataclass(frozen=True)
class Price:
    """What a search of some trials costs, in FLOPs or in seconds of training.

    Attributes:
        references: of each reference, by name.
        least: of the cheapest configuration among those drawn.
        median: of the middle one.
        most: of the dearest one.
        expected: of the whole search: its references, and the mean for every other trial, each
            trained by itself.
        shared: what of that goes into warm-ups that another trial has trained.
        halved: the same if every rung lets 1/η go on; None without halving.
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
    """What a search is said to cost.

    Attributes:
        flops: training FLOPs.
        seconds: of training, one trial after another.
        dense: FLOPs of dense training on all data, for comparison.
        concurrent: trials at a time.
    """

    flops: Price
    seconds: Price
    dense: int
    concurrent: int


@dataclass(frozen=True)
class Course:
    """A configuration, and what it will have taken by the end of each epoch."""

    config: TrainConfig
    marks: Sequence[Mark]


@dataclass(frozen=True)
class Outlook:
    """The trainings of a search, foreseen.

    Attributes:
        references: of the study, by name.
        drawn: 200 configurations drawn evenly from its space.
        halving: what stops trials; None where nothing does.
        dense: FLOPs of dense training on all data, for comparison.
        shares_warmups: whether trials that begin alike train their warm-up once.
    """

    references: Mapping[str, Course]
    drawn: Sequence[Course]
    halving: HalvingConfig | None
    dense: int
    shares_warmups: bool = False


@dataclass(frozen=True)
class Pace:
    """How fast a study's trainings go on this machine.

    Attributes:
        speeds: by network.
        solvers: seconds a FLOP of the selections' solvers, by scorer.
    """

    speeds: Mapping[str, Speed]
    solvers: Mapping[str, float]

    def seconds(self, config: TrainConfig, mark: Mark) -> float:
        """Seconds that a configuration has trained by a mark of its forecast."""
        solver = self.solvers[config.coreset.scorer] * mark.ledger.solver
        return self.speeds[config.model].seconds(mark.passes) + solver


def foresee_search(
    study: Study, data: ArrayData, seed: int, *, separate_warmups: bool = False
) -> Outlook:
    """Foresee a study's references, and 200 configurations drawn evenly from its space."""

    def course(config: TrainConfig) -> Course:
        return Course(config, foresee(config, data).marks)

    return Outlook(
        references={name: course(each) for name, each in study.references.items()},
        drawn=[course(study.configure(values)) for values in sample(study.space, SAMPLES, seed)],
        halving=study.halving,
        dense=dense_flops(study.fixed, data),
        shares_warmups=study.shares_warmups and not separate_warmups,
    )


def price_search(outlook: Outlook, budget: int, measure: Measure) -> Price:
    """The price of a search of some trials, by a measure."""

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
    """What a search's trials need not train, since another has trained the same warm-up.

    Of those that begin alike the longest warm-up is trained, and the others are parts of it.
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
    """The price of a search both in FLOPs and in time, for so many trials at a time."""
    flops, seconds = (price_search(outlook, budget, each) for each in (bill, pace.seconds))
    return Quote(flops, seconds, outlook.dense, concurrent)


def bill(_config: TrainConfig, mark: Mark) -> float:
    """The bill by a mark; the measure of FLOPs."""
    return mark.ledger.total


def after_halving(costs: Sequence[float], halving: HalvingConfig) -> float:
    """What a trial costs on average if every rung lets 1/η go on, whoever they are.

    Args:
        costs: of its first epoch, of its first two, and so on.
        halving: the rungs; brackets come equally often.
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
    """Measure every network and every scorer among a search's trainings, in a second or two.

    Networks are measured at what the study fixes, and share a second; scorers at the first
    configuration that has them.

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
    """Measure a network for some seconds.

    Raises:
        ConfigError: it cannot be trained here, and why.
    """
    try:
        return calibrate(config, data, seconds)
    except SwastError:
        raise
    except Exception as error:  # a user's network may raise anything, and any may be too large
        problem = f"model {config.model!r} cannot be trained here: {first_line(error)}"
        raise ConfigError([problem]) from error
