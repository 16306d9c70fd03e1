"""Pruning methods, one file each, and the masks that they change."""

from __future__ import annotations

from swast.config import PrunerName
from swast.pruning import channel
from swast.pruning.base import Growth, Moment, Pruner
from swast.pruning.granet import GRANET
from swast.pruning.magnitude import MAGNITUDE
from swast.pruning.masks import Masks
from swast.pruning.n_m import N_M
from swast.pruning.prunable import check_prunable, prunable_weights
from swast.pruning.random import RANDOM
from swast.pruning.rigl import RIGL
from swast.pruning.set import SET
from swast.pruning.snip import SNIP
from swast.pruning.synflow import SYNFLOW

__all__ = ["PRUNERS", "Growth", "Masks", "Moment", "Pruner", "check_prunable", "prunable_weights"]

PRUNERS: dict[PrunerName, Pruner] = {
    "magnitude": MAGNITUDE,
    "rigl": RIGL,
    "set": SET,
    "granet": GRANET,
    "snip": SNIP,
    "synflow": SYNFLOW,
    "random": RANDOM,
    "n:m": N_M,
    "channel": channel.CHANNEL,
}
