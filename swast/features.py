"""Penultimate features and logits for the scorers, from one forward pass over the data.

The pass runs in eval mode, without gradients and without augmentation. So it does not depend on
dropout or the training order, and does not change batch-norm statistics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from swast.errors import ConfigError
from swast.memory import Memory


@dataclass(frozen=True)
class Features:
    """Inputs of a scorer for n samples.

    Attributes:
        hidden: inputs h of the last linear layer, n × E.
        logits: its outputs z, n × C.
        labels: training labels, n.
        memory: training dynamics of each sample; None if the scorer does not need them.
    """

    hidden: torch.Tensor
    logits: torch.Tensor
    labels: torch.Tensor
    memory: Memory | None = None

    def of(self, indices: torch.Tensor) -> Features:
        """Return the features of some samples, without ``memory``."""
        return Features(
            self.hidden.index_select(0, indices),
            self.logits.index_select(0, indices),
            self.labels.index_select(0, indices),
        )

    @property
    def extended(self) -> torch.Tensor:
        """Features with a 1 appended for the bias, [h, 1], n × (E + 1)."""
        return torch.cat([self.hidden, torch.ones_like(self.hidden[:, :1])], dim=1)

    @property
    def errors(self) -> torch.Tensor:
        """Gradient of the cross-entropy in the logits, softmax(z) − onehot(y), n × C.

        The label's entry is minus the sum of the others: p − 1 loses its digits as p nears 1.
        """
        errors, label = self.logits.softmax(dim=1), self.labels[:, None]
        errors.scatter_(1, label, 0)
        return errors.scatter_(1, label, -errors.sum(dim=1, keepdim=True))


@contextmanager
def resting(model: nn.Module) -> Iterator[None]:
    """Put a network in eval mode inside the block; restore each module's mode afterwards."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a network in eval mode inside the block, and compute no gradients."""
    with resting(model), torch.no_grad():
        yield


def last_linear(model: nn.Module) -> nn.Linear:
    """Return the classifier: the last linear layer in the order of definition.

    Raises:
        ConfigError: the network has none.
    """
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise ConfigError(["model must end in a linear layer, and has none"])
    return linear[-1]


def predict_logits(model: nn.Module, batches: Iterable[torch.Tensor]) -> torch.Tensor:
    """Return logits of all images in the batches, n × C, in eval mode; always fp32."""
    with evaluating(model):
        return torch.cat([model(images).float() for images in batches])


def extract(model: nn.Module, batches: Iterable[torch.Tensor], labels: torch.Tensor) -> Features:
    """Extract penultimate features and logits of all images with one forward pass."""
    hidden: list[torch.Tensor] = []
    handle = last_linear(model).register_forward_pre_hook(
        lambda _, inputs: hidden.append(inputs[0].float())
    )
    try:
        logits = predict_logits(model, batches)
    finally:
        handle.remove()
    return Features(torch.cat(hidden), logits, labels)
