"""Default trainings of the studies at either scale.

Small: digits, cnn-small, the trainer's defaults (T = 30, K = 3, R = 5, RigL to 90 % by a cubic
schedule, ERK, GradMatch, λ = 0.1 of a batch mean). Fashion-MNIST provides harder pictures: a
stratified part of it with 5,000 training samples, lenet-5.

Paper: the settings that Wan et al. state (network, scorer by data set, λ, RigL). Where they state
none, those that each part was published with: GradMatch's 300 epochs, batch, rate and interval on
CIFAR; Moderate's 90 epochs on Tiny ImageNet; the usual 90 epochs of ImageNet.
"""

from __future__ import annotations

from collections.abc import Mapping

from studies.outcomes import Cell
from studies.paper.study import Setting
from studies.subsets import WHOLE, Subset
from swast.config import TrainConfig

Values = Mapping[str, object]

SCOPES = {"trim": "fc", "cut": "all"}
DENSE: Values = {"prune.method": "none", "prune.sparsity": 0.0, "prune.schedule": "one-shot"}
"""No pruning."""
PLAIN: Values = {"preserve.weight": 0.0}
"""No preservation."""
WHOLE_DATA: Values = {"coreset.fraction": 1.0, **PLAIN}
"""No coreset, and so nothing to preserve."""
FASHION = Subset(train=5000, val=1000, test=5000)

GPU: Values = {"compute.precision": "bf16", "compute.channels_last": True}
PICTURES: Values = {"augment.crop": 4, "augment.flip": True}
CIFAR: Values = {
    "model": "resnet18",
    "epochs": 300,
    "warmup_epochs": 15,
    "interval": 20,
    "optim.batch_size": 128,
    "coreset.scorer": "gradmatch",
    **PICTURES,
}
BASES: Mapping[str, Values] = {
    "digits": {"model": "cnn-small", "coreset.fraction": 0.1},
    "fashion-mnist": {
        "model": "lenet-5",
        "epochs": 20,
        "warmup_epochs": 2,
        "interval": 4,
        "coreset.fraction": 0.05,
        "optim.batch_size": 64,
    },
    "cifar10": CIFAR,
    "cifar100": CIFAR,
    "tiny-imagenet": {
        "model": "resnet18",
        "epochs": 90,
        "warmup_epochs": 6,
        "interval": 10,
        "optim.lr": 0.1,
        "optim.batch_size": 256,
        "coreset.scorer": "moderate",
        "augment.crop": 8,
        "augment.flip": True,
    },
    "imagenet": {
        "model": "resnet50",
        "epochs": 90,
        "warmup_epochs": 5,
        "interval": 10,
        "optim.lr": 0.1,
        "optim.batch_size": 256,
        "optim.weight_decay": 1e-4,
        "optim.ramp_epochs": 2,
        "coreset.scorer": "el2n",
        "augment.crop": 16,
        "augment.flip": True,
    },
}
"""Training values for each data set."""
SUBSETS = {"fashion-mnist": FASHION}


def base(setting: Setting, data: str | None = None, values: Values | None = None) -> Cell:
    """Return a training of SWaST-cut with the setting's first seed.

    Args:
        setting: of the study.
        data: the data set; by default digits, or CIFAR-10 at the paper's scale.
        values: changes, by the configuration's paths.
    """
    data = data or ("digits" if setting.scale == "small" else "cifar10")
    config = TrainConfig().with_values(
        {
            "data": data,
            "device": setting.device,
            "seed": setting.seeds[0],
            **BASES[data],
            **(GPU if setting.device == "cuda" else {}),
            **(values or {}),
        }
    )
    return Cell(config, SUBSETS.get(data, WHOLE))


def told(cell: Cell) -> dict[str, str]:
    """Describe a training's settings to a reader, by name."""
    config, subset = cell.config, cell.subset
    part = f", {subset.train} training samples of it" if subset.train else ""
    return {
        "data": config.data + part,
        "network": config.model,
        "epochs": f"T = {config.epochs}, K = {config.warmup_epochs}, R = {config.interval}",
        "coreset": f"{config.coreset.scorer}, s = {config.coreset.fraction:g}",
        "pruning": f"{config.prune.method}, p = {config.prune.sparsity:g}, "
        f"{config.prune.schedule}, {config.prune.distribution}, {config.prune.scope}",
        "preservation": f"λ = {config.preserve.weight:g}, {config.preserve.reduction}",
        "steps": f"{config.optim.name}, learning rate {config.optim.lr:g}, "
        f"batches of {config.optim.batch_size}",
    }
