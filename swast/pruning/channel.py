"""channel: whole channels go, physically, so that time falls and not only the count.

At every prune step each group of layers that share channels (a convolution, its batch norm and
what reads it; or all that a residual sum ties together) is brought to the share of its original
width that the schedule asks for, and at least one channel; those of the smallest L2 norm over the
group go. ``prune.sparsity`` is the share of *channels*: parameters and FLOPs fall by about its
square. The classifier's outputs stay. Torch-Pruning traces what depends on what; where layers
cannot lose outputs, as those of an attention whose heads are written into the code, name the
others in ``prune.layers``.

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
    """Outputs of a layer that go, and with them all that is tied to them."""

    layer: str
    channels: Sequence[int]


def widths(model: nn.Module) -> dict[str, int]:
    """Outputs of every layer with weights, by name."""
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
    """The channels to remove so that every group has its share left; the network stays as it is.

    Args:
        model: the network, perhaps already thinned.
        shape: channels, height, width of its images.
        share: of the original channels that shall be gone, in [0, 1).
        original: `widths` before anything was removed.
        layers: names of those that may lose outputs; a group is left alone if others would too.

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
            width = graph.get_out_channels(root)
            kept = max(1, int((1 - share) * original[names[root]] + 0.5))
            if losing <= set(layers) and kept < width:
                order = importance(group).argsort(stable=True)
                channels = sorted(order[: width - kept].tolist())
                chosen.append(Removal(names[root], channels))
    remove(trial, shape, chosen)
    return chosen


def remove(model: nn.Module, shape: Sequence[int], removals: Sequence[Removal]) -> None:
    """Take channels out of a network, in place; its parameters are new objects afterwards.

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
    """Where each entry of the parameters after a removal stood before it, flat, by name.

    So whatever goes with the parameters, as momentum does, can be thinned alike. A twin whose
    parameters hold their own positions goes through the same removal.
    """
    twin = copy.deepcopy(model).double()
    with torch.no_grad():
        for parameter in twin.parameters():
            places = torch.arange(parameter.numel(), dtype=torch.float64, device=parameter.device)
            parameter.copy_(places.view_as(parameter))
    remove(twin, shape, removals)
    return {name: parameter.detach().long() for name, parameter in twin.named_parameters()}


def fit(model: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Bring a network to the shapes of saved weights, whose channels may have gone, in place."""
    for name, module in model.named_modules():
        prefix = f"{name}." if name else ""
        own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
        for part, tensor in own:
            saved = state.get(prefix + part)
            if saved is None or saved.shape == tensor.shape:
                continue
            fresh = tensor.detach().new_empty(saved.shape)
            wrapped = nn.Parameter(fresh) if isinstance(tensor, nn.Parameter) else fresh
            setattr(module, part, wrapped)
            _restate(module)


def _restate(module: nn.Module) -> None:
    """Have a layer's own account of its shape agree with its tensors."""
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
    """One image of zeros, as the network's parameters are."""
    return next(model.parameters()).new_zeros(1, *shape)


@contextmanager
def _tracing(model: nn.Module, shape: Sequence[int]) -> Iterator[tuple[Any, Any]]:
    """Torch-Pruning's graph of a network, and its measure of a group's channels."""
    try:
        pruning = importlib.import_module("torch_pruning")
    except ImportError:
        raise ConfigError(
            ["prune.method 'channel' needs torch-pruning: pip install 'swast[channel]'"]
        ) from None
    with _explained(), resting(model), torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = pruning.DependencyGraph().build_dependency(model, _example(model, shape))
        yield graph, pruning.importance.GroupMagnitudeImportance(p=2)


@contextmanager
def _explained() -> Iterator[None]:
    """Say in one line that a network cannot be thinned, whatever Torch-Pruning raised.

    Raises:
        ConfigError: in place of what was raised.
    """
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:  # it raises almost anything on what it cannot trace
        cause = str(error).partition("\n")[0]
        raise ConfigError(
            [
                "prune.method 'channel' cannot thin this network: Torch-Pruning fails on it "
                f"({type(error).__name__}: {cause}); prune.layers may name layers that it can"
            ]
        ) from error


CHANNEL = Pruner(prune=None)
