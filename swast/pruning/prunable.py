"""Weights that masks can prune: those that a network trains and multiplies itself."""

from __future__ import annotations

import fnmatch
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

import torch
from torch import nn
from torch.nn.utils import parametrize

from swast.config import PruneConfig, ScopeName
from swast.errors import ConfigError, nearest
from swast.products import place

Weighted = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
PLAIN = "use a plain layer, or name the layers to prune in prune.layers"


def layer_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the weight of every linear and convolution layer, by the layer's name.

    A weight that several layers share has the name of the first. Computed weights are left out
    (see `computed`), and empty ones.
    """
    found: dict[nn.Parameter, str] = {}
    for name, module in _layers(model):
        weight = module._parameters.get("weight")
        if weight is not None and weight.numel():
            found.setdefault(weight, name)
    return {name: weight for weight, name in found.items()}


def computed(model: nn.Module) -> dict[str, str]:
    """Return the layers whose weight is computed at every pass, and how, by name.

    These have a parametrization, such as weight norm, or its older form, a hook.
    """
    found = {}
    for name, module in _layers(model):
        if module._parameters.get("weight") is None:
            how = ["a hook"]
            if parametrize.is_parametrized(module, "weight"):
                parts = module.get_submodule("parametrizations.weight").children()
                how = [type(each).__name__ for each in parts]
            found[name] = ", ".join(how)
    return found


def prunable_weights(
    model: nn.Module, scope: ScopeName, layers: Sequence[str] = ()
) -> dict[str, torch.Tensor]:
    """Return the prunable weight tensors by layer name; biases and norms are never prunable.

    Frozen weights are not prunable, since they do not train.

    Args:
        model: the network.
        scope: ``fc`` for linear layers, ``all`` for convolutions too.
        layers: names of layers, or patterns such as ``layer4.*``; if given, they replace the
            scope.

    Raises:
        ConfigError: a pattern matches no layer.
    """
    weights, chosen = layer_weights(model), _chosen(model, scope, layers)
    ids = {id(module._parameters.get("weight")) for module in chosen.values()}
    return {
        name: weight
        for name, weight in weights.items()
        if id(weight) in ids and weight.requires_grad
    }


def check_prunable(
    model: nn.Module, settings: PruneConfig, indirect: Collection[str] = ()
) -> None:
    """Check that masks, or the removal of channels, can prune the chosen layers of a network.

    Args:
        model: the network.
        settings: the settings of pruning.
        indirect: layers whose weight the network does not multiply itself, but a tensor computed
            from it.

    Raises:
        ConfigError: a chosen weight is computed, complex, or in memory that another shares; or
            no weight is left to prune.
    """
    if not settings.traits.prunes:
        return
    weights = prunable_weights(model, settings.scope, settings.layers)
    _check_computed(model, settings)
    _check_frozen(model, settings, weights)
    for name, weight in weights.items():
        if weight.is_complex():
            raise ConfigError([f"prune: layer {name!r} has complex weights; {PLAIN}"])
        if name in indirect:
            raise ConfigError(
                [
                    f"prune.method {settings.method!r} cannot prune layer {name!r}: the network "
                    "multiplies a tensor computed from its weight, so that a mask would not reach "
                    f"it; {PLAIN}"
                ]
            )
    _check_alone(model, weights)


def _check_computed(model: nn.Module, settings: PruneConfig) -> None:
    """Raise if a chosen weight is computed, or any weight if channels are removed."""
    chosen = _chosen(model, settings.scope, settings.layers)
    for name, how in computed(model).items():
        if name in chosen or settings.traits.changes_shapes:
            raise ConfigError(
                [
                    f"prune.method {settings.method!r} cannot prune layer {name!r}: its weight is "
                    f"computed at every pass ({how}), so that a mask would not reach it; {PLAIN}"
                ]
            )


def _check_frozen(
    model: nn.Module, settings: PruneConfig, weights: Mapping[str, torch.Tensor]
) -> None:
    """Raise if no weight is left to prune, for one of the patterns or for all."""
    for pattern in settings.layers:
        if not prunable_weights(model, settings.scope, [pattern]):
            raise ConfigError([f"prune.layers: the layers {pattern!r} are frozen or empty"])
    if not weights:
        raise ConfigError(
            [
                f"prune.method {settings.method!r} finds no weight to prune: all layers of "
                f"prune.scope {settings.scope!r} are frozen or empty; set it to none"
            ]
        )


def _check_alone(model: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Raise if the memory of a prunable weight is that of another parameter as well."""
    held = defaultdict(list)
    for path, parameter in model.named_parameters():
        held[place(parameter)[0]].append((path, parameter))
    for name, weight in weights.items():
        storage, start, size = place(weight)
        for path, parameter in held[storage]:
            _, begin, length = place(parameter)
            if parameter is not weight and start < begin + length and begin < start + size:
                raise ConfigError(
                    [
                        f"prune: the weight of layer {name!r} shares its memory with parameter "
                        f"{path!r}; make them one nn.Parameter, or two"
                    ]
                )


def _layers(model: nn.Module) -> Iterator[tuple[str, Weighted]]:
    """Yield every linear and convolution layer with its name."""
    for name, module in model.named_modules():
        if isinstance(module, Weighted):
            yield name, module


def _chosen(model: nn.Module, scope: ScopeName, layers: Sequence[str]) -> dict[str, Weighted]:
    """Return the layers of a scope, or those that match a pattern.

    Raises:
        ConfigError: a pattern matches no layer.
    """
    kinds = nn.Linear if scope == "fc" and not layers else Weighted
    found = {name: module for name, module in _layers(model) if isinstance(module, kinds)}
    for pattern in layers:
        if not fnmatch.filter(found, pattern):
            hint = nearest(pattern, found) or f"; there are {', '.join(found)}"
            raise ConfigError([f"prune.layers: no layer is named {pattern!r}{hint}"])
    if not layers:
        return found
    return {
        name: module
        for name, module in found.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in layers)
    }
