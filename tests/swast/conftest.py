"""Property tests repeat themselves and are not timed: other work may share the machine."""

from __future__ import annotations

import pytest
import torch

torch.set_num_threads(1)  # the tensors are small; more threads only wait for each other


@pytest.fixture
def short_synflow(monkeypatch):
    """synflow comes to its density in ten steps instead of a hundred, where both say the same."""
    monkeypatch.setattr("swast.pruning.synflow.STEPS", 10)
