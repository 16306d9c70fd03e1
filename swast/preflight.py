"""Checks before a training or a search: data, compiler, and one trial step of the network.

Networks of users and of torchvision can do anything. So each is tried on a few real images as a
run would use it: it is pruned, its masks are compared with what it multiplies, and it makes a
step. What fails here is refused in one line, before anything is trained or written.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from swast import plan, sparsify
from swast.compute import check_compiler, pick_device
from swast.config import TrainConfig
from swast.coresets import Coreset
from swast.cost import model_cost, visible
from swast.data import ArrayData
from swast.errors import ConfigError, DataError, MaskError, SwastError
from swast.features import evaluating, predict_logits
from swast.models.imported import RAISED, contained, first_line
from swast.products import Products
from swast.pruning import channel, prunable_weights
from swast.rng import seeded
from swast.run import Round, Run, check_coreset
from swast.steps import train_step

SAMPLES = 16
"""Largest number of images in a trial step."""
PASSES = 8
"""Passes in training mode. A path that is taken half of the time is missed in one run of 256."""
NEARLY_ALL = 0.999
"""Share of channels by which a network is asked whether it can lose any."""


def check(config: TrainConfig, data: ArrayData) -> None:
    """Check that a configuration can train on its data on this machine.

    Raises:
        ConfigError: the device, the compiler, the coreset or the network does not fit.
        DataError: the data have a single class.
    """
    check_data(config, data)
    check_machine(config)
    check_network(config, data)


def check_data(config: TrainConfig, data: ArrayData) -> None:
    """Check the number of classes, and the size of a balanced coreset.

    Raises:
        ConfigError: the coreset is too small for one sample of every class.
        DataError: the data have a single class.
    """
    if len(np.unique(data.train_labels)) < 2:
        raise DataError(
            f"data {config.data!r}: all {data.num_train} training samples have the same class; "
            "a classifier needs two"
        )
    check_coreset(config, data)


def check_machine(config: TrainConfig) -> None:
    """Check that the device exists and, if networks are compiled, that a compiler works.

    Raises:
        ConfigError: one of them does not.
    """
    device = pick_device(config.device)
    if config.compute.compile:
        check_compiler(device)


def check_network(config: TrainConfig, data: ArrayData) -> None:
    """Try a step of a network from elsewhere, and of any network that gets single samples.

    Raises:
        ConfigError: it cannot be built, pruned or trained.
    """
    smallest = min(
        size
        for epoch in (0, config.epochs - 1)
        for size in plan.batch_sizes(
            plan.epoch_samples(config, data.num_train, epoch), config.optim.batch_size
        )
    )
    if ":" not in config.model and smallest > 1:
        return
    try:
        with contained(), seeded(config.seed, "check"):
            _try(trial_run(config, data), smallest)
    except MaskError as error:
        raise ConfigError([f"model {config.model!r} cannot be pruned: {error}"]) from error
    except SwastError:
        raise
    except RAISED as error:
        batch = f"a batch of {smallest} sample{'s' * (smallest > 1)}"
        raise ConfigError(
            [f"model {config.model!r} cannot be trained on {batch}: {first_line(error)}"]
        ) from error


def trial_run(config: TrainConfig, data: ArrayData) -> Run:
    """Return a run in a round of a few of the samples, on the CPU."""
    few = np.linspace(0, data.num_train - 1, min(SAMPLES, data.num_train)).astype(np.intp)
    part = replace(
        data,
        train_images=data.train_images[few],
        train_labels=data.train_labels[few],
        clean_train=data.clean_train[few],
    )
    plainly = {"device": "cpu", "compute.compile": False, "noise.rate": 0.0}
    whole = {"coreset.fraction": 1.0, "coreset.balanced": False}
    run = Run(config.with_values({**plainly, **whole}), part)
    run.round = Round(Coreset.everything(run.data.num_train, run.device), None)
    return run


def _try(run: Run, size: int) -> None:
    """Prune a run, check its masks, and make a step on at most ``size`` samples.

    Raises:
        ConfigError: something fails.
    """
    said, sparsity = f"model {run.config.model!r}", run.config.prune.sparsity
    images = run.train_set.take(torch.arange(min(2, len(run.train_set))))
    logits = predict_logits(run.model, [images, images[:1]])
    if not logits.isfinite().all():
        raise ConfigError([f"{said} returns NaN or infinite logits before any training"])
    _check_constant(run, images)
    if run.config.prune.traits.changes_shapes:
        _check_channels(run)
        sparsify.shrink(run, sparsity)
    elif run.config.prune.traits.prunes:
        sparsify.thin(run, sparsity)
        sparsify.check_masks(run)
    _check_training(run, images)
    places = torch.arange(min(size, len(run.train_set)))
    run.model.train()
    train_step(run, places, run.train_set.take(places))
    sparsify.check_zeros(run)


def _check_training(run: Run, images: torch.Tensor) -> None:
    """Raise if a network in training mode makes other products than in evaluation mode.

    Raises:
        ConfigError: their FLOPs differ, so that the cost of a run is not known.
        MaskError: it multiplies other tensors than the masked weights.
    """
    if len(images) < 2:
        return
    with evaluating(run.model), torch.no_grad(), visible(), Products() as evaluated:
        run.model(images)
    run.model.train()
    for _ in range(PASSES):
        with torch.no_grad(), visible(), Products() as seen:
            run.model(images)
        if seen.flops != evaluated.flops:
            raise ConfigError(
                [
                    f"model {run.config.model!r} makes other products in training than in "
                    "evaluation, so that its training FLOPs are not known; make them the same"
                ]
            )
        if not run.masks.is_dense():
            sparsify.check_multiplied(run, seen)


def _check_constant(run: Run, images: torch.Tensor) -> None:
    """Raise if the FLOPs of a network that reads values differ between images.

    Raises:
        ConfigError: they differ, so that the cost of a run is not known.
    """
    if not run.cost.reads:
        return
    for each in (images, -images, 10 * images):
        found = model_cost(run.model, run.data.input_shape, each)
        if (found.per_weight, found.other) != (run.cost.per_weight, run.cost.other):
            raise ConfigError(
                [
                    f"model {run.config.model!r} makes other products for other images, so that "
                    "its training FLOPs are not known; make its path independent of values"
                ]
            )


def _check_channels(run: Run) -> None:
    """Raise if no channel of a network can be removed, or if its form depends on values.

    Raises:
        ConfigError: with the reason.
    """
    said, shape = f"prune.method 'channel' cannot prune {run.config.model!r}", run.data.input_shape
    settings = run.config.prune
    if run.cost.reads:
        raise ConfigError([f"{said}: its forward pass depends on values that it reads"])
    weights = [each for each in run.model.modules() if isinstance(each, channel.Layer)]
    if len({id(each.weight) for each in weights}) < len(weights):
        raise ConfigError([f"{said}: some of its layers share a weight"])
    layers = prunable_weights(run.model, settings.scope, settings.layers)
    if settings.sparsity and not channel.choose(run.model, shape, NEARLY_ALL, run.widths, layers):
        raise ConfigError(
            [f"{said}: none of the chosen layers can lose a channel (frozen, or tied to others)"]
        )
