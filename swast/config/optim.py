"""Configuration tables for the optimiser and for computation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from swast.settings import Table, setting

LrScheduleName = Literal["cosine", "constant", "one-cycle", "step"]
MOST_EPOCHS = 100_000


@dataclass(frozen=True, kw_only=True)
class OptimConfig(Table):
    """Settings of the optimiser."""

    table: ClassVar[str] = "optim"
    name: Literal["sgd", "adamw"] = setting("sgd", "optimiser")
    lr: float = setting(
        0.05, "learning rate at the start; one-cycle: at the peak", above=0, high=1e6
    )
    schedule: LrScheduleName = setting(
        "cosine", "schedule of the learning rate; cosine and one-cycle end at 0"
    )
    ramp_epochs: int = setting(
        0, "epochs of linear ramp-up to the schedule's rate", low=0, high=MOST_EPOCHS
    )
    peak: float = setting(0.3, "one-cycle: share of T at which the rate peaks", above=0, below=1)
    drop_every: float = setting(
        0.3, "step: share of T from one drop of the rate to the next", above=0, high=1
    )
    drop_factor: float = setting(0.1, "step: factor of each drop", above=0, high=1)
    momentum: float = setting(0.9, "momentum, AdamW's β₁; 0 for none", low=0, below=1)
    nesterov: bool = setting(True, "SGD: use Nesterov momentum if momentum is above 0")
    beta2: float = setting(0.999, "AdamW: β₂, for squared gradients", low=0, below=1)
    batch_size: int = setting(32, "samples per step", low=1, high=10**6)
    weight_decay: float = setting(
        5e-4, "decay of weights, not of biases: L2 for SGD, decoupled for AdamW", low=0, high=100
    )
    label_smoothing: float = setting(
        0.0, "share of each training target spread over all classes", low=0, below=1
    )
    clip_norm: float = setting(
        0.0, "largest global gradient norm; 0 for no clipping", low=0, high=1e6
    )


@dataclass(frozen=True, kw_only=True)
class ComputeConfig(Table):
    """Precision and layout of the computation; they change results by rounding only."""

    table: ClassVar[str] = "compute"
    precision: Literal["fp32", "bf16"] = setting(
        "fp32", "bf16: run layers under autocast; weights, loss and features stay fp32"
    )
    channels_last: bool = setting(False, "store images and kernels with channels innermost")
    compile: bool = setting(False, "use torch.compile for the passes of training steps")
