"""Networks that fail during training, for `model = "tests.search.faulty:NAME"`."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import torch
from torch import nn

GONE = "SWAST_TEST_GONE"
"""Environment variable with the path of a file; if the file exists, `dying` has died before."""


class Faulty(nn.Module):
    """Small network that calls a function before each training step, with its number."""

    def __init__(self, input_shape, num_classes, fault):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.LazyLinear(16), nn.ReLU())
        self.body(torch.zeros(2, *input_shape))
        self.head = nn.Linear(16, num_classes)
        self.steps, self.fault = 0, fault

    def forward(self, images):
        if self.training and images.device.type != "meta":
            self.steps += 1
            self.fault(self.steps)
        return self.head(self.body(images))


def sound(input_shape, num_classes):
    """Return a network without a fault."""
    return Faulty(input_shape, num_classes, lambda steps: None)


def raising(input_shape, num_classes):
    """Return a network that raises after the passes that are tried before a search."""

    def fault(steps):
        if steps == 20:
            raise ZeroDivisionError("the network divides by zero")

    return Faulty(input_shape, num_classes, fault)


def eating(input_shape, num_classes):
    """Return a network that allocates a gibibyte in each step."""
    held = []

    def fault(steps):
        held.append(torch.ones(2**28))

    return Faulty(input_shape, num_classes, fault)


def slow(input_shape, num_classes):
    """Return a network whose steps take half a second."""
    return Faulty(input_shape, num_classes, lambda steps: time.sleep(0.5))


def dying(input_shape, num_classes):
    """Return a network that kills its process in the 38th step, once only."""

    def fault(steps):
        gone = Path(os.environ[GONE])
        if steps == 38 and not gone.exists():
            gone.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    return Faulty(input_shape, num_classes, fault)
