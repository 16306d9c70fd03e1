"""Precision, memory layout and compilation of a network's computation.

The defaults compute as plain PyTorch does. Weights, optimiser, loss and features stay in fp32 at
every precision.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from torch import nn

from swast.config import ComputeConfig
from swast.errors import ConfigError

MOST_CAUSE = 200
"""Largest number of characters of a compiler's error in a message."""

Forward = Callable[[torch.Tensor], torch.Tensor]


def pick_device(name: str) -> torch.device:
    """Return the device of a name; ``auto`` is a GPU if there is one, else the CPU.

    Raises:
        ConfigError: the name is ``cuda`` and there is no GPU.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError(["device 'cuda' needs a GPU, and PyTorch finds none"])
    return torch.device(name)


def placed(model: nn.Module, device: torch.device, settings: ComputeConfig) -> nn.Module:
    """Move a network to a device, and its convolution weights to the configured layout."""
    model = model.to(device)
    if settings.channels_last:
        for parameter in model.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return model


def autocast(device: torch.device, settings: ComputeConfig) -> torch.autocast:
    """Return a context in which layers compute in the configured precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16")


def training_forward(model: nn.Module, device: torch.device, settings: ComputeConfig) -> Forward:
    """Return the forward pass of training steps: images in, fp32 logits out."""
    call = _compiled(model) if settings.compile else model
    block = autocast(device, settings)  # reused, since making it takes longer than entering it

    def forward(images: torch.Tensor) -> torch.Tensor:
        if settings.channels_last and images.dim() == 4:
            images = images.contiguous(memory_format=torch.channels_last)
        with block:
            logits: torch.Tensor = call(images)
        return logits.float()

    return forward


def check_compiler(device: torch.device) -> None:
    """Compile a small function that no cache holds, to see whether compilation works here.

    Raises:
        ConfigError: it does not: no C++ compiler or no Triton, or one that fails.
    """
    unseen = 1 + random.SystemRandom().random()
    try:
        torch.compiler.reset()
        torch.compile(lambda numbers: (numbers * unseen).sin())(torch.ones(8, device=device))
    except Exception as error:  # compilers and their caches can raise anything
        raise _uncompilable(error) from error
    finally:
        torch.compiler.reset()


def _compiled(model: nn.Module) -> Forward:
    """Compile a network; if that fails, raise an error of one line with the reason.

    The compilation cache of the process is cleared first, because PyTorch stops compiling after a
    few networks of the same form.

    Raises:
        ConfigError: compilation fails, at once or at the first call.
    """
    from torch._dynamo.exc import TorchDynamoException
    from torch._inductor.exc import CppCompileError, InvalidCxxCompiler

    try:
        torch.compiler.reset()
        compiled = torch.compile(model)
    except RuntimeError as error:  # unsupported interpreter or system
        raise _uncompilable(error) from error

    def call(images: torch.Tensor) -> torch.Tensor:
        try:
            logits: torch.Tensor = compiled(images)
        except (TorchDynamoException, CppCompileError, InvalidCxxCompiler) as error:
            raise _uncompilable(error) from error
        return logits

    return call


def _uncompilable(error: Exception) -> ConfigError:
    stripped = (line.strip() for line in str(error).splitlines())
    lines = [line for line in stripped if line and not line.startswith("Set TORCH")]
    cause = " ".join(lines[:2])[:MOST_CAUSE] or type(error).__name__
    return ConfigError([f"compute.compile must be false for this network here: {cause}"])
