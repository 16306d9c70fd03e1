"""set and granet: the weights they grow, and granet's pruning between rounds."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swast import plan, sparsify
from swast.pruning.distributions import num_survivors
from swast.pruning.rigl import drop_fraction, updated_mask
from swast.pruning.set import by_lot
from swast.rng import generator
from tests.swast.support import TRAINING, after_each_step, epochs, pruning, started, tiny


class TestSet:
    @given(st.integers(0, 99), st.integers(2, 40), st.floats(0, 1))
    def test_it_grows_among_the_dead_alone_while_there_are_enough(self, seed, size, fraction):
        draw = torch.Generator().manual_seed(seed)
        alive = torch.rand(size, generator=draw) < 0.4
        weight = torch.randn(size, generator=draw) * alive
        mask = updated_mask(weight, by_lot(weight, alive, draw), alive, fraction)
        replaced = int(fraction * int(alive.sum()))
        assert int(mask.sum()) == int(alive.sum())
        if replaced <= int((~alive).sum()):
            assert int((mask & ~alive).sum()) == replaced

    def test_each_of_the_dead_is_as_likely_to_grow(self):
        """10 of 20 weights grow; over 2,000 draws each grows 1,000 ± 4·√500 times."""
        alive = torch.arange(40) < 20
        weight = torch.where(alive, torch.arange(40) + 1.0, 0.0)
        counts = torch.zeros(40)
        for seed in range(2000):
            lots = by_lot(weight, alive, generator(seed, "growth"))
            counts += updated_mask(weight, lots, alive, 0.5)
        assert counts[10:20].tolist() == [2000] * 10
        assert counts[:10].tolist() == [0] * 10
        assert ((counts[20:] - 1000).abs() < 4 * 500**0.5).all()

    def test_it_pays_for_no_gradient(self):
        run = started(tiny(pruning("set", "one-shot")), after=4)
        assert run.ledger.dense_gradients == 0

    def test_updates_of_different_steps_draw_differently(self, monkeypatch):
        run = started(tiny(pruning("set", "one-shot")), after=1)
        seen = []
        after_each_step(monkeypatch, lambda run: seen.append(run.masks.alive("1").clone()))
        next(epochs(run))
        next(epochs(run))
        first, second = seen[2] & ~seen[1], seen[4] & ~seen[3]
        assert first.any()
        assert second.any()
        assert not torch.equal(first, second)


class TestGranet:
    def test_it_prunes_at_every_update_to_what_the_schedule_asks_for_by_then(self, monkeypatch):
        """Updates are at steps 2, 4, 6 …, with 3 steps per epoch: epochs 1 + 2/3, 2 + 1/3, 3, …"""
        config = tiny(pruning("granet", "linear", "global"))
        run = started(config, after=1)
        seen = {}
        plain = sparsify.change

        def change(run):
            plain(run)
            seen[run.step] = sum(run.masks.survivors().values())

        monkeypatch.setattr(sparsify, "change", change)
        for _ in epochs(run):
            pass
        weights = run.masks.num_weights
        expected = {
            step: num_survivors(weights, 0.9 * (step / 3) / 4) for step in (2, 4, 6, 8, 10)
        }
        assert seen == expected

    def test_the_share_it_regrows_falls_from_a_half_to_a_hundredth_of_it(self):
        assert drop_fraction(0, 100, 0.5, 0.01) == 0.5
        assert drop_fraction(50, 100, 0.5, 0.01) == pytest.approx((0.5 + 0.005) / 2)
        assert drop_fraction(100, 100, 0.5, 0.01) == pytest.approx(0.005)

    def test_it_regrows_by_gradient_under_the_new_counts(self, monkeypatch):
        run = started(tiny(pruning("granet", "linear", "erk")), after=3)
        grown = []
        before = {}

        def look(run):
            now = {name: run.masks.alive(name).clone() for name in run.masks.weights}
            grown.append(sum(int((now[n] & ~before[n]).sum()) for n in before))
            before.update(now)

        after_each_step(monkeypatch, look)
        next(epochs(run))
        assert max(grown[1:]) > 0


def test_an_update_takes_the_place_of_an_optimiser_step_from_initialisation_on(monkeypatch):
    config = tiny({**pruning("set", "one-shot"), "prune.start": "init", "warmup_epochs": 2})
    run = started(config)
    steps = []
    monkeypatch.setattr(run.optimizer, "step", lambda: steps.append(run.step))
    next(TRAINING.epochs(run))
    assert sum(run.masks.survivors().values()) == num_survivors(run.masks.num_weights, 0.9)
    assert steps == [step for step in range(8) if step not in plan.update_steps(config, 120, 0)]
    assert steps == [0, 1, 3, 5, 7]
