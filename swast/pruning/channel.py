"""channel: physically remove whole channels, which reduces wall time as well as counted FLOPs.

Layers that share channels form a group: a convolution, its batch norm and the layers that read its
output, or all layers joined by a residual sum. At every prune step each group is reduced to the
scheduled share of its original width, but at least one channel. The channels of the smallest L2
norm over the group are removed. ``prune.sparsity`` is the share of removed *channels*; the density
of parameters and FLOPs is about the square of the channels' density. The classifier's outputs are
kept. Torch-Pruning traces the dependencies. If some layers cannot lose outputs, such as those of
an attention with a hard-coded number of heads, name the other layers in ``prune.layers``.

Cost: nothing beyond training. Needs: weights; the extra ``channel`` (torch-pruning).
Source: Fang et al., "DepGraph: towards any structural pruning", CVPR 2023.
"""

from __future__ import annotations

import copy
import importlib
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from swast.errors import ConfigError
from swast.features import last_linear, resting
from swast.pruning.base import Pruner

Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d


@dataclass(frozen=True)
class Removal:
    """Output channels of a layer to remove, together with everything that depends on them."""

    layer: str
    channels: Sequence[int]


def widths(model: nn.Module) -> dict[str, int]:
    """Return the number of outputs of every layer with weights, by name."""
    return {
        name: module.weight.shape[0]
        for name, module in model.named_modules()
        if isinstance(module, Layer)
    }


def choose(
    model: nn.Module,
    shape: Sequence[int],
    share: float,
    original: Mapping[str, int],
    layers: Collection[str],
) -> list[Removal]:
    """Choose the channels to remove so that a share of every group is gone; change nothing.

    Args:
        model: the network; some channels may already be removed.
        shape: channels, height, width of its images.
        share: share of the original channels to be gone, in [0, 1).
        original: `widths` before any removal.
        layers: names of the layers that may lose outputs; groups with other layers are skipped.

    Raises:
        ConfigError: Torch-Pruning is not installed, or cannot trace the network.
    """
    trial = copy.deepcopy(model)
    names = {module: name for name, module in trial.named_modules()}
    chosen = []
    with _tracing(trial, shape) as (graph, importance):
        for group in graph.get_all_groups(ignored_layers=[last_linear(trial)]):
            root = group[0].dep.target.module
            losing = {
                names[dep.target.module]
                for dep, _ in group
                if dep.target.module in names
                and isinstance(dep.target.module, Layer)
                and graph.is_out_channel_pruning_fn(dep.handler)
            }
            if names[root] not in original:
                continue
            width = graph.get_out_channels(root)
            kept = max(1, int((1 - share) * original[names[root]] + 0.5))
            if losing <= set(layers) and kept < width:
                order = importance(group).argsort(stable=True)
                channels = sorted(order[: width - kept].tolist())
                chosen.append(Removal(names[root], channels))
    remove(trial, shape, chosen)
    return chosen


def remove(model: nn.Module, shape: Sequence[int], removals: Sequence[Removal]) -> None:
    """Remove channels from a network, in place; its parameters are new objects afterwards.

    Raises:
        ConfigError: Torch-Pruning is not installed, or cannot trace the network.
    """
    with _tracing(model, shape) as (graph, _):
        for removal in removals:
            layer = model.get_submodule(removal.layer)
            prune = graph.get_pruner_of_module(layer).prune_out_channels
            graph.get_pruning_group(layer, prune, list(removal.channels)).prune()
    with _explained(), resting(model), torch.no_grad():
        model(_example(model, shape))


def origins(
    model: nn.Module, shape: Sequence[int], removals: Sequence[Removal]
) -> dict[str, torch.Tensor]:
    """Return the flat index before a removal of each parameter entry after it, by name.

    With it, state that belongs to parameters, such as momentum, can be reduced in the same way.
    The indices come from the same removal on a copy whose parameters hold their own positions.
    """
    twin = copy.deepcopy(model).double()
    with torch.no_grad():
        for parameter in twin.parameters():
            places = torch.arange(parameter.numel(), dtype=torch.float64, device=parameter.device)
            parameter.copy_(places.view_as(parameter))
    remove(twin, shape, removals)
    return {name: parameter.detach().long() for name, parameter in twin.named_parameters()}


def fit(model: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Change a network in place to the shapes of saved weights with fewer channels."""
    for name, module in model.named_modules():
        prefix = f"{name}." if name else ""
        own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
        for part, tensor in own:
            saved = state.get(prefix + part)
            if saved is None or saved.shape == tensor.shape:
                continue
            fresh = tensor.detach().new_empty(saved.shape)
            if isinstance(tensor, nn.Parameter):
                fresh = nn.Parameter(fresh, requires_grad=tensor.requires_grad)
            setattr(module, part, fresh)
            _restate(module)


def _restate(module: nn.Module) -> None:
    """Update a layer's shape attributes to the shapes of its tensors."""
    if isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        depthwise = module.groups > 1
        module.out_channels = module.weight.shape[0]
        module.groups = module.out_channels if depthwise else 1
        module.in_channels = module.weight.shape[1] * module.groups
    elif isinstance(module, nn.modules.batchnorm._NormBase):
        module.num_features = len(module.weight)
    elif isinstance(module, nn.LayerNorm):
        module.normalized_shape = tuple(module.weight.shape)


def _example(model: nn.Module, shape: Sequence[int]) -> torch.Tensor:
    """Return one image of zeros, with dtype and device of the network's parameters."""
    return next(model.parameters()).new_zeros(1, *shape)


@contextmanager
def _tracing(model: nn.Module, shape: Sequence[int]) -> Iterator[tuple[Any, Any]]:
    """Yield Torch-Pruning's dependency graph of a network, and its importance measure."""
    try:
        pruning = importlib.import_module("torch_pruning")
    except ImportError:
        raise ConfigError(
            ["prune.method 'channel' needs torch-pruning: pip install 'swast[channel]'"]
        ) from None
    with _explained(), resting(model), _thawed(model), torch.enable_grad(), _quiet():
        graph = pruning.DependencyGraph().build_dependency(model, _example(model, shape))
        yield graph, pruning.importance.GroupMagnitudeImportance(p=2)


@contextmanager
def _quiet() -> Iterator[None]:
    """Show no warnings inside the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _thawed(model: nn.Module) -> Iterator[None]:
    """Let all parameters train inside the block, as a trace needs gradients at every layer.

    Afterwards those are frozen that were frozen before, though they may be new objects.
    """
    trained = {name: each.requires_grad for name, each in model.named_parameters()}
    model.requires_grad_()
    try:
        yield
    finally:
        for name, each in model.named_parameters():
            each.requires_grad_(trained[name])


@contextmanager
def _explained() -> Iterator[None]:
    """Turn any error of Torch-Pruning inside the block into a `ConfigError` of one line.

    Raises:
        ConfigError: Torch-Pruning failed on the network.
    """
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:  # a network that cannot be traced can raise almost anything
        cause = str(error).partition("\n")[0]
        raise ConfigError(
            [
                "prune.method 'channel' cannot prune this network: Torch-Pruning fails on it "
                f"({type(error).__name__}: {cause}); set prune.layers to layers that it can prune"
            ]
        ) from error


CHANNEL = Pruner(prune=None)
