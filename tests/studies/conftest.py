"""Hypothesis settings: repeatable examples, and no deadline on a shared machine."""

from __future__ import annotations

import torch

torch.set_num_threads(1)  # the tensors are small; more threads only wait for each other
