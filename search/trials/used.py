"""Settings that decide a trial's training: those of a part that is switched off do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search.trials.trial_record import TrialRecord

OFF: Mapping[str, object] = {"coreset.fraction": 1, "prune.method": "none", "preserve.weight": 0}
"""Values that switch off all other fields of their table."""


def used_params(trial: TrialRecord) -> dict[str, Any]:
    """Return the searched settings that a trial uses, by dotted path."""
    if trial.config is None:
        return dict(trial.params)
    off = {path for path, value in OFF.items() if trial.config.value(path) == value}
    tables = {path.partition(".")[0] for path in off}
    return {
        path: value
        for path, value in trial.params.items()
        if path in off or path.partition(".")[0] not in tables
    }
