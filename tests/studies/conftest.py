"""Hypothesis settings: repeatable examples, and no deadline on a shared machine."""

from __future__ import annotations

import torch
from hypothesis import settings

settings.register_profile("swast", max_examples=30, deadline=None, derandomize=True)
settings.load_profile("swast")

torch.set_num_threads(1)  # the tensors are small; more threads only wait for each other
