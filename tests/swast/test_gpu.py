"""The same training on a GPU, if there is one."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from swast.calibration import calibrate, solver_seconds
from swast.coresets import SCORERS
from swast.pruning import PRUNERS
from swast.result import EpochRecord
from tests.swast.support import few_digits, price, pruning, same_bits, tiny, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("pruner", ["none", *PRUNERS])
def test_a_run_stopped_at_any_epoch_goes_on_there(tmp_path, scorer, pruner):
    """Checkpoints are loaded onto the CPU; every part must be moved back to the GPU."""
    chosen = {"prune.method": "none"} if pruner == "none" else pruning(pruner)
    config = tiny({"device": "cuda", "coreset.scorer": scorer, **chosen})
    unbroken = train(config, data=few_digits())
    assert price(config, few_digits()).total == unbroken.train_flops

    def stop(entry: EpochRecord) -> None:
        raise KeyboardInterrupt

    for _ in range(config.epochs):
        with pytest.raises(KeyboardInterrupt):
            train(config, data=few_digits(), checkpoint_dir=tmp_path, on_epoch=stop)
    resumed = train(config, data=few_digits(), checkpoint_dir=tmp_path)
    assert same_bits(resumed.state, unbroken.state)
    for one, other in zip(resumed.history, unbroken.history, strict=True):
        assert dataclasses.replace(one, seconds=0) == dataclasses.replace(other, seconds=0)


WAYS = {
    "dropout": {"model": "mobilenet-v2"},
    "adamw": {"optim.name": "adamw", "optim.lr": 0.003, "optim.schedule": "one-cycle"},
    "bf16": {"compute.precision": "bf16"},
    "channels-last": {"compute.channels_last": True},
    "compiled": {"compute.compile": True},
    "all": {
        "compute.precision": "bf16",
        "compute.channels_last": True,
        "compute.compile": True,
        "optim.clip_norm": 1.0,
    },
}


@pytest.mark.parametrize("values", WAYS.values(), ids=WAYS)
def test_every_way_to_compute_stays_close_to_fp32_on_the_cpu_and_goes_on(tmp_path, values):
    plain = {"model": "cnn-small", "coreset.scorer": "random", "prune.method": "none"}
    config = tiny({"device": "cuda", **plain, **values})
    before = torch.cuda.get_rng_state()
    unbroken = train(config, data=few_digits())
    assert torch.equal(torch.cuda.get_rng_state(), before)
    if values.keys() & {"compute.precision", "compute.channels_last", "compute.compile"}:
        on_cpu = train(tiny(plain, device="cpu"), data=few_digits())
        assert unbroken.history[0].train_loss == pytest.approx(
            on_cpu.history[0].train_loss, rel=0.05
        )

    def stop(entry: EpochRecord) -> None:
        if entry.epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, data=few_digits(), checkpoint_dir=tmp_path, on_epoch=stop)
    torch.rand(3, device="cuda")
    resumed = train(config, data=few_digits(), checkpoint_dir=tmp_path)
    assert same_bits(resumed.state, unbroken.state)


def test_a_gpu_is_taken_where_there_is_one():
    result = train(tiny({"device": "auto"}), data=few_digits())
    assert {value.device.type for value in result.state.values()} == {"cpu"}
    assert result.val_accuracy == train(tiny({"device": "cuda"}), data=few_digits()).val_accuracy


@pytest.mark.parametrize("scorer", SCORERS)
def test_its_speed_is_measured_there(scorer):
    config = tiny({"device": "cuda", "coreset.scorer": scorer})
    speed = calibrate(config, few_digits(), 0.2)
    assert speed.step + speed.sample > 0 < speed.forward
    assert (solver_seconds(config, few_digits()) > 0) == (
        train(config, data=few_digits()).flops["solver"] > 0
    )
