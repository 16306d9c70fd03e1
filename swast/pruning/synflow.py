"""synflow: keep the weights that carry most synaptic flow through the network; needs no data.

The pruner works on a copy in double precision and eval mode, with every weight and buffer replaced
by its absolute value and an input of ones. R is the sum of the outputs, and |w · dR/dw| is the
saliency of a weight. Pruning takes 100 steps with densities d₀·(d/d₀)^(i/100), from d₀ to d, so
that no layer is emptied in a single step.

Batch norm in eval mode uses its running means. Their absolute values add to the flow unless they
are 0, as at initialisation.

Cost: forward and backward pass of 100 single samples at every prune step. Needs: weights.
Source: Tanaka et al., "Pruning neural networks without any data by iteratively conserving
synaptic flow", NeurIPS 2020.
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from swast.pruning.base import Moment, Pruner, most_salient

STEPS = 100


def positive(model: nn.Module) -> nn.Module:
    """Return a copy in double precision and eval mode, with all tensors made positive."""
    flow = copy.deepcopy(model).double().eval()
    with torch.no_grad():
        for tensor in [*flow.parameters(), *flow.buffers()]:
            tensor.abs_()
    return flow


def weight_of(model: nn.Module, name: str) -> torch.Tensor:
    """Return the weight of a layer by name."""
    return model.get_parameter(f"{name}.weight" if name else "weight")


def saliency(
    flow: nn.Module, weights: dict[str, torch.Tensor], shape: tuple[int, ...]
) -> dict[str, torch.Tensor]:
    """Return |w · dR/dw| by layer name, for a network of positive weights."""
    first = next(iter(weights.values()))
    ones = torch.ones(1, *shape, dtype=torch.float64, device=first.device)
    with torch.enable_grad():
        gradients = torch.autograd.grad(
            flow(ones).sum(), list(weights.values()), allow_unused=True
        )
    return {
        name: torch.zeros_like(weight) if gradient is None else (weight * gradient).detach().abs()
        for (name, weight), gradient in zip(weights.items(), gradients, strict=True)
    }


def prune(moment: Moment) -> None:
    """Remove the weights of lowest saliency, in 100 steps."""
    masks = moment.masks
    before = sum(masks.survivors().values()) / masks.num_weights
    ratio = (1 - moment.sparsity) / before
    flow = positive(moment.model)
    weights = {name: weight_of(flow, name) for name in masks.weights}
    alive = {name: masks.alive(name) for name in weights}
    for step in range(1, STEPS + 1):
        sparsity = 1 - before * ratio ** (step / STEPS) if step < STEPS else moment.sparsity
        scores = saliency(flow, weights, tuple(moment.images.shape[1:]))
        alive = most_salient(scores, alive, sparsity, moment.distribution)
        with torch.no_grad():
            for name, weight in weights.items():
                weight.mul_(alive[name])
    masks.replace(alive)


SYNFLOW = Pruner(prune, saliency_samples=lambda _: STEPS)
