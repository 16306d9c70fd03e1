"""Contract of the pruners: the same tests run for each of them."""

from __future__ import annotations

import pytest
import torch

from swast import sparsify
from swast.config import PRUNER_TRAITS
from swast.errors import ConfigError
from swast.models import build_model
from swast.pruning import PRUNERS, prunable_weights
from tests.swast.support import (
    MASKING,
    copied,
    few_digits,
    global_generators,
    pruning,
    same_bits,
    started,
    tiny,
    train,
)

every_pruner = pytest.mark.parametrize("method", PRUNERS)
ONE_SHOT = [name for name in MASKING if pruning(name, "one-shot")["prune.schedule"] == "one-shot"]


@pytest.mark.parametrize("method", MASKING)
def test_a_prune_step_changes_masks_and_what_they_cover_and_nothing_else(method):
    run = started(tiny(pruning(method, "linear")), after=2)
    before, generators = copied(run.model), global_generators()
    modes = [module.training for module in run.model.modules()]
    gradients = [p.grad.clone() for p in run.model.parameters()]
    run.epoch = 5
    sparsify.prune(run)
    after = copied(run.model)
    for name, value in before.items():
        layer = name.removesuffix(".weight")
        alive = run.masks.alive(layer) if name.endswith("weight") else 1
        assert torch.equal(after[name], value * alive)
    assert global_generators() == generators
    assert [module.training for module in run.model.modules()] == modes
    for parameter, gradient in zip(run.model.parameters(), gradients, strict=True):
        assert torch.equal(parameter.grad, gradient)


@every_pruner
@pytest.mark.parametrize("start", ["warmup", "init"])
def test_the_same_seed_gives_the_same_bits_and_another_another_run(method, start):
    config = tiny({**pruning(method), "prune.start": start})
    one, two = (train(config, data=few_digits()) for _ in range(2))
    other = train(config.with_values({"seed": 1}), data=few_digits())
    assert same_bits(one.state, two.state)
    assert not same_bits(one.state, other.state)


@pytest.mark.parametrize("method", ONE_SHOT)
def test_pruning_at_initialisation_thins_the_warm_up(method):
    config = tiny({**pruning(method, "one-shot"), "prune.start": "init", "warmup_epochs": 3})
    run = started(config, after=1)
    spare = 1280 / 50_432 if PRUNER_TRAITS[method].fixed_ratio else 0
    assert run.history[0].sparsity == pytest.approx(config.prune.sparsity, abs=1e-4 + spare)
    assert run.ledger.warmup == 3 * 120 * run.forward_flops


class TestLayers:
    MODEL = build_model("cnn-small", (1, 8, 8), 10, 0)

    def test_names_and_patterns_take_the_scopes_place(self):
        assert list(prunable_weights(self.MODEL, "fc")) == ["6", "8"]
        assert list(prunable_weights(self.MODEL, "fc", ["2"])) == ["2"]
        assert list(prunable_weights(self.MODEL, "all", ["[68]", "0"])) == ["0", "6", "8"]

    def test_a_name_that_meets_no_layer_is_refused_with_those_there_are(self):
        with pytest.raises(
            ConfigError, match=r"prune.layers: no layer is named '1'; there are 0,"
        ):
            prunable_weights(self.MODEL, "all", ["0", "1"])

    @pytest.mark.parametrize("method", MASKING)
    def test_no_other_layer_is_touched(self, method):
        config = tiny({**pruning(method, "linear"), "prune.layers": ["3"]})
        run = started(config, after=6)
        assert set(run.masks.weights) == {"3"}
        assert not (run.model[1].weight == 0).any()
        assert train(config, data=few_digits()).predicted_flops == run.ledger.total
