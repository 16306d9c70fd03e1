"""Traits of the pruning methods: declared for each, true for each, and used by the code."""

from __future__ import annotations

from typing import get_args

import pytest

from swast import plan
from swast.config import PRUNER_TRAITS, PruneConfig, PrunerName, PrunerTraits, TrainConfig
from swast.errors import ConfigError
from swast.forecast import layer_counts
from swast.pruning import PRUNERS, Pruner, n_m
from swast.pruning.magnitude import prune
from swast.run import Run
from swast.settings import FieldType, field_types
from swast.training import price
from tests.swast.support import few_digits, pruning, started, tiny, train


@pytest.fixture
def register(monkeypatch):
    """Return a function that registers a made-up method with some traits."""
    names = field_types(PruneConfig)["method"].names

    def registered(traits: PrunerTraits, pruner: Pruner | None = None) -> None:
        kind = FieldType(str, (*names, "made-up"))
        monkeypatch.setitem(field_types(PruneConfig), "method", kind)
        monkeypatch.setitem(PRUNER_TRAITS, "made-up", traits)
        monkeypatch.setitem(PRUNERS, "made-up", pruner or Pruner(prune))

    return registered


def test_every_method_has_traits():
    assert tuple(PRUNER_TRAITS) == get_args(PrunerName) == ("none", *PRUNERS)
    assert [name for name, traits in PRUNER_TRAITS.items() if not traits.prunes] == ["none"]


@pytest.mark.parametrize("method", PRUNERS)
def test_the_traits_agree_with_the_pruner(method):
    traits, pruner = PRUNER_TRAITS[method], PRUNERS[method]
    assert traits.changes_shapes == (pruner.prune is None)
    assert traits.fixed_ratio == (pruner.survivors is not None)
    assert traits.updates_masks == (pruner.grow is not None)


@pytest.mark.parametrize("method", PRUNERS)
def test_the_traits_hold_in_a_run(method):
    run = started(tiny({**pruning(method), "model": "cnn-small"}), after=6)
    fresh = Run(run.config, few_digits())
    shapes = [tuple(each.shape) for each in run.model.parameters()]
    changed = shapes != [tuple(each.shape) for each in fresh.model.parameters()]
    assert changed == PRUNER_TRAITS[method].changes_shapes
    assert run.sparsity > 0


@pytest.mark.parametrize("method", PRUNERS)
def test_every_requirement_names_a_setting_and_allowed_values(method):
    for name, (allowed, reason) in PRUNER_TRAITS[method].requires.items():
        assert reason
        for value in allowed:
            config = tiny({**pruning(method), f"prune.{name}": value})
            assert getattr(config.prune, name) == value


def test_a_configuration_knows_the_traits_of_its_method():
    assert TrainConfig().prune.traits is PRUNER_TRAITS["rigl"]
    assert PruneConfig(method="none").traits == PrunerTraits(prunes=False)


class TestAMadeUpMethod:
    def test_it_trains_and_its_price_is_known(self, register):
        register(PrunerTraits())
        result = train(tiny({"prune.method": "made-up"}), data=few_digits())
        assert result.predicted_flops == result.train_flops
        assert result.history[-1].sparsity == pytest.approx(0.9, abs=1e-4)

    def test_its_requirements_are_checked(self, register):
        register(PrunerTraits(requires={"schedule": (("linear", "cosine"), "as it is slow")}))
        assert PruneConfig(method="made-up", schedule="cosine").schedule == "cosine"
        with pytest.raises(ConfigError) as caught:
            PruneConfig(method="made-up", schedule="cubic")
        assert caught.value.problems == (
            "prune.schedule must be linear or cosine under made-up, as it is slow, got 'cubic'",
        )

    def test_one_that_does_not_prune_trains_dense(self, register):
        register(PrunerTraits(prunes=False))
        config = tiny({"prune.method": "made-up"})
        assert plan.target_sparsity(config, config.epochs) == 0
        assert not any(plan.is_prune_step(config, epoch) for epoch in range(config.epochs))
        dense = config.with_values({"prune.method": "none"})
        assert price(config, few_digits()) == price(dense, few_digits())

    def test_one_with_a_fixed_ratio_is_counted_by_shape(self, register):
        pruner = Pruner(n_m.prune, survivors=n_m.survivors)
        register(PrunerTraits(fixed_ratio=True), pruner)
        config = tiny({"prune.method": "made-up"})
        shapes = {"first": (16, 8), "second": (4, 6)}
        assert layer_counts(config, shapes, 0.5) == {"first": 64, "second": 24}

    def test_one_that_changes_shapes_has_no_masks(self, register):
        register(PrunerTraits(changes_shapes=True), PRUNERS["channel"])
        chosen = {"prune.method": "made-up", "model": "cnn-small", "prune.sparsity": 0.5}
        run = started(tiny(chosen), after=6)
        assert not run.masks.weights
        assert run.sparsity > 0.5
        assert run.model[0].weight.shape[0] == 8
        assert price(run.config, few_digits()) == run.ledger

    @pytest.mark.parametrize("updates", [False, True])
    def test_masks_change_between_prune_steps_if_it_says_so(self, register, updates):
        register(PrunerTraits(updates_masks=updates), PRUNERS["rigl"])
        run = started(tiny({"prune.method": "made-up", "prune.schedule": "one-shot"}), after=6)
        assert (run.ledger.dense_gradients > 0) == updates
        assert price(run.config, few_digits()) == run.ledger
