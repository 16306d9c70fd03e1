"""Configuration tables for data: label noise, diagnosis, augmentation and loading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from swast.settings import Table, setting

DATA_NAMES = ("digits", "fashion-mnist", "cifar10", "cifar100", "tiny-imagenet", "imagenet")
DATA_FORMS = {"folder:PATH": r"folder:.+", "npz:PATH": r"npz:.+"}


@dataclass(frozen=True, kw_only=True)
class NoiseConfig(Table):
    """Label noise, added once to the training labels, by seed."""

    table: ClassVar[str] = "noise"
    kind: Literal["symmetric", "pair-flip"] = setting(
        "symmetric", "symmetric: any other class, evenly; pair-flip: the next class"
    )
    rate: float = setting(0.0, "share of the training labels replaced", low=0, high=1)


@dataclass(frozen=True, kw_only=True)
class DiagnoseConfig(Table):
    """Diagnosis at the end of each round; its cost is not part of the training FLOPs."""

    table: ClassVar[str] = "diagnose"
    passes: bool = setting(
        False, "losses on noisy and clean samples, KL drift; costs passes over the training data"
    )
    test: bool = setting(False, "test minus validation loss; reads the test set every round")
    drop: float = setting(
        0.05, "lasting drop of validation accuracy that counts as a double loss", above=0, high=1
    )


@dataclass(frozen=True, kw_only=True)
class AugmentConfig(Table):
    """Random augmentation of the images in training steps, and nowhere else."""

    table: ClassVar[str] = "augment"
    crop: int = setting(0, "padding for random crops, in pixels; 0 for no crops", low=0, high=256)
    flip: bool = setting(False, "mirror images left to right, each with probability 1/2")
    cutout: int = setting(0, "side of a square set to 0, in pixels; 0 for none", low=0, high=4096)


@dataclass(frozen=True, kw_only=True)
class LoadingConfig(Table):
    """Settings for reading data."""

    table: ClassVar[str] = "loading"
    val_fraction: float = setting(
        0.1,
        "share of the training images used for validation if none is published; not for digits",
        above=0,
        below=1,
    )
    image_size: int = setting(
        0,
        "side to which image files are scaled and cropped; 0: 224 for imagenet, else unchanged",
        low=0,
        high=4096,
    )
    memory_share: float = setting(
        0.25,
        "images that need more than this share of the memory are streamed",
        low=0,
        high=1,
    )
    workers: int = setting(4, "threads that read streamed images", low=1, high=256)
