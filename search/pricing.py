"""What a search will cost, before it starts."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from search.sampler import sample
from search.study import Study
from swast.data import ArrayData
from swast.forecast import dense_flops
from swast.training import price

SAMPLES = 200


@dataclass(frozen=True)
class Price:
    """FLOPs of a search of some trials.

    Attributes:
        references: of each reference, by name.
        least: of the cheapest configuration among those drawn.
        median: of the middle one.
        most: of the dearest one.
        expected: of the whole search: its references, and the mean for every other trial.
        dense: of dense training on all data, for comparison.
    """

    references: dict[str, int]
    least: int
    median: float
    most: int
    expected: float
    dense: int


def price_search(study: Study, data: ArrayData, budget: int, seed: int) -> Price:
    """Price a search from its references and 200 configurations drawn evenly from its space."""
    references = {name: price(each, data).total for name, each in study.references.items()}
    drawn = [price(config, data).total for config in sample(study, SAMPLES, seed)]
    first = list(references.values())[:budget]
    return Price(
        references=references,
        least=min(drawn),
        median=statistics.median(drawn),
        most=max(drawn),
        expected=sum(first) + statistics.mean(drawn) * (budget - len(first)),
        dense=dense_flops(study.fixed, data),
    )
