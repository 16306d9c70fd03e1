"""infobatch: only low-loss samples are dropped, and the weighted gradient is unbiased."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from swast.config import CoresetConfig
from swast.coresets import SCORERS, group_sizes, make_groups
from swast.coresets.infobatch import thin_out
from swast.features import Features
from swast.memory import Memory
from swast.preservation import weighted_cross_entropy
from swast.rng import generator
from tests.swast.support import TRAINING, started, tiny

losses_of = st.lists(st.integers(0, 20), min_size=1, max_size=30).map(
    lambda values: torch.tensor(values).float()
)


@given(losses_of, st.data())
def test_only_samples_of_low_loss_are_dropped_and_the_rest_of_them_weigh_more(losses, data):
    """Worked example: the pool, the weight of those kept in it, and weight 1 for all others."""
    quota = data.draw(st.integers(1, len(losses)))
    places, weights = thin_out(losses, quota, generator(data.draw(st.integers(0, 99)), "s"))
    kept, dropped = set(places.tolist()), len(losses) - quota
    assert len(kept) == len(places) == quota
    pool = sum(loss < losses.mean() for loss in losses)
    pool = min(len(losses), max(pool, -(-dropped * 10 // 9)))
    order = sorted(range(len(losses)), key=lambda i: (losses[i].item(), i))
    assert set(range(len(losses))) - kept <= set(order[:pool])
    for place, weight in zip(places.tolist(), weights.tolist(), strict=True):
        expected = pool / (pool - dropped) if place in order[:pool] else 1
        assert weight == pytest.approx(expected)
    assert weights.sum().item() == pytest.approx(len(losses), rel=1e-5)


def test_the_expected_gradient_is_that_of_all_samples():
    """Over 4,000 draws the mean of Σ w·g is within 4 standard errors of Σ g, each coordinate."""
    draw = torch.Generator().manual_seed(3)
    losses = torch.rand(40, generator=draw).exp()
    gradients = torch.randn(40, 5, generator=draw) + 1
    sums = []
    for seed in range(4000):
        places, weights = thin_out(losses, 25, generator(seed, "s"))
        sums.append((weights[:, None] * gradients[places]).sum(dim=0))
    found = torch.stack(sums)
    error = found.std(dim=0) / 4000**0.5
    assert ((found.mean(dim=0) - gradients.sum(dim=0)).abs() < 4 * error).all()


def test_a_batchs_loss_is_the_mean_of_weight_times_loss():
    """Dividing by the sum of the weights would undo them."""
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    labels, weights = torch.arange(6) % 3, torch.tensor([2.0, 1, 1, 5, 1, 2])
    losses = functional.cross_entropy(logits, labels, reduction="none")
    found = weighted_cross_entropy(logits, labels, weights, absolute=True)
    torch.testing.assert_close(found, (weights * losses).mean())


def test_each_class_drops_those_under_its_own_mean():
    memory = Memory(8, torch.device("cpu"))
    memory.losses[:] = torch.tensor([1.0, 2, 9, 9, 10, 20, 90, 90])
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    groups = make_groups(labels, group_sizes([4, 4], 6, balanced=True))
    features = Features(torch.empty(8, 0), torch.empty(8, 0), labels, memory)
    chosen = SCORERS["infobatch"].select(features, groups, generator(0, "s"), CoresetConfig())
    assert {2, 3, 6, 7} <= set(chosen.indices.tolist())
    assert sorted(chosen.weights.tolist()) == [1, 1, 1, 1, 2, 2]


class TestInARun:
    def run_to(self, epochs: int, **values: object):
        config = {"coreset.scorer": "infobatch", "coreset.fraction": 0.6, "epochs": 16}
        return started(tiny({**config, "interval": 4, **values}), after=epochs)

    def test_every_epoch_draws_anew_from_the_losses_just_seen(self):
        run = self.run_to(3)
        before = run.round.coreset.indices
        losses = run.memory.losses.clone()
        expected = TRAINING.select(run)[0].indices
        next(TRAINING.epochs(run))
        assert torch.equal(run.round.coreset.indices, expected)
        assert not torch.equal(before, expected)
        untouched = torch.ones(120, dtype=torch.bool)
        untouched[expected] = False
        assert torch.equal(run.memory.losses[untouched], losses[untouched])
        assert not torch.equal(run.memory.losses[expected], losses[expected])

    def test_the_last_eighth_trains_on_all_data_at_weight_1(self):
        run = self.run_to(16)
        assert [entry.samples for entry in run.history[12:]] == [72, 72, 120, 120]
        assert run.round.coreset.weights.unique().tolist() == [1.0]

    def test_logits_are_recorded_of_all_samples_once_a_round(self):
        run = self.run_to(7, **{"prune.method": "none"})
        recorded = run.round.recorded
        assert recorded.shape == (120, 10)
        places = torch.tensor([3, 0])
        assert torch.equal(
            run.round.recorded_at(places), recorded[run.round.coreset.indices[places]]
        )
        assert run.ledger.recording == 2 * 120 * run.cost.forward()
