"""Costs before training: the unit of a study, the limits of a search, prices for its sampler."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from search.errors import RequestError
from search.loop.halving import Halving
from search.loop.limits import Limits, Stopping
from search.samplers.problem import Prices, Values
from search.study.study_file import Study
from search.trials.search_info import SearchInfo
from swast.config import TrainConfig
from swast.data import ArrayData

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SAMPLES = 200
"""Configurations drawn from a space to know its prices."""


def price_of(study: Study, data: ArrayData) -> Callable[[TrainConfig], float] | None:
    """Return the function that prices configurations; None if the cost is only measured."""
    from swast import training

    price = study.objectives.cost.price
    if price is None:
        return None
    return lru_cache(lambda config: price(training.foresee(config, data)))


def unit_of(study: Study, data: ArrayData) -> float:
    """Return the cost that counts as 1: that of the study's dense training.

    A cost that is only measured has no unit; its values stay as they are.
    """
    price = price_of(study, data)
    return 1.0 if price is None else price(study.dense)


def limits_of(info: SearchInfo, data: ArrayData, retries: int) -> Limits:
    """Return the limits of a search, from its study and the request."""
    study, stopping = info.study, None
    if study.halving is not None:
        table = study.halving
        rungs = Halving(table.grace, table.reduction, table.brackets, study.objectives)
        stopping = Stopping(rungs)
    return Limits(
        price=price_of(study, data),
        trial=study.constraints.limit(info.unit or math.inf, info.max_flops),
        total=info.flops_budget,
        stopping=stopping,
        retries=retries,
    )


def prices_of(info: SearchInfo, limits: Limits) -> Prices | None:
    """Return the relative costs of configurations, for a sampler that asks for many.

    With a global threshold an exact price needs a rehearsal of the warm-up. There the layers are
    priced as if ERK pruned them.
    """
    price, unit = limits.price, info.unit or 1.0
    if price is None:
        return None

    def relative(values: Values) -> float:
        return price(_unrehearsed(info.study.configure(values))) / unit

    return Prices(relative, limits.trial / unit)


def _unrehearsed(config: TrainConfig) -> TrainConfig:
    """Return a configuration whose price needs no rehearsal of its warm-up."""
    if config.prune.distribution != "global":
        return config
    return config.with_values({"prune.distribution": "erk"})


def check_affordable(
    study: Study, data: ArrayData, unit: float, max_flops: float, flops_budget: float
) -> None:
    """Refuse limits that no reference keeps, nor any of `SAMPLES` configurations of the space.

    Args:
        study: whose trainings are priced.
        data: to train on.
        unit: the cost that counts as 1.
        max_flops: the most that one trial may cost by the command line; infinite for no limit.
        flops_budget: the most that all trials may cost together; infinite for no limit.

    Raises:
        RequestError: naming the limit, and the price of the cheapest configuration.
    """
    price = price_of(study, data)
    limits = {
        "[constraints]": study.constraints.limit(unit),
        "--max-flops": max_flops,
        "--flops-budget": flops_budget,
    }
    name = min(limits, key=lambda each: limits[each])
    if price is None or limits[name] == math.inf:
        return
    least = math.inf
    for config in (*study.references.values(), *map(study.configure, _drawn(study))):
        least = min(least, price(_unrehearsed(config)))
        if least <= limits[name]:
            return
    text = study.objectives.cost.absolute_text
    raise RequestError(
        f"{name} {text(limits[name])}: nothing fits; the cheapest of {SAMPLES} configurations of "
        f"{study.name!r} and its references costs {text(least)}"
    )


def _drawn(study: Study) -> Sequence[Values]:
    """Return configurations of a space, drawn uniformly."""
    from search.samplers.parameters import sample

    return sample(study.space, SAMPLES, 0)
