"""Costs before training: the unit of a study, the limits of a search, prices for its sampler."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from search.loop.halving import Halving
from search.loop.limits import Limits, Stopping
from search.samplers.problem import Prices, Values
from search.study.study_file import Study
from search.trials.search_info import SearchInfo
from swast.config import TrainConfig
from swast.data import ArrayData

if TYPE_CHECKING:
    from collections.abc import Callable


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
        config = info.study.configure(values)
        if config.prune.distribution == "global":
            config = config.with_values({"prune.distribution": "erk"})
        return price(config) / unit

    return Prices(relative, limits.trial / unit)
