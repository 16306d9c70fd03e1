"""What the tests of the studies share."""

from __future__ import annotations

from swast.config import TrainConfig

QUICK = {
    "device": "cpu",
    "model": "mlp-small",
    "epochs": 2,
    "warmup_epochs": 1,
    "interval": 1,
    "coreset.scorer": "random",
}


def quick(**more: object) -> TrainConfig:
    """A configuration that trains in a moment."""
    return TrainConfig().with_values({**QUICK, **more})
