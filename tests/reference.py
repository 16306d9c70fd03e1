"""Slow, plain twins of the fast routines.

Float64 NumPy and explicit loops, written from the papers' formulas and sharing no code with the
packages they check.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Row by row, n × C."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def error_vectors(logits: np.ndarray, labels: Sequence[int]) -> np.ndarray:
    """e_i = softmax(z_i) − onehot(y_i), n × C."""
    return softmax(logits) - np.eye(logits.shape[1])[list(labels)]


def last_layer_gradients(hidden: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """g_i = e_i ⊗ [h_i, 1], built in full, n × C(E + 1)."""
    extended = np.hstack([hidden, np.ones((len(hidden), 1))])
    return np.stack([np.outer(e, h).ravel() for e, h in zip(errors, extended, strict=True)])


@dataclass
class Pursued:
    """What a matching pursuit ends with: atoms kept in order of picking, and those taken out.

    ``at_once`` is the largest number that one pick has thrown out.
    """

    kept: list[int]
    weights: np.ndarray
    taken_out: list[int]
    residual: float
    at_once: int


def matching_pursuit(gradients: np.ndarray, quota: int, ridge: float) -> Pursued:
    """Orthogonal matching pursuit of Σ g_j with weights ≥ 0, a dense ridge solve each step."""
    target = gradients.sum(axis=0)
    kept: list[int] = []
    taken_out: list[int] = []
    weights, at_once = np.zeros(0), 0
    for _ in range(quota):
        gains = gradients @ (target - weights @ gradients[kept])
        gains[kept + taken_out] = -np.inf
        best = int(gains.argmax())
        if gains[best] <= 0:
            break
        kept.append(best)
        before = len(taken_out)
        weights = ridge_weights(gradients[kept], target, ridge)
        while (weights < 0).any():
            taken_out.append(kept.pop(int(weights.argmin())))
            weights = ridge_weights(gradients[kept], target, ridge)
        at_once = max(at_once, len(taken_out) - before)
    left = np.linalg.norm(target - weights @ gradients[kept])
    return Pursued(kept, weights, taken_out, float(left / np.linalg.norm(target)), at_once)


def ridge_weights(atoms: np.ndarray, target: np.ndarray, ridge: float) -> np.ndarray:
    """argmin_w ‖Σ w_i a_i − target‖² + ridge·‖w‖²."""
    return np.linalg.solve(atoms @ atoms.T + ridge * np.eye(len(atoms)), atoms @ target)


def class_quotas(counts: Sequence[int], size: int) -> list[int]:
    """``size`` places shared by largest remainder, in exact fractions; ties to the lower label."""
    shares = [Fraction(size * count, sum(counts)) for count in counts]
    quotas = [math.floor(share) for share in shares]
    by_remainder = sorted(
        range(len(counts)), key=lambda label: shares[label] - quotas[label], reverse=True
    )
    for label in by_remainder[: size - sum(quotas)]:
        quotas[label] += 1
    return quotas


def nearest_median(
    hidden: np.ndarray, labels: Sequence[int], groups: Sequence[tuple[Sequence[int], int]]
) -> list[int]:
    """Moderate: in each group the quota of samples nearest its median distance to the centre."""
    away = []
    for row, label in zip(hidden, labels, strict=True):
        members = [other for other, given in zip(hidden, labels, strict=True) if given == label]
        away.append(float(np.linalg.norm(row - np.mean(members, axis=0))))
    chosen: list[int] = []
    for members, quota in groups:
        if members:
            middle = float(np.median([away[i] for i in members]))
            chosen += sorted(members, key=lambda i: abs(away[i] - middle))[:quota]
    return sorted(chosen)


def erk_densities(shapes: Mapping[str, Sequence[int]], density: float) -> dict[str, float]:
    """min(1, ε · Σ dims / Π dims) of each layer, ε by bisection to the total density."""
    raw = {name: sum(shape) / math.prod(shape) for name, shape in shapes.items()}
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    low, high = 0.0, max(1 / value for value in raw.values())
    for _ in range(200):
        scale = (low + high) / 2
        held = sum(min(1.0, scale * raw[name]) * sizes[name] for name in shapes)
        low, high = (scale, high) if held < density * sum(sizes.values()) else (low, scale)
    return {name: min(1.0, high * raw[name]) for name in shapes}


def drop_and_grow(
    weight: Sequence[float], gradient: Sequence[float], alive: Sequence[bool], fraction: float
) -> list[bool]:
    """One RigL update of a flat layer: drop the smallest living, grow the largest gradients."""
    living = [i for i, lives in enumerate(alive) if lives]
    replaced = math.floor(fraction * len(living))
    by_weight = sorted(living, key=lambda i: -abs(weight[i]))
    kept = set(by_weight[: len(living) - replaced])
    by_gradient = sorted(
        (i for i in range(len(alive)) if i not in kept), key=lambda i: -abs(gradient[i])
    )
    grown = kept | set(by_gradient[:replaced])
    return [i in grown for i in range(len(alive))]
