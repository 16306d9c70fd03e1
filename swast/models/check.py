"""Checks of networks from torchvision and users: head, input and output."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from swast.errors import ConfigError
from swast.features import evaluating, last_linear
from swast.models.imported import RAISED, contained, first_line
from swast.models.outline import tried
from swast.rng import seeded

Trained = dict[str, tuple[int, bool]]
"""Identity of every parameter, and whether it trains, by name."""


@dataclass(frozen=True)
class Seen:
    """Results of trial passes with two images.

    Attributes:
        outputs: outputs of the network, in evaluation and in training mode.
        heads: inputs of each call of its last linear layer, in evaluation mode.
        changed: parameters that the passes replaced, froze or unfroze.
    """

    outputs: tuple[object, object]
    heads: tuple[torch.Tensor, ...]
    changed: tuple[str, ...]


def check_network(
    name: str, model: nn.Module, input_shape: tuple[int, ...], num_classes: int
) -> None:
    """Check a network with trial passes of two black images.

    Raises:
        ConfigError: it has no linear head with one output per class, or fails on the images.
    """
    said = f"model {name!r}"
    try:
        head = last_linear(model)
    except ConfigError:
        raise ConfigError([f"{said} must end in a linear layer, and has none"]) from None
    if head.out_features != num_classes:
        wrong = f"has {head.out_features}"
        raise ConfigError(
            [f"{said} must end in a linear layer with {num_classes} outputs, and its last {wrong}"]
        )
    try:
        with seeded(0, "check"), contained():
            seen = tried(model, lambda copied, device: _passes(copied, device, input_shape))
    except RAISED as error:
        raise ConfigError(
            [f"{said} does not take images of {input_shape}: {first_line(error)}"]
        ) from error
    _check_outputs(said, seen, num_classes)
    if [tuple(hidden.shape) for hidden in seen.heads] != [(2, head.in_features)]:
        raise ConfigError(
            [f"{said} must use its last linear layer once, on one row of features per image"]
        )


def _check_outputs(said: str, seen: Seen, num_classes: int) -> None:
    """Raise if a network returns no logits that train, or changes what trains.

    Raises:
        ConfigError: with the reason.
    """
    for output in seen.outputs:
        if not isinstance(output, torch.Tensor) or output.shape != (2, num_classes):
            got = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output)
            raise ConfigError(
                [f"{said} must return one logit per class, (2, {num_classes}), got {got}"]
            )
    if seen.changed:
        raise ConfigError(
            [
                f"{said} replaces, freezes or unfreezes its parameter {seen.changed[0]!r} in its "
                "forward pass; do that where the network is built"
            ]
        )
    if not seen.outputs[1].requires_grad:  # type: ignore[attr-defined]
        raise ConfigError([f"{said} has no parameter that trains: all are frozen or unused"])


def _passes(model: nn.Module, device: torch.device, input_shape: tuple[int, ...]) -> Seen:
    images = torch.zeros(2, *input_shape, device=device)
    heads: list[torch.Tensor] = []
    before = _trained(model)
    handle = last_linear(model).register_forward_pre_hook(
        lambda _, inputs: heads.append(inputs[0])
    )
    with evaluating(model):
        evaluated = model(images)
    handle.remove()
    changed = _changed(before, _trained(model))
    with torch.enable_grad():
        outputs = evaluated, model.train()(images)
    changed += _changed(before, _trained(model))
    return Seen(outputs, tuple(heads), tuple(changed))


def _changed(before: Trained, after: Trained) -> list[str]:
    """Return the names of the parameters that differ."""
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def _trained(model: nn.Module) -> Trained:
    """Return the identity of every parameter, and whether it trains, by name."""
    return {name: (id(each), each.requires_grad) for name, each in model.named_parameters()}
