"""Names of the pruning methods, and their traits.

Traits are facts that other code needs about a method: the validation of a configuration, the
trainer, a search. They are declared here, without PyTorch, so that reading a configuration stays
light. The methods themselves are in `swast.pruning`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PrunerName = Literal[
    "none", "magnitude", "rigl", "set", "granet", "snip", "synflow", "random", "n:m", "channel"
]

Requirement = tuple[tuple[object, ...], str]
"""Allowed values of a setting, and the reason."""


@dataclass(frozen=True, kw_only=True)
class PrunerTraits:
    """Traits of a pruning method.

    Attributes:
        prunes: whether it removes anything at all; only ``none`` does not.
        changes_shapes: whether it removes whole channels, so that tensors get smaller. Other
            methods mask single weights and leave every shape as it is.
        fixed_ratio: whether every layer keeps the same ratio of its weights, n of every m, so
            that the count of each layer follows from its shape alone.
        updates_masks: whether masks also change between prune steps (drop and grow), and
            ``prune.update_interval`` and ``prune.update_fraction`` have an effect.
        requires: settings of ``[prune]`` that it restricts, by field name.
    """

    prunes: bool = True
    changes_shapes: bool = False
    fixed_ratio: bool = False
    updates_masks: bool = False
    requires: Mapping[str, Requirement] = field(default_factory=dict)


PRUNER_TRAITS: dict[PrunerName, PrunerTraits] = {
    "none": PrunerTraits(prunes=False),
    "magnitude": PrunerTraits(),
    "rigl": PrunerTraits(updates_masks=True),
    "set": PrunerTraits(updates_masks=True),
    "granet": PrunerTraits(
        updates_masks=True,
        requires={
            "schedule": (
                ("linear", "cubic", "cosine", "exponential"),
                "which prunes gradually",
            )
        },
    ),
    "snip": PrunerTraits(),
    "synflow": PrunerTraits(),
    "random": PrunerTraits(),
    "n:m": PrunerTraits(
        fixed_ratio=True,
        requires={
            "sparsity": ((0.25, 0.5, 0.75), "which removes 1, 2 or 3 of every 4 weights"),
            "schedule": (("one-shot",), "which chooses its masks once"),
            "distribution": (("uniform",), "which has the same pattern in every layer"),
        },
    ),
    "channel": PrunerTraits(
        changes_shapes=True,
        requires={
            "distribution": (
                ("uniform",),
                "which removes the same share of channels from every layer",
            )
        },
    ),
}
"""Traits of every pruning method."""
