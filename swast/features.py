"""One pass over the data feeds every scorer: penultimate features and logits.

The pass runs in eval mode, without gradients and without augmentation, so that it neither
depends on nor disturbs batch-norm statistics, dropout or the training order.
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
    """What a scorer sees of n samples.

    Attributes:
        hidden: inputs h of the last linear layer, n × E.
        logits: its outputs z, n × C.
        labels: training labels, n.
        memory: what was seen of each while training; None where no scorer asks for it.
    """

    hidden: torch.Tensor
    logits: torch.Tensor
    labels: torch.Tensor
    memory: Memory | None = None

    def of(self, indices: torch.Tensor) -> Features:
        """What is seen of some samples alone, without what was seen while training."""
        return Features(
            self.hidden.index_select(0, indices),
            self.logits.index_select(0, indices),
            self.labels.index_select(0, indices),
        )

    @property
    def extended(self) -> torch.Tensor:
        """Features and a 1 for the bias, [h, 1], n × (E + 1)."""
        return torch.cat([self.hidden, torch.ones_like(self.hidden[:, :1])], dim=1)

    @property
    def errors(self) -> torch.Tensor:
        """The gradient of the cross-entropy in the logits, softmax(z) − onehot(y), n × C."""
        errors = self.logits.softmax(dim=1)
        errors[torch.arange(len(errors), device=errors.device), self.labels] -= 1
        return errors


@contextmanager
def resting(model: nn.Module) -> Iterator[None]:
    """Eval mode inside the block; each module's own mode is restored after."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode and no gradients inside the block."""
    with resting(model), torch.no_grad():
        yield


def last_linear(model: nn.Module) -> nn.Linear:
    """The classifier: the last linear layer in the order of definition.

    Raises:
        ConfigError: the network has none.
    """
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise ConfigError(["model must end in a linear layer, and has none"])
    return linear[-1]


def predict_logits(model: nn.Module, batches: Iterable[torch.Tensor]) -> torch.Tensor:
    """Logits of all images in the batches, n × C, in eval mode; fp32 under autocast too."""
    with evaluating(model):
        return torch.cat([model(images).float() for images in batches])


def extract(model: nn.Module, batches: Iterable[torch.Tensor], labels: torch.Tensor) -> Features:
    """Penultimate features and logits of all images in the batches, from one forward pass."""
    hidden: list[torch.Tensor] = []
    handle = last_linear(model).register_forward_pre_hook(
        lambda _, inputs: hidden.append(inputs[0].float())
    )
    try:
        logits = predict_logits(model, batches)
    finally:
        handle.remove()
    return Features(torch.cat(hidden), logits, labels)
