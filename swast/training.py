"""SWaST training, Algorithm 1 of Wan et al., AAAI 2026 (arXiv 2511.09901).

Warm up on all data. Then, every R epochs, select a coreset, record the network's logits for it,
and prune weights. Train on the coreset, with a penalty for drift from the recorded logits.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import torch
from torch.nn import functional

from swast import checkpoint, plan, preflight, sparsify
from swast.config import TrainConfig
from swast.coresets import SCORERS, Coreset, group_sizes, make_groups
from swast.cost import Ledger, selection_flops
from swast.data import ArrayData, load_data
from swast.diagnostics import close_round, double_losses, open_round
from swast.environment import environment
from swast.errors import CheckpointError, DivergedError, UserCodeError
from swast.features import Features, extract, predict_logits
from swast.forecast import Forecast, dense_flops
from swast.result import EpochRecord, TrainResult
from swast.rng import generator, seeded
from swast.run import Round, Run
from swast.sparsify import prune
from swast.steps import begin_epoch, check_finite, train_epoch, train_step
from swast.warmups import Warmups

REHEARSED_STEPS = 1000


def train(
    config: TrainConfig,
    *,
    data: ArrayData | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    checkpoint_dir: Path | None = None,
    warmup_dir: Path | None = None,
    test: bool = False,
) -> TrainResult:
    """Train a network by a configuration.

    Args:
        config: the configuration.
        data: the data set, with clean labels; loaded by name if absent.
        on_epoch: called with each epoch's record; it may raise to stop the run.
        checkpoint_dir: a folder for a checkpoint after every epoch. If it holds one, the run
            resumes from it; the result equals that of an uninterrupted run, bit for bit.
        warmup_dir: a folder of warm-ups to share with other runs (see `swast.warmups`); it changes
            nothing in the result except the seconds.
        test: read the test set, once, at the end.

    Raises:
        DataError: the data are missing or unusable.
        CheckpointError: the checkpoint is damaged or belongs to another configuration.
        DivergedError: the loss is no longer finite; the last good checkpoint is kept.
    """
    data = data or load_data(config.data, config.loading)
    preflight.check(config, data)
    run = Run(config, data)
    warmups = None if warmup_dir is None else Warmups(warmup_dir, run.clean_data)
    if checkpoint_dir is not None:
        restore(run, checkpoint_dir)
    try:
        for record in epochs(run, warmups):
            if checkpoint_dir is not None:
                checkpoint.save(checkpoint_dir, run.state_dict())
            if on_epoch is not None:
                on_epoch(record)
    except DivergedError as error:
        if checkpoint_dir is None or not run.history:
            raise
        kept = f"the checkpoint of epoch {len(run.history)} is kept in {checkpoint_dir}"
        raise DivergedError(f"{error}; {kept}") from error
    return result(run, test=test)


def restore(run: Run, folder: Path) -> None:
    """Resume from the checkpoint in a folder, if there is one.

    Raises:
        CheckpointError: it is damaged or belongs to another configuration.
    """
    state = checkpoint.load(folder)
    if state is not None:
        try:
            run.load_state_dict(state)
        except CheckpointError as error:
            raise CheckpointError(f"{folder / checkpoint.FILE}: {error}") from None


def epochs(run: Run, warmups: Warmups | None = None) -> Iterator[EpochRecord]:
    """Train from the run's current epoch to the end, and yield the record of each epoch.

    Args:
        run: the run.
        warmups: a store of warm-up epochs. The run skips those that are already there when it
            starts, loads or trains the others, and saves those that it trains.
    """
    if warmups is not None:
        warmups.advance(run)
    while (epoch := run.epoch) < run.config.epochs:
        with nullcontext() if warmups is None else warmups.turn(run):
            if run.epoch == epoch:
                with threads(run.config.threads), exits_caught():
                    one_epoch(run)
        yield run.history[-1]


def one_epoch(run: Run) -> None:
    """Train an epoch of Algorithm 1; if a round starts, select, record and prune first."""
    config, started = run.config, time.perf_counter()
    if plan.is_round_start(config, run.epoch):
        coreset, features = select(run)
        run.round = record(run, coreset, features)
        run.rounds.append(open_round(run))
    elif run.round is not None and plan.is_redraw(config, run.epoch):
        run.round = dataclasses.replace(run.round, coreset=select(run)[0])
    if plan.is_prune_step(config, run.epoch):
        prune(run)
    loss = train_epoch(run)
    run.epoch += 1
    run.history.append(evaluate(run, loss, run.seconds + time.perf_counter() - started))
    if run.round is not None and plan.is_round_end(config, run.epoch):
        with run.autocast():
            run.rounds[-1] = close_round(run)


def select(run: Run) -> tuple[Coreset, Features | None]:
    """Select the round's coreset with the current network; all samples if the fraction is 1."""
    config, labels = run.config, run.train_set.labels
    if config.coreset.fraction == 1 or plan.is_annealing(config, run.epoch):
        return Coreset.everything(len(labels), run.device), None
    scorer = SCORERS[config.coreset.scorer]
    sizes = group_sizes(run.data.class_counts, run.coreset_size, balanced=config.coreset.balanced)
    empty = torch.empty(len(labels), 0, device=run.device)
    features = Features(empty, empty, labels, run.memory)
    if scorer.forward:
        with run.autocast():
            features = extract(run.model, run.train_set.scan(), labels)
        run.ledger.selection += run.forward_flops * len(labels)
    run.ledger.solver += selection_flops(
        config, sizes, run.data.num_classes, run.cost.num_features
    )
    draw = generator(config.seed, "selection", run.epoch)
    coreset = scorer.select(features, make_groups(labels, sizes), draw, config.coreset)
    return coreset, features if scorer.forward else None


