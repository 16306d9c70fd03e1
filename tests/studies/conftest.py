"""Property tests repeat themselves and are not timed: other work may share the machine."""

from __future__ import annotations

import torch

torch.set_num_threads(1)  # the tensors are small; more threads only wait for each other
