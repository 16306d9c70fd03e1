"""How a network computes: in which precision and layout, compiled or not.

Every default computes as plain PyTorch does. Weights, optimiser, loss and features stay in fp32
whatever the precision.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from swast.config import ComputeConfig
from swast.errors import ConfigError

Forward = Callable[[torch.Tensor], torch.Tensor]


def pick_device(name: str) -> torch.device:
    """The device that a configuration asks for; ``auto`` is a GPU if there is one.

    Raises:
        ConfigError: it asks for a GPU, and there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError(["device 'cuda' needs a GPU that PyTorch can use, and there is none"])
    return torch.device(name)


def placed(model: nn.Module, device: torch.device, settings: ComputeConfig) -> nn.Module:
    """The network on a device, its convolutions' weights in the layout asked for."""
    model = model.to(device)
    if settings.channels_last:
        for parameter in model.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return model


def autocast(device: torch.device, settings: ComputeConfig) -> torch.autocast:
    """A block in which layers compute in the precision asked for."""
    return torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16")


def training_forward(model: nn.Module, device: torch.device, settings: ComputeConfig) -> Forward:
    """The forward pass of training steps: images in, fp32 logits out."""
    call = _compiled(model) if settings.compile else model
    block = autocast(device, settings)  # entered again and again: making it takes longer

    def forward(images: torch.Tensor) -> torch.Tensor:
        if settings.channels_last and images.dim() == 4:
            images = images.contiguous(memory_format=torch.channels_last)
        with block:
            logits: torch.Tensor = call(images)
        return logits.float()

    return forward


def _compiled(model: nn.Module) -> Forward:
    """A compiled network that says in one line why it cannot be compiled.

    What earlier runs of the process compiled is forgotten first: PyTorch gives up compiling after
    a few networks of one form.

    Raises:
        ConfigError: it cannot be compiled, here or when it is called.
    """
    from torch._dynamo.exc import TorchDynamoException
    from torch._inductor.exc import CppCompileError, InvalidCxxCompiler

    try:
        torch.compiler.reset()
        compiled = torch.compile(model)
    except RuntimeError as error:  # an interpreter or a system that it does not know
        raise _uncompilable(error) from error

    def call(images: torch.Tensor) -> torch.Tensor:
        try:
            logits: torch.Tensor = compiled(images)
        except (TorchDynamoException, CppCompileError, InvalidCxxCompiler) as error:
            raise _uncompilable(error) from error
        return logits

    return call


def _uncompilable(error: Exception) -> ConfigError:
    cause = " ".join(line.strip() for line in str(error).splitlines()[:2])
    return ConfigError([f"compute.compile must be false for this network here: {cause}"])
