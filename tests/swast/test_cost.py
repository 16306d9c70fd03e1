"""Training FLOPs: by hand, by PyTorch's counter, and by the forecast."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from swast import forecast
from swast.config import PRUNER_TRAITS, TrainConfig
from swast.coresets import SCORERS
from swast.cost import Ledger, model_cost
from swast.forecast import dense_flops, predict
from swast.models import MODELS, build_model
from swast.pruning import PRUNERS
from tests.swast.support import (
    MASKING,
    SMALL,
    TRAINING,
    combinations,
    copied,
    digits,
    few_digits,
    named,
    price,
    pruning,
    restless_mlp,
    same_bits,
    started,
    tiny,
    train,
)

EXACT = [each for each in combinations() if each["prune.distribution"] != "global"]
WEIGHTS = 64 * 256 + 256 * 128 + 128 * 10


def unrestricted(method: str) -> bool:
    """Return whether a pruner takes every schedule and distribution."""
    return not PRUNER_TRAITS[method].requires


def counted(model: nn.Module, shape: tuple[int, ...]) -> int:
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *shape))
    return counter.get_total_flops()


def measured(config: TrainConfig) -> Ledger:
    return started(config, after=config.epochs).ledger


class TestForward:
    def test_cnn_small_costs_what_its_layers_do(self):
        conv = 2 * 64 * (9 * 1 * 16 + 9 * 16 * 32)
        linear = 2 * (32 * 4 * 4 * 48 + 48 * 10)
        cost = model_cost(build_model("cnn-small", (1, 8, 8), 10, 0), (1, 8, 8))
        assert cost.forward() == conv + linear == 658_368

    @pytest.mark.parametrize("name", SMALL)
    @pytest.mark.parametrize("shape", [(1, 8, 8), (3, 12, 6)])
    def test_a_dense_network_costs_what_pytorch_counts(self, name, shape):
        model = build_model(name, shape, 10, 0)
        assert model_cost(model, shape).forward() == counted(model, shape)

    def test_what_is_not_prunable_is_counted_and_never_thinned(self):
        class Mixing(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer, self.mix = nn.Linear(4, 3), nn.Parameter(torch.ones(4, 4))

            def forward(self, images):
                return self.layer(images.flatten(1) @ self.mix)

        cost = model_cost(Mixing(), (1, 2, 2))
        assert cost.other == 2 * 16
        assert cost.forward() == 2 * 16 + 2 * 12
        assert cost.forward({"layer": 5}) == 2 * 16 + 2 * 5

    def test_a_convolutions_weight_costs_two_flops_at_every_position(self):
        cost = model_cost(build_model("cnn-small", (1, 8, 8), 10, 0), (1, 8, 8))
        assert cost.per_weight == {"0": 128, "2": 128, "6": 2, "8": 2}
        living = {"0": 7, "2": 100, "6": 0, "8": 480}
        assert cost.forward(living) == 128 * 107 + 2 * 480
        assert cost.num_features == 48

    def test_counting_leaves_the_network_as_it_was(self):
        model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
        before = copied(model)
        model_cost(model, (1, 2, 2))
        assert same_bits(copied(model), before)
        assert all(module.training for module in model.modules())

    @pytest.mark.parametrize("method", MASKING)
    @pytest.mark.parametrize("distribution", ["global", "erk"])
    def test_a_sparse_networks_cost_is_that_of_the_masks_in_force(self, method, distribution):
        config = tiny({"model": "cnn-small", **pruning(method, distribution=distribution)})
        run = started(config, after=4)
        positions = {"0": 64, "2": 64, "6": 1, "8": 1}
        by_hand = sum(
            2 * places * int(run.masks.alive(name).sum()) for name, places in positions.items()
        )
        assert 0 < run.forward_flops == by_hand < 658_368


class TestLedgerByHand:
    """Ledger with 36 of 120 samples in batches of 16: epochs of 3 steps, the last of 4 samples.

    Rounds at the epochs 1, 3 and 5 prune to 0, ¼ and ½ of 50,432 weights; a weight is 2 FLOPs.
    """

    QUARTER, HALF = WEIGHTS * 3 // 4, WEIGHTS // 2

    def config(self, **values: object) -> TrainConfig:
        return tiny(
            {
                "prune.method": "magnitude",
                "prune.schedule": "linear",
                "prune.sparsity": 0.5,
                "prune.distribution": "uniform",
            },
            **values,
        )

    @property
    def common(self) -> dict[str, int]:
        return {
            "warmup": 3 * 2 * WEIGHTS * 120,
            "training": 3 * 2 * 36 * (2 * WEIGHTS + 2 * self.QUARTER + self.HALF),
            "evaluation": 2 * 40 * (3 * WEIGHTS + 2 * self.QUARTER + self.HALF),
            "dense_gradients": 0,
            "saliency": 0,
        }

    def test_a_scorer_that_looks_pays_a_forward_pass_at_the_density_before_the_prune_step(self):
        config = self.config(**{"coreset.scorer": "el2n"})
        assert measured(config).to_dict() == {
            **self.common,
            "selection": 2 * 120 * (2 * WEIGHTS + self.QUARTER),
            "solver": 3 * (120 * 3 * 10),
            "recording": 0,
        }

    def test_a_scorer_that_does_not_look_pays_for_recording_the_coreset_alone(self):
        config = self.config(**{"coreset.scorer": "random"})
        assert measured(config).to_dict() == {
            **self.common,
            "selection": 0,
            "solver": 0,
            "recording": 2 * 36 * (2 * WEIGHTS + self.QUARTER),
        }

    @pytest.mark.parametrize(("scorer", "passes"), [("random", 1), ("el2n", 0)])
    def test_the_first_rounds_states_are_paid_for_once_over_all_samples(self, scorer, passes):
        """This holds unless the selection pass already gives the logits."""
        config = self.config(**{"coreset.scorer": scorer, "preserve.anchor": "first"})
        assert measured(config).recording == 2 * 120 * WEIGHTS * passes
        assert price(config, few_digits()) == measured(config)

    def test_nothing_is_recorded_without_preservation(self):
        config = self.config(**{"coreset.scorer": "random", "preserve.weight": 0})
        assert measured(config).recording == 0

    def test_rigl_pays_the_dense_part_of_the_weight_gradient_at_updates(self):
        """Updates are every 4 steps from step 4 to the end of pruning, at step (5 − 1) · 3 = 12.

        Step 4 is before any pruning; step 8 is the third of epoch 3, with 4 samples.
        """
        config = self.config(
            **{
                "coreset.scorer": "random",
                "prune.method": "rigl",
                "prune.update_interval": 4,
            }
        )
        dense_gradients = 4 * 2 * (WEIGHTS - self.QUARTER)
        assert measured(config).dense_gradients == dense_gradients

    def test_an_epochs_record_holds_the_bill_so_far(self):
        run = started(self.config(**{"coreset.scorer": "random", "preserve.weight": 0}), after=6)
        bills = [entry.train_flops for entry in run.history]
        epochs_cost = [WEIGHTS, WEIGHTS, self.QUARTER, self.QUARTER, self.HALF]
        assert bills[0] == 3 * 2 * WEIGHTS * 120
        assert [b - a for a, b in pairwise(bills)] == [
            3 * 2 * 36 * weights for weights in epochs_cost
        ]

    def test_the_prediction_is_the_same_by_hand(self):
        config = self.config(**{"coreset.scorer": "el2n"})
        assert predict(config, few_digits()).to_dict() == measured(config).to_dict()


class TestLedger:
    def test_evaluation_is_not_in_the_bill(self):
        assert Ledger(1, 2, 4, 8, 16, 32, 64, evaluation=1000).total == 127

    def test_the_unit_is_dense_training_on_all_data(self):
        assert dense_flops(TrainConfig(), digits()) == 3 * 658_368 * 1149 * 30

    def test_training_dense_on_all_data_costs_one_unit(self):
        config = tiny({"prune.method": "none", "coreset.fraction": 1, "preserve.weight": 0})
        assert measured(config).total == dense_flops(config, few_digits())
        assert train(config, data=few_digits()).relative_flops == 1


class TestPrediction:
    @pytest.mark.parametrize("scorer", SCORERS)
    @pytest.mark.parametrize("method", ["none", "magnitude", "granet", "snip"])
    def test_it_is_what_is_measured_to_the_last_digit(self, scorer, method):
        config = tiny({"coreset.scorer": scorer, **pruning(method)})
        assert price(config, few_digits()) == measured(config)

    @pytest.mark.parametrize("values", EXACT, ids=named)
    @pytest.mark.parametrize("start", ["warmup", "init"])
    @pytest.mark.usefixtures("short_synflow")
    def test_it_is_under_every_pruner(self, values, start):
        config = tiny({"coreset.scorer": "random", "prune.start": start, **values})
        assert price(config, few_digits()) == measured(config)

    @settings(max_examples=25)
    @given(st.data())
    def test_it_holds_for_any_configuration(self, data):
        epoch_count = data.draw(st.integers(1, 7), label="epochs")
        draw = {
            "device": st.just("cpu"),
            "model": st.sampled_from(SMALL),
            "epochs": st.just(epoch_count),
            "warmup_epochs": st.integers(0, epoch_count),
            "interval": st.integers(1, 8),
            "seed": st.integers(0, 5),
            "coreset.scorer": st.sampled_from(list(SCORERS)),
            "coreset.fraction": st.sampled_from([0.01, 0.2, 0.5, 1.0]),
            "coreset.balanced": st.booleans(),
            "prune.start": st.sampled_from(["warmup", "init"]),
            "prune.sparsity": st.sampled_from([0.0, 0.3, 0.95, 0.9999]),
            "prune.scope": st.sampled_from(["fc", "all"]),
            "prune.end": st.sampled_from([0.1, 0.5, 1.0]),
            "prune.update_interval": st.integers(0, 5),
            "preserve.weight": st.sampled_from([0.0, 0.1]),
            "optim.batch_size": st.sampled_from([7, 32, 500]),
            "noise.rate": st.sampled_from([0.0, 0.4]),
        }
        values = {path: data.draw(values, label=path) for path, values in draw.items()}
        values["coreset.balanced"] &= values["coreset.fraction"] > 0.01  # 1 sample for 10 classes
        if data.draw(st.booleans(), label="pruned"):
            chosen = data.draw(st.sampled_from(EXACT), label="pruning")
            kept = (
                "prune.sparsity" if not PRUNER_TRAITS[chosen["prune.method"]].fixed_ratio else ""
            )
            values |= {path: value for path, value in chosen.items() if path != kept}
        else:
            values["prune.method"] = "none"
        config = TrainConfig().with_values(values)
        assert price(config, few_digits()) == measured(config)

    def test_a_result_carries_both_and_their_ratio(self):
        config = tiny()
        result = train(config, data=few_digits())
        assert result.predicted_flops == result.train_flops == Ledger(**result.flops).total
        assert result.relative_flops == result.train_flops / dense_flops(config, few_digits())

    @pytest.mark.parametrize("method", ["magnitude", "rigl", "set", "granet", "snip", "random"])
    def test_under_a_global_threshold_it_is_close_at_the_defaults(self, method):
        config = TrainConfig().with_values(
            {"device": "cpu", **pruning(method, distribution="global")}
        )
        result = train(config, data=digits())
        assert result.predicted_flops == pytest.approx(result.train_flops, rel=0.02)

    def test_rehearsing_a_warm_up_changes_nothing_outside(self):
        config = tiny({"prune.distribution": "global"})
        threads, state = torch.get_num_threads(), torch.get_rng_state()
        assert price(config, few_digits()) == price(config, few_digits())
        assert torch.get_num_threads() == threads
        assert torch.equal(torch.get_rng_state(), state)

    def test_dropout_draws_in_the_rehearsal_what_it_draws_in_the_run(self, monkeypatch):
        """So the forecast of a single cut by a global threshold is exact."""
        monkeypatch.setitem(MODELS, "mlp-small", restless_mlp)
        forecast._outline.cache_clear(), forecast._cost_of.cache_clear()
        one_cut = {"prune.schedule": "one-shot", "interval": 9, "prune.distribution": "global"}
        config = tiny(one_cut, **{"prune.method": "magnitude", "coreset.scorer": "random"})
        assert price(config, few_digits()) == measured(config)
        forecast._outline.cache_clear(), forecast._cost_of.cache_clear()

    def test_a_long_warm_up_is_rehearsed_in_part(self, monkeypatch):
        config = tiny({"prune.distribution": "global", "warmup_epochs": 5})
        run = started(config, after=2)
        monkeypatch.setattr(TRAINING, "REHEARSED_STEPS", 16)
        rehearsed = TRAINING.rehearse(config, few_digits())
        assert same_bits(copied(rehearsed.model), copied(run.model))

    @pytest.mark.parametrize("method", [name for name in PRUNERS if unrestricted(name)])
    def test_a_global_cut_at_initialisation_is_known_exactly(self, method):
        """No rehearsal is needed; the first prune step is the real one."""
        chosen = pruning(method, "one-shot", "global")
        config = tiny({**chosen, "prune.start": "init", "prune.update_interval": 1000})
        assert price(config, few_digits()) == measured(config)

    def test_counts_of_a_global_threshold_are_never_guessed(self):
        with pytest.raises(ValueError, match="a global threshold's counts"):
            predict(tiny({"prune.distribution": "global"}), few_digits())
