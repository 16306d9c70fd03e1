"""Shared set-up: deterministic property tests without deadlines, and one CPU thread."""

from __future__ import annotations

import pytest
import torch

torch.set_num_threads(1)  # the tensors are small; more threads only wait for each other


@pytest.fixture
def short_synflow(monkeypatch):
    """Run synflow with 10 steps instead of 100, for tests in which the number does not matter."""
    monkeypatch.setattr("swast.pruning.synflow.STEPS", 10)
