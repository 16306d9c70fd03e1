"""Shared by the tests of samplers: studies, and the search in Optuna's eyes."""

from __future__ import annotations

import optuna
import pytest

from search.samplers.registry import SAMPLERS
from tests.search.support import database

EVERY_WAY = """
[space]
interval = { low = 1, high = 9, step = 2 }
warmup_epochs = [1, 3]
[space.coreset]
scorer = ["random", "el2n", "moderate"]
balanced = [true, false]
fraction = { low = 0.02, high = 0.5, log = true }
[space.prune]
sparsity = { low = 0.1, high = 0.9, step = 0.1 }
update_interval = { low = 10, high = 1000, log = true, also = [0] }
[space.preserve]
weight = { low = 0.01, high = 3.0, log = true, also = [0.0, 10.0] }
"""

ONE_FIELD = "[space]\ninterval = { low = 1, high = 1000 }"

every_sampler = pytest.mark.parametrize("sampler", sorted(SAMPLERS))


def optuna_study(folder, name="trip"):
    """Return the search as Optuna has it."""
    return optuna.load_study(study_name=name, storage=database(folder))
