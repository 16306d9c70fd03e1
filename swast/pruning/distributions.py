"""Layer-wise distributions: the number of weights that each layer keeps at a given sparsity.

Shares are rounded by largest remainder, so that the counts sum exactly to the total.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Shape = Sequence[int]


def num_survivors(num_weights: int, sparsity: float) -> int:
    """Return the number of weights kept at a sparsity: n − round(p·n), half up, at least 1."""
    return max(1, num_weights - int(sparsity * num_weights + 0.5))


def uniform_densities(shapes: Mapping[str, Shape], density: float) -> dict[str, float]:
    """Return the same density for every layer, including the first."""
    return dict.fromkeys(shapes, density)


def erk_densities(shapes: Mapping[str, Shape], density: float) -> dict[str, float]:
    """Return Erdős–Rényi-kernel densities: ∝ Σ dims / Π dims of the kernel, capped at 1.

    A layer that would exceed 1 stays dense; the other layers share the rest, so that the overall
    density is exact. Source: Evci et al., "Rigging the Lottery", ICML 2020.
    """
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    raw = {name: sum(shape) / math.prod(shape) for name, shape in shapes.items()}
    dense: set[str] = set()
    while len(dense) < len(shapes):
        left = density * sum(sizes.values()) - sum(sizes[name] for name in dense)
        scale = left / sum(raw[name] * sizes[name] for name in raw if name not in dense)
        over = {name for name in raw if name not in dense and scale * raw[name] > 1}
        if not over:
            break
        dense.add(max(over, key=lambda name: raw[name]))
    return {name: 1.0 if name in dense else scale * raw[name] for name in raw}


def layer_survivors(
    shapes: Mapping[str, Shape], sparsity: float, distribution: str
) -> dict[str, int]:
    """Return the number of weights that each layer keeps, under uniform or ERK distribution.

    Args:
        shapes: shape of each prunable weight tensor, by layer name.
        sparsity: share of all their weights to remove, in [0, 1).
        distribution: ``uniform`` or ``erk``.

    Returns:
        Counts by layer, each between 0 and the layer's size, summing to `num_survivors`.
    """
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    target = num_survivors(sum(sizes.values()), sparsity)
    densities = uniform_densities if distribution == "uniform" else erk_densities
    exact = {
        name: density * sizes[name]
        for name, density in densities(shapes, target / sum(sizes.values())).items()
    }
    counts = {name: min(sizes[name], math.floor(share)) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
    while missing := target - sum(counts.values()):
        room = [name for name in by_remainder if counts[name] < sizes[name]]
        for name in room[:missing]:
            counts[name] += 1
    return counts
