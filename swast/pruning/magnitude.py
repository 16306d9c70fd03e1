"""magnitude: at every round, keep the largest of the unmasked weights.

With a growing schedule this is gradual magnitude pruning. Pruned weights stay pruned, with one
exception: if the sparsity grows by less than a thousandth, rounding may give a layer one weight
back, at 0.

Cost: nothing beyond training. Needs: weights.
Source: Zhu & Gupta, "To prune, or not to prune", 2017.
"""

from __future__ import annotations

from swast.pruning.base import Moment, Pruner, keep_salient


def prune(moment: Moment) -> None:
    """Remove the smallest weights."""
    weights = moment.masks.weights
    keep_salient(moment, {name: weight.detach().abs() for name, weight in weights.items()})


MAGNITUDE = Pruner(prune)
