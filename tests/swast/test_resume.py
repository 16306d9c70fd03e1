"""Resumed runs equal uninterrupted ones, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from swast import checkpoint
from swast.config import TrainConfig
from swast.errors import CheckpointError
from swast.models import MODELS
from swast.result import EpochRecord
from swast.run import Run
from tests.swast.support import (
    STEPS,
    assert_same_run,
    epochs,
    few_digits,
    global_generators,
    pruning,
    restless_mlp,
    tiny,
    train,
)

CONFIGS = {
    "rigl": {"coreset.scorer": "random", "prune.method": "rigl", "preserve.weight": 0},
    "gradmatch with preservation": {"prune.method": "magnitude", "prune.distribution": "global"},
    "granet": {**pruning("granet", distribution="global"), "coreset.scorer": "infobatch"},
    "set from the start": {**pruning("set"), "prune.start": "init", "coreset.scorer": "ccs"},
    "first states, all kept": {"coreset.scorer": "random", "preserve.anchor": "first"},
    "all together": {"model": "cnn-small", "noise.rate": 0.3, "prune.schedule": "one-shot"},
}
every_config = pytest.mark.parametrize("values", CONFIGS.values(), ids=CONFIGS)


def stop_after(epoch: int) -> Callable[[EpochRecord], None]:
    def on_epoch(entry: EpochRecord) -> None:
        if entry.epoch == epoch:
            raise KeyboardInterrupt

    return on_epoch


def stopped(config: TrainConfig, folder: Path, epoch: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(config, data=few_digits(), checkpoint_dir=folder, on_epoch=stop_after(epoch))


@every_config
def test_a_stop_after_any_epoch_changes_nothing(tmp_path, values):
    config = tiny(values)
    unbroken = train(config, data=few_digits())
    for epoch in range(1, config.epochs + 1):
        folder = tmp_path / str(epoch)
        stopped(config, folder, epoch)
        assert_same_run(train(config, data=few_digits(), checkpoint_dir=folder), unbroken)


@every_config
def test_a_stop_after_every_epoch_changes_nothing(tmp_path, values):
    config = tiny(values)
    for epoch in range(1, config.epochs + 1):
        stopped(config, tmp_path, epoch)
    result = train(config, data=few_digits(), checkpoint_dir=tmp_path)
    assert_same_run(result, train(config, data=few_digits()))
    seconds = [entry.seconds for entry in result.history]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize("step", [1, 9, 14])
def test_a_kill_in_the_middle_of_an_epoch_changes_nothing(tmp_path, monkeypatch, step):
    """Warm-up has 8 steps, and each later epoch 3."""
    config = tiny()
    unbroken = train(config, data=few_digits())
    left = [step]
    plain = STEPS.train_step

    def mortal(*arguments: object) -> torch.Tensor:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return plain(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(STEPS, "train_step", mortal)
        with pytest.raises(KeyboardInterrupt):
            train(config, data=few_digits(), checkpoint_dir=tmp_path)
    assert_same_run(train(config, data=few_digits(), checkpoint_dir=tmp_path), unbroken)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_dropout_and_statistics_of_batch_norm_come_back_too(tmp_path, monkeypatch, optimizer):
    monkeypatch.setitem(MODELS, "mlp-small", restless_mlp)
    config = tiny({"optim.name": optimizer, "optim.schedule": "one-cycle"})
    unbroken = train(config, data=few_digits())
    stopped(config, tmp_path, 3)
    torch.rand(5)
    before = global_generators()
    assert_same_run(train(config, data=few_digits(), checkpoint_dir=tmp_path), unbroken)
    assert global_generators() == before


def test_a_network_of_torchvision_with_dropout_goes_on_too(tmp_path):
    values = {"model": "mobilenet-v2", "epochs": 2, "coreset.fraction": 0.4}
    config, data = tiny(values, **{"optim.batch_size": 16}), few_digits(32, 10)
    unbroken = train(config, data=data)
    assert unbroken.predicted_flops == unbroken.train_flops
    with pytest.raises(KeyboardInterrupt):
        train(config, data=data, checkpoint_dir=tmp_path, on_epoch=stop_after(1))
    torch.rand(5)
    before = global_generators()
    assert_same_run(train(config, data=data, checkpoint_dir=tmp_path), unbroken)
    assert global_generators() == before


def test_each_epoch_drops_other_units_and_the_seed_says_which(monkeypatch):
    monkeypatch.setitem(MODELS, "mlp-small", restless_mlp)

    def dropped(seed: int) -> list[bytes]:
        masks: list[bytes] = []
        run = Run(tiny({"seed": seed, "optim.batch_size": 120}), few_digits())
        run.model[4].register_forward_hook(
            lambda module, _, out: (
                masks.append((out == 0).numpy().tobytes()) if module.training else None
            )
        )
        for _ in epochs(run):
            pass
        return masks

    masks = dropped(0)
    assert len(set(masks)) == len(masks) == 6
    assert dropped(0) == masks
    assert not set(dropped(1)) & set(masks)


def test_a_finished_run_gives_its_result_without_another_step(tmp_path, monkeypatch):
    config = tiny()
    first = train(config, data=few_digits(), checkpoint_dir=tmp_path)
    monkeypatch.setattr(STEPS, "train_step", lambda *_: pytest.fail("trained again"))
    again = train(config, data=few_digits(), checkpoint_dir=tmp_path, test=True)
    assert_same_run(again, first)
    assert again.test_accuracy is not None


def test_an_epoch_is_saved_before_its_caller_hears_of_it(tmp_path):
    heard = []

    def on_epoch(entry: EpochRecord) -> None:
        heard.append((entry.epoch, checkpoint.load(tmp_path)["epoch"]))

    train(tiny(), data=few_digits(), checkpoint_dir=tmp_path, on_epoch=on_epoch)
    assert heard == [(epoch, epoch) for epoch in range(1, 7)]


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"optim.lr": 0.01}, {"epochs": 7}, {"coreset.scorer": "random"}]
)
def test_a_checkpoint_of_another_configuration_is_refused_by_name_and_kept(tmp_path, change):
    stopped(tiny(), tmp_path, 2)
    before = (tmp_path / checkpoint.FILE).read_bytes()
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: belongs to another config"):
        train(tiny(change), data=few_digits(), checkpoint_dir=tmp_path)
    assert (tmp_path / checkpoint.FILE).read_bytes() == before


def test_a_checkpoint_that_lacks_a_part_is_refused(tmp_path):
    """For example, one written by another version of the package."""
    stopped(tiny(), tmp_path, 2)
    whole = checkpoint.load(tmp_path)
    for part in whole:
        checkpoint.save(tmp_path, {name: value for name, value in whole.items() if name != part})
        with pytest.raises(CheckpointError, match=r"checkpoint\.pt"):
            train(tiny(), data=few_digits(), checkpoint_dir=tmp_path)
