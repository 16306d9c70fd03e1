"""Choice of learning rate and λ for each severity, on seeds that no claim uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from studies.outcomes import Run
from studies.paper.figure_3.arms import (
    WEIGHTS,
    Chosen,
    Severity,
    rates,
    severities,
    trials,
    tuning,
)
from studies.paper.study import Setting


def tune(setting: Setting, run: Run) -> dict[Severity, Chosen]:
    """Choose the rate without preservation, so that its baseline is tuned; then choose λ."""
    first = best(setting, {each: rates() for each in severities(setting)}, run)
    weighed = {
        severity: [Chosen(picked.rate, weight) for weight in WEIGHTS]
        for severity, picked in first.items()
    }
    return best(setting, weighed, run)


def best(
    setting: Setting, candidates: Mapping[Severity, Sequence[Chosen]], run: Run
) -> dict[Severity, Chosen]:
    """Return each severity's candidate of best mean validation accuracy; ties go to the first."""
    outcomes = run(tuning(setting, candidates))

    def accuracy(severity: Severity, candidate: Chosen) -> float:
        cells = trials(setting, severity, candidate)
        return round(float(np.mean([outcomes[each].val_accuracy for each in cells])), 9)

    return {
        severity: several[int(np.argmax([accuracy(severity, each) for each in several]))]
        for severity, several in candidates.items()
    }
