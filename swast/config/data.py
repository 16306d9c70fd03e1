"""The tables of a training configuration that say what is trained on, and what is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from swast.settings import Table, setting

DATA_NAMES = ("digits", "fashion-mnist", "cifar10", "cifar100", "tiny-imagenet", "imagenet")
DATA_FORMS = {"folder:PATH": r"folder:.+", "npz:PATH": r"npz:.+"}


@dataclass(frozen=True, kw_only=True)
class NoiseConfig(Table):
    """Label noise put into the training labels, once, by seed."""

    table: ClassVar[str] = "noise"
    kind: Literal["symmetric", "pair-flip"] = setting(
        "symmetric", "symmetric: any other class, evenly; pair-flip: the next class"
    )
    rate: float = setting(0.0, "share of the training labels replaced", low=0, high=1)


@dataclass(frozen=True, kw_only=True)
class DiagnoseConfig(Table):
    """What is looked at beside training, at the end of each round; never in the bill."""

    table: ClassVar[str] = "diagnose"
    passes: bool = setting(
        False, "losses on noisy and clean samples, KL drift: passes over the training data"
    )
    test: bool = setting(False, "test minus validation loss: reads the test set every round")
    drop: float = setting(
        0.05, "validation accuracy lost for good that counts as a double loss", above=0, high=1
    )


@dataclass(frozen=True, kw_only=True)
class AugmentConfig(Table):
    """Changes made at random to the images of training steps, and of nothing else."""

    table: ClassVar[str] = "augment"
    crop: int = setting(
        0, "pixels of padding that crops are shifted over; 0 for none", low=0, high=256
    )
    flip: bool = setting(False, "mirror every other image left to right")
    cutout: int = setting(0, "side of a square cut out, in pixels; 0 for none", low=0, high=4096)


@dataclass(frozen=True, kw_only=True)
class LoadingConfig(Table):
    """How data are read."""

    table: ClassVar[str] = "loading"
    val_fraction: float = setting(
        0.1,
        "share of the training images to validate on, where none are published; not of digits",
        above=0,
        below=1,
    )
    image_size: int = setting(
        0,
        "side that image files are scaled and cut to; 0: 224 for imagenet, else as they are",
        low=0,
        high=4096,
    )
    memory_share: float = setting(
        0.25,
        "images that would take more than this share of the memory stream instead",
        low=0,
        high=1,
    )
    workers: int = setting(4, "threads that read images which stream", low=1, high=256)
