"""The objectives of a search: a score and a cost, with name, unit, direction and axis.

Records, front, hypervolume, knee, halving, samplers, MLflow, plots, tables, exports and reports
ask these objects. To add a cost axis, `register` a `Cost` here; a study chooses it by
``[objectives] cost = "NAME"``. NumPy is imported where values are computed: reading a study
does not load it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from swast.errors import ConfigError, nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from swast.forecast import Forecast, Mark
    from swast.result import EpochRecord, TrainResult

    Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One axis of the front.

    Attributes:
        name: in sentences and narrow tables, as ``accuracy``.
        label: title of an axis, as ``Validation accuracy``.
        unit: unit of the values that `text` prints.
        key: name of the value in summaries.
        metric: name of the value in MLflow, in front.csv and in exported files.
        maximise: whether more is better.
        log: whether the axis is logarithmic.
        factor: printed value over stored value, as 100 for per cent.
        digits: decimals of a printed value.
        reference: the value that is worth nothing; one end of the axis.
        best: the other end of the axis.
    """

    name: str
    label: str
    unit: str
    key: str
    metric: str
    maximise: bool
    log: bool
    factor: float = 1.0
    digits: int = 2
    reference: float
    best: float

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """The direction in Optuna's words."""
        return "maximize" if self.maximise else "minimize"

    @property
    def known(self) -> bool:
        """Return whether the value follows from the configuration before training."""
        return False

    @property
    def title(self) -> str:
        """Title of an axis, with the unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def rising(self, values: ArrayLike) -> Array:
        """Return values turned so that more is better."""
        import numpy as np

        found = np.asarray(values, dtype=float)
        return found if self.maximise else -found

    def worth(self, values: ArrayLike) -> Array:
        """Return where values are between the reference (0) and the best value (1), clipped.

        Args:
            values: n numbers; above 0 on a logarithmic axis.
        """
        import numpy as np

        found = np.asarray(values, dtype=float)
        if self.log:
            share = np.log10(found / self.reference) / np.log10(self.best / self.reference)
        else:
            share = (found - self.reference) / (self.best - self.reference)
        return np.asarray(np.clip(share, 0, 1))

    def place(self, value: float | None) -> float:
        """Return the coordinate of a value in a plot; NaN where it has none."""
        if value is None or not math.isfinite(value):
            return math.nan
        if self.log:
            return math.log10(self.factor * value) if value > 0 else math.nan
        return self.factor * value

    def text(self, value: float, space: str = "") -> str:
        """Return a value as people read it, as ``95.14%``.

        Args:
            value: of the objective.
            space: put between number and unit.
        """
        return f"{self.factor * value:.{self.digits}f}{space if self.unit else ''}{self.unit}"

    def with_error(self, mean: float, error: float | None) -> str:
        """Return a mean and its standard error as people read them, as ``95.14 ± 0.31%``."""
        if error is None:
            return self.text(mean)
        return f"{self.factor * mean:.{self.digits}f} ± {self.text(error)}"


@dataclass(frozen=True, kw_only=True)
class Score(Objective):
    """The objective that training improves.

    Attributes:
        measure: the value after an epoch, or of a finished training, on the validation set.
        test: the value of a finished training on the test set; None if that was not read.
    """

    measure: Callable[[EpochRecord | TrainResult], float]
    test: Callable[[TrainResult], float | None]


@dataclass(frozen=True, kw_only=True)
class Cost(Objective):
    """The objective that a training pays with.

    Values on the axis are relative: the cost over that of dense training on all data of the
    study's ``[fixed]`` configuration. So all trials of a study share one unit, and a trial may
    cost more than 1. A cost that is only measured has no such unit and stays as it is.

    Attributes:
        choice: name by which a study chooses it.
        noun: the absolute cost in sentences and titles, as ``training FLOPs``.
        absolute_unit: unit of the absolute cost, as ``FLOPs``.
        absolute_key: name of the absolute cost in summaries, MLflow and exported files.
        measure: the absolute cost of a finished training.
        price: the absolute cost of a forecast, whole or up to the end of an epoch; None where only
            training can tell.
    """

    choice: str
    noun: str
    absolute_unit: str
    absolute_key: str
    measure: Callable[[TrainResult], float]
    price: Callable[[Forecast | Mark], float] | None = None

    @property
    def known(self) -> bool:
        """Return whether the cost follows from the configuration before training."""
        return self.price is not None

    @property
    def log_metric(self) -> str:
        """The metric of the absolute cost's log10: MLflow's charts have no logarithmic axis."""
        return f"log10_{self.absolute_key}"

    def absolute_text(self, cost: float) -> str:
        """Return an absolute cost as people read it, as ``1.2e+09 FLOPs``."""
        return f"{cost:.3g} {self.absolute_unit}"


@dataclass(frozen=True, kw_only=True)
class Objectives:
    """The score and the cost of a study.

    Attributes:
        score: drawn upwards.
        cost: drawn to the right.
    """

    score: Score
    cost: Cost

    @property
    def reference_point(self) -> dict[str, float]:
        """The worst corner of the hypervolume, by the objectives' keys."""
        return {each.key: each.reference for each in (self.score, self.cost)}


ACCURACY = Score(
    name="accuracy",
    label="Validation accuracy",
    unit="%",
    key="accuracy",
    metric="val_accuracy",
    maximise=True,
    log=False,
    factor=100.0,
    reference=0.0,
    best=1.0,
    measure=lambda result: result.val_accuracy,
    test=lambda result: result.test_accuracy,
)
TRAIN_FLOPS = Cost(
    name="FLOPs",
    label="Training FLOPs relative to dense training",
    unit="",
    key="relative_flops",
    metric="relative_flops",
    maximise=False,
    log=True,
    digits=4,
    reference=1.0,
    best=1e-4,
    choice="train-flops",
    noun="training FLOPs",
    absolute_unit="FLOPs",
    absolute_key="train_flops",
    measure=lambda result: result.train_flops,
    price=lambda forecast: forecast.ledger.total,
)
STANDARD = Objectives(score=ACCURACY, cost=TRAIN_FLOPS)
"""The objectives of a study that names none."""
UNIT = "dense training of [fixed] on all data"
"""The training whose cost counts as 1, in words."""
COSTS: dict[str, Cost] = {TRAIN_FLOPS.choice: TRAIN_FLOPS}
"""Costs by the name that a study chooses."""


def register(cost: Cost) -> None:
    """Add a cost that studies can choose.

    Raises:
        ValueError: the name is taken.
    """
    if cost.choice in COSTS:
        raise ValueError(f"a cost named {cost.choice!r} is registered already")
    COSTS[cost.choice] = cost


def choose(cost: str, worst_score: float = 0.0, least_cost: float = 1e-4) -> Objectives:
    """Return the objectives with the ends of their axes.

    Args:
        cost: name of a registered cost.
        worst_score: the score that is worth nothing.
        least_cost: the relative cost that is as good as none.

    Raises:
        ConfigError: no cost of that name is registered.
    """
    if cost not in COSTS:
        raise ConfigError(
            [
                f"objectives.cost must be one of {', '.join(COSTS)}, got {cost!r}"
                f"{nearest(cost, COSTS)}"
            ]
        )
    return Objectives(
        score=replace(ACCURACY, reference=worst_score),
        cost=replace(COSTS[cost], best=least_cost),
    )
