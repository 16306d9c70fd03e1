"""synflow: keep the flow of the weights' absolute values through the network; needs no data.

Every weight and buffer is replaced by its absolute value and all ones go in; R is the sum of the
outputs, and |w · dR/dw| a weight's share of the flow. A hundred times over, the density goes from
d₀ to d along d₀·(d/d₀)^(i/100), so that no layer is emptied at one stroke. In double precision and
eval mode, on a copy.

Batch norm in eval mode keeps its running means: as absolute values they add to the flow where
they are not 0, as at initialisation they are.

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
    """A copy in double precision and eval mode with every parameter and buffer made positive."""
    flow = copy.deepcopy(model).double().eval()
    with torch.no_grad():
        for tensor in [*flow.parameters(), *flow.buffers()]:
            tensor.abs_()
    return flow


def weight_of(model: nn.Module, name: str) -> torch.Tensor:
    """The weight of the layer of that name."""
    return model.get_parameter(f"{name}.weight" if name else "weight")


def saliency(
    flow: nn.Module, weights: dict[str, torch.Tensor], shape: tuple[int, ...]
) -> dict[str, torch.Tensor]:
    """W · dR/dw of a network of positive weights, by layer name."""
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
    """Remove the weights of least flow, a hundredth of the way at a time."""
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
