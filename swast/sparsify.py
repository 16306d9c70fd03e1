"""Pruning of a run: prune steps at the start of epochs, and mask updates between them."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from swast import plan
from swast.coresets import draw_evenly
from swast.cost import visible
from swast.errors import MaskError
from swast.features import evaluating
from swast.optim import clip_gradients
from swast.products import Products, place
from swast.pruning import PRUNERS, Moment, channel, prunable_weights
from swast.pruning.rigl import drop_fraction, update
from swast.rng import generator
from swast.run import Run


def prune(run: Run) -> None:
    """Prune the network to the scheduled sparsity at the start of this epoch."""
    pruner = PRUNERS[run.config.prune.method]
    sparsity = plan.target_sparsity(run.config, run.epoch)
    if pruner.prune is None:
        shrink(run, sparsity)
        return
    check_zeros(run)
    seen = moment(run, sparsity, generator(run.config.seed, "prune", run.epoch))
    run.ledger.saliency += run.step_flops * pruner.saliency_samples(len(seen.images))
    pruner.prune(seen)
    check_masks(run)


def check_masks(run: Run) -> None:
    """Check that masked weights are 0 in the products of a forward pass of two images.

    Raises:
        MaskError: a masked weight is not 0, or the network multiplies another tensor than the
            weight that is masked, so that pruning would save less than it is billed for; or
            another set of layers trains than at first.
    """
    if run.masks.is_dense():
        return
    images = run.train_set.take(torch.arange(min(2, len(run.train_set)), device=run.device))
    with evaluating(run.model), visible(), Products(counting=False) as seen:
        run.model(images)
    check_multiplied(run, seen)
    check_zeros(run)
    settings, held = run.config.prune, run.masks.weights
    now = prunable_weights(run.model, settings.scope, settings.layers)
    for name in {**held, **now}:
        if now.get(name) is not held.get(name):
            raise MaskError(
                f"the network has replaced, frozen or unfrozen the weight of layer {name!r}, "
                "which its mask and its FLOPs do not follow"
            )


def check_multiplied(run: Run, seen: Products) -> None:
    """Check that the network multiplies the masked weights themselves in recorded products.

    Raises:
        MaskError: it multiplies tensors computed from them, or none.
    """
    multiplied = frozenset().union(*(product.places for product in seen.made))
    for name, weight in run.masks.weights.items():
        if run.cost.per_weight[name] and place(weight) not in multiplied:
            raise MaskError(
                f"the network no longer multiplies the weight of layer {name!r}, but a tensor "
                "computed from it or none, so that its mask has no effect"
            )


def check_zeros(run: Run) -> None:
    """Check that every masked weight is 0.

    Raises:
        MaskError: the network itself has changed its weights.
    """
    revived = run.masks.revived()
    if revived:
        raise MaskError(
            f"masked weights of layer {revived[0]!r} are no longer 0: the network changes its "
            "own weights"
        )


def shrink(run: Run, share: float) -> None:
    """Remove channels, and everything that depends on them, until ``share`` of them is gone.

    ``share`` is relative to the original channels. The optimiser state of the remaining weights is
    moved to their new tensors.
    """
    settings, shape = run.config.prune, run.data.input_shape
    layers = prunable_weights(run.model, settings.scope, settings.layers)
    removals = channel.choose(run.model, shape, share, run.widths, layers)
    if not removals:
        return
    places = channel.origins(run.model, shape, removals)
    before, state = dict(run.model.named_parameters()), run.optimizer.state
    channel.remove(run.model, shape, removals)
    run.adapt()
    for name, parameter in run.model.named_parameters():
        old = before[name]
        run.optimizer.state[parameter] = {
            key: value.flatten()[places[name]]
            if isinstance(value, torch.Tensor) and value.shape == old.shape
            else value
            for key, value in state.get(old, {}).items()
        }


def thin(run: Run, sparsity: float) -> Mapping[str, int]:
    """Prune a run to a sparsity outside of training; return its unmasked weights by layer."""
    pruner = PRUNERS[run.config.prune.method]
    if pruner.prune is not None:
        pruner.prune(moment(run, sparsity, generator(run.config.seed, "prune", run.epoch)))
    return run.masks.survivors()


def moment(run: Run, sparsity: float, draw: torch.Generator) -> Moment:
    """Return the inputs of the run's pruner at this point."""
    settings = run.config.prune
    indices = draw_evenly(
        run.train_set.labels,
        run.data.num_classes,
        PRUNERS[settings.method].batch,
        draw,
    )
    return Moment(
        model=run.model,
        masks=run.masks,
        sparsity=sparsity,
        distribution=settings.distribution,
        generator=draw,
        images=run.train_set.take(indices),
        labels=run.train_set.labels[indices],
    )


def step(run: Run, samples: int) -> None:
    """Update the masks if that is due, else make a masked optimiser step.

    Args:
        run: the run, with the gradients of the batch.
        samples: size of the batch.
    """
    if is_due(run):
        run.ledger.dense_gradients += dense_gradient_flops(run) * samples
        change(run)
        run.masks.mask_gradients()
    else:
        run.masks.mask_gradients()
        clip_gradients(run.model, run.config.optim.clip_norm)
        run.optimizer.step()


def is_due(run: Run) -> bool:
    """Return whether masks are updated at this step."""
    config = run.config.prune
    if not config.traits.updates_masks:
        return False
    if run.masks.is_dense() and not PRUNERS[config.method].on_line:
        return False
    return plan.is_update(run.config, run.data.num_train, run.epoch, run.step)


def dense_gradient_flops(run: Run) -> int:
    """Return the FLOPs per sample of the dense part of the weight gradient."""
    uses = PRUNERS[run.config.prune.method].uses_gradient
    return (run.cost.forward() - run.forward_flops) * uses


def change(run: Run) -> None:
    """Update the masks: prune to the schedule if the pruner does so here, then drop and grow."""
    config = run.config
    pruner = PRUNERS[config.prune.method]
    draw = generator(config.seed, "growth", run.step)
    if pruner.on_line and pruner.prune is not None:
        now = plan.epoch_at(config, run.data.num_train, run.epoch, run.step)
        pruner.prune(moment(run, plan.target_sparsity(config, now), draw))
    fraction = drop_fraction(
        run.step,
        plan.update_end(config, run.data.num_train),
        config.prune.update_fraction or pruner.update_fraction,
        pruner.final_fraction,
    )
    if pruner.grow is not None:
        update(run.masks, fraction, pruner.grow, draw)