def record(run: Run, coreset: Coreset, features: Features | None) -> Round:
    """Return the round: its coreset, with logits recorded before the prune step.

    The logits come from the selection pass if there was one. All samples are recorded if each
    epoch draws its own coreset, or if later rounds keep the first round's logits.
    """
    settings, whole = run.config.preserve, plan.records_all(run.config)
    if settings.weight == 0 and not run.config.diagnose.passes:
        return Round(coreset, None, whole)
    if settings.anchor == "first" and run.round is not None:
        return Round(coreset, run.round.recorded, whole)
    if features is not None:
        return Round(
            coreset, features.logits if whole else features.logits[coreset.indices], whole
        )
    indices = None if whole else coreset.indices
    if settings.weight > 0:
        run.ledger.recording += run.forward_flops * (len(run.train_set) if whole else len(coreset))
    with run.autocast():
        return Round(coreset, predict_logits(run.model, run.train_set.scan(indices)), whole)


def evaluate(run: Run, train_loss: float, seconds: float) -> EpochRecord:
    """Evaluate the network on the validation set and return the epoch's record."""
    with run.autocast():
        logits = predict_logits(run.model, run.val_set.scan())
    loss = float(functional.cross_entropy(logits, run.val_set.labels))
    check_finite(loss, "validation", run.epoch, run.config)
    run.ledger.evaluation += run.forward_flops * len(run.val_set)
    return EpochRecord(
        epoch=run.epoch,
        phase="warmup" if run.round is None else "tailored",
        samples=len(run.train_set) if run.round is None else len(run.round.coreset),
        sparsity=run.sparsity,
        learning_rate=run.optimizer.param_groups[0]["lr"],
        train_loss=train_loss,
        val_loss=loss,
        val_accuracy=accuracy(logits, run.val_set.labels),
        train_flops=run.ledger.total,
        seconds=seconds,
    )


def accuracy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the share of samples whose largest logit is that of their label, in [0, 1]."""
    return int((logits.argmax(dim=1) == labels).sum()) / len(labels)


def result(run: Run, *, test: bool = False) -> TrainResult:
    """Return the result of a finished run; with ``test``, read the test set."""
    last = run.history[-1]
    test_accuracy = None
    if test:
        with threads(run.config.threads), run.autocast():
            held_out = run.samples(run.data.test_images, run.data.test_labels)
            logits = predict_logits(run.model, held_out.scan())
            test_accuracy = accuracy(logits, held_out.labels)
    return TrainResult(
        val_accuracy=last.val_accuracy,
        val_loss=last.val_loss,
        test_accuracy=test_accuracy,
        train_flops=run.ledger.total,
        predicted_flops=price(run.config, run.clean_data).total,
        relative_flops=run.ledger.total / dense_flops(run.config, run.clean_data),
        flops=run.ledger.to_dict(),
        seconds=last.seconds,
        history=tuple(run.history),
        rounds=tuple(run.rounds),
        double_losses=double_losses(
            run.history, [each.epoch for each in run.rounds], run.config.diagnose.drop
        ),
        config=run.config,
        environment=environment(run.device),
        state={name: value.detach().cpu() for name, value in run.model.state_dict().items()},
    )


def price(config: TrainConfig, data: ArrayData) -> Ledger:
    """Return the forecast FLOPs of a run by term (see `foresee`)."""
    return foresee(config, data).ledger


def foresee(config: TrainConfig, data: ArrayData) -> Forecast:
    """Forecast a run before it runs: its FLOPs and its passes.

    The forecast is exact and follows from the configuration alone, except under a global
    threshold, whose split over the layers depends on the weights. For that case the warm-up is
    rehearsed, at most 1,000 steps of it, and the resulting network is pruned by the plan without
    further training.
    """
    if not config.prune.traits.prunes or config.prune.distribution != "global":
        return Forecast(config, data)
    with threads(config.threads):
        run = rehearse(config, data)
        return Forecast(config, data, partial(sparsify.thin, run))


def rehearse(config: TrainConfig, data: ArrayData) -> Run:
    """Train a run up to its first prune step, at most 1,000 steps."""
    run = Run(config, data)
    left = REHEARSED_STEPS
    while run.epoch < plan.prune_start(config) and left > 0:
        with seeded(config.seed, "forward", run.epoch, run.device):
            for places, images in itertools.islice(begin_epoch(run), left):
                train_step(run, places, images)
                left -= 1
        run.epoch += 1
    return run


@contextmanager
def exits_caught() -> Iterator[None]:
    """Turn an exit of the user's code inside the block into an error.

    Raises:
        UserCodeError: the code called `sys.exit`.
    """
    try:
        yield
    except SystemExit as error:
        raise UserCodeError(f"the network ended the program: SystemExit: {error}") from error


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Use a number of CPU threads inside the block; restore the old number afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
