"""Precision, layout and compilation: they change a training by rounding only."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import nn

from swast.cli import main
from swast.compute import placed, training_forward
from swast.config import ComputeConfig
from swast.data import DATASETS
from swast.errors import ConfigError
from swast.models import MODELS
from swast.pruning import PRUNERS
from tests.swast.support import (
    MASKING,
    TRAINING,
    copied,
    epochs,
    few_digits,
    pruning,
    restless_mlp,
    same_bits,
    started,
    tiny,
    train,
)

CPU = torch.device("cpu")
WAYS = {
    "bf16": {"compute.precision": "bf16"},
    "channels-last": {"compute.channels_last": True},
    "both": {"compute.precision": "bf16", "compute.channels_last": True},
    "compiled": {"compute.compile": True},
    "fewer channels": {
        "compute.channels_last": True,
        "optim.name": "adamw",
        **pruning("channel", "linear"),
    },
}


@pytest.fixture(autouse=True)
def quick_compiler(monkeypatch):
    """Use the compiler's front end only, which saves seconds and needs no C++."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    yield
    torch.compiler.reset()


@pytest.mark.parametrize("name", ["bf16", "channels-last", "both", "compiled"])
def test_losses_stay_close_to_those_of_plain_fp32(name):
    config = tiny({"model": "cnn-small", "coreset.scorer": "random", "prune.method": "none"})
    plain, other = (
        train(each, data=few_digits()) for each in (config, config.with_values(WAYS[name]))
    )
    for one, two in zip(plain.history, other.history, strict=True):
        assert two.train_loss == pytest.approx(one.train_loss, rel=0.02)
        assert two.val_loss == pytest.approx(one.val_loss, rel=0.02)
        assert two.train_flops == one.train_flops


@pytest.mark.parametrize("values", WAYS.values(), ids=WAYS)
def test_a_run_is_stopped_and_goes_on_bit_for_bit(tmp_path, values):
    config = tiny({"model": "cnn-small", "epochs": 4}, **values)
    unbroken = train(config, data=few_digits())

    def stop(entry) -> None:
        if entry.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, data=few_digits(), checkpoint_dir=tmp_path, on_epoch=stop)
    resumed = train(config, data=few_digits(), checkpoint_dir=tmp_path)
    assert same_bits(resumed.state, unbroken.state)
    living = sum(int((resumed.state[f"{name}.weight"] != 0).sum()) for name in "0268")
    assert living <= 0.11 * 29_808


class TestPrecision:
    def test_layers_compute_in_bf16_and_everything_that_is_kept_is_fp32(self):
        run = started(tiny({"model": "cnn-small", "compute.precision": "bf16"}))
        seen = set()
        handle = run.model[2].register_forward_hook(lambda *found: seen.add(found[2].dtype))
        steps = epochs(run)
        next(steps), next(steps)
        handle.remove()
        assert seen == {torch.bfloat16}
        kept = [*run.model.parameters(), run.round.recorded]
        kept += [state["momentum_buffer"] for state in run.optimizer.state.values()]
        assert {tensor.dtype for tensor in kept} == {torch.float32}

    def test_features_for_scorers_are_fp32(self):
        run = started(tiny({"compute.precision": "bf16"}), after=1)
        _, features = TRAINING.select(run)
        assert features.hidden.dtype == features.logits.dtype == torch.float32


class TestLayout:
    def test_kernels_have_the_channels_innermost_and_the_same_values(self):
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(16, 2))
        before = copied(model)
        placed(model, CPU, ComputeConfig(channels_last=True))
        assert same_bits(copied(model), before)
        assert model[0].weight.is_contiguous(memory_format=torch.channels_last)
        assert model[2].weight.is_contiguous()

    @pytest.mark.parametrize("pruner", PRUNERS)
    def test_they_keep_it_through_pruning_and_a_checkpoint(self, pruner):
        values = {"model": "cnn-small", "compute.channels_last": True, **pruning(pruner)}
        run = started(tiny(values), after=4)
        other = started(run.config)
        other.load_state_dict(run.state_dict())
        for each in (run, other):
            weight = each.model[2].weight
            assert weight.is_contiguous(memory_format=torch.channels_last)
            assert pruner not in MASKING or not weight[~each.masks.alive("2")].any()


class TestCompilation:
    def test_training_steps_are_compiled_and_selection_is_not(self, monkeypatch):
        compiled = []

        def backend(graph, _inputs):
            compiled.append(graph)
            return graph.forward

        monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=backend))
        monkeypatch.setitem(MODELS, "mlp-small", restless_mlp)
        run = started(tiny({"compute.compile": True, "optim.batch_size": 40}))
        steps = epochs(run)
        next(steps)
        assert compiled
        count = len(compiled)
        TRAINING.select(run)
        assert len(compiled) == count

    def test_a_failure_is_said_in_one_line_with_exit_code_2(self, tmp_path, monkeypatch, capsys):
        def backend(_graph, _inputs):
            raise OSError("no compiler found\nand a page about it")

        monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=backend))
        monkeypatch.setitem(DATASETS, "digits", lambda *_: few_digits())
        (tmp_path / "c.toml").write_text(tiny({"compute.compile": True}).to_toml())
        assert main([str(tmp_path / "c.toml")]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert "compute.compile must be false for this network here: " in err
        assert "no compiler found" in err

    def test_a_python_that_the_compiler_does_not_know_is_refused(self, monkeypatch):
        def unknown(_model):
            raise RuntimeError("torch.compile is not supported on Python 4")

        monkeypatch.setattr(torch, "compile", unknown)
        with pytest.raises(
            ConfigError, match=r"here: torch\.compile is not supported on Python 4"
        ):
            training_forward(nn.Linear(1, 1), CPU, ComputeConfig(compile=True))


def test_a_gpu_that_is_not_there_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (tmp_path / "c.toml").write_text(tiny({"device": "cuda"}).to_toml())
    assert main([str(tmp_path / "c.toml")]) == 2
    assert capsys.readouterr().err == (
        "swast-train: device 'cuda' needs a GPU, and PyTorch finds none\n"
    )
