"""gradmatch: kernel products and growing factor against a plain pursuit on explicit gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from swast.config import CoresetConfig
from swast.coresets import Group, GroupSize, gradmatch
from swast.coresets.gradmatch import (
    RIDGE,
    Pursuit,
    pursue,
    pursue_in_numpy,
    select,
    solver_flops,
)
from swast.features import Features
from swast.rng import generator
from tests import reference


def some_features(seed: int, samples: int = 30, classes: int = 4, width: int = 5) -> Features:
    draw = torch.Generator().manual_seed(seed)
    hidden = torch.randn(samples, width, generator=draw, dtype=torch.float64)
    logits = torch.randn(samples, classes, generator=draw, dtype=torch.float64)
    return Features(hidden, logits, torch.randint(classes, (samples,), generator=draw))


def fields(features: Features) -> tuple[torch.Tensor, ...]:
    return features.hidden, features.logits, features.labels


def explicit_gradients(features: Features, group: Group) -> np.ndarray:
    rows = group.indices.tolist()
    errors = reference.error_vectors(features.logits.numpy()[rows], features.labels[rows].tolist())
    return reference.last_layer_gradients(features.hidden.numpy()[rows], errors)


def explicit_pursuit(features: Features, group: Group, ridge: float = RIDGE):
    gradients = explicit_gradients(features, group)
    scale = float((gradients**2).sum(axis=1).mean())
    return reference.matching_pursuit(gradients, group.quota, ridge * scale)


def whole(features: Features, quota: int) -> Group:
    return Group(torch.arange(len(features.labels)), quota)


def assert_same_pursuit(pursuit: Pursuit, row: int, expected: reference.Pursued) -> None:
    active = pursuit.active[row]
    assert pursuit.picks[row][active].tolist() == expected.kept
    np.testing.assert_allclose(pursuit.weights[row][active], expected.weights, rtol=1e-8)
    assert pursuit.residual[row].item() == pytest.approx(expected.residual, rel=1e-6)


class TestAgainstThePlainPursuit:
    @pytest.mark.parametrize("seed", range(6))
    def test_one_group_picks_the_same_with_the_same_weights(self, seed):
        features = some_features(seed)
        group = whole(features, 12)
        assert_same_pursuit(pursue(features, [group]), 0, explicit_pursuit(features, group))

    @pytest.mark.parametrize("seed", range(6))
    def test_classes_of_unequal_size_advance_together_as_if_alone(self, seed):
        """Padding rows must not be picked, and must not change the ridge of their group."""
        features = some_features(seed, samples=50)
        groups = [
            Group((features.labels == label).nonzero().flatten(), quota)
            for label, quota in enumerate([2, 7, 4, 1])
        ]
        groups.append(Group(torch.arange(3), 3))
        pursuit = pursue(features, groups)
        for row, group in enumerate(groups):
            assert_same_pursuit(pursuit, row, explicit_pursuit(features, group))

    @pytest.mark.parametrize("seed", [1, 7, 8, 45])
    def test_a_sample_whose_weight_turns_negative_is_taken_out(self, seed):
        features = some_features(seed, samples=60, classes=2, width=2)
        group = whole(features, 40)
        expected = explicit_pursuit(features, group)
        assert expected.taken_out, "the case must have one to take out"
        pursuit = pursue(features, [group])
        assert_same_pursuit(pursuit, 0, expected)
        assert not pursuit.free[0][expected.taken_out].any()

    def test_groups_take_out_different_samples_at_different_steps(self, monkeypatch):
        """A small ridge makes negative weights common: six in a pursuit, two after one pick."""
        monkeypatch.setattr(gradmatch, "RIDGE", 1e-3)
        parts = [some_features(seed, 30, 3, 3) for seed in (24, 10, 119, 123)]
        features = Features(*(torch.cat(each) for each in zip(*map(fields, parts), strict=True)))
        quotas = [20, 17, 20, 20]
        groups = [Group(torch.arange(30) + 30 * part, quotas[part]) for part in range(4)]
        expected = [explicit_pursuit(features, group, ridge=1e-3) for group in groups]
        counts = [len(each.taken_out) for each in expected]
        assert max(counts) > 3
        assert max(each.at_once for each in expected) == 2
        assert len(set(counts)) > 2
        pursuit = pursue(features, groups)
        for row, each in enumerate(expected):
            assert_same_pursuit(pursuit, row, each)

    @pytest.mark.parametrize("ridge", [RIDGE, 1e-3], ids=["as it is", "negative weights common"])
    @pytest.mark.parametrize(
        "case", [(0, 30, 4, 5), (8, 60, 2, 2), (24, 30, 3, 3), (123, 30, 3, 3)]
    )
    @pytest.mark.parametrize("quota", [1, 2, 20])
    def test_a_group_alone_ends_as_among_others(self, monkeypatch, case, quota, ridge):
        """On a CPU groups are pursued one by one, in NumPy."""
        monkeypatch.setattr(gradmatch, "RIDGE", ridge)
        features = some_features(*case)
        group = whole(features, quota)
        expected, alone = (
            explicit_pursuit(features, group, ridge),
            pursue_in_numpy(features, group),
        )
        assert alone.picks == expected.kept
        np.testing.assert_allclose(alone.weights, expected.weights, rtol=1e-7)

    def test_the_residual_shrinks_with_every_pick(self):
        features = some_features(3)
        ends = [pursue(features, [whole(features, k)]).residual.item() for k in (1, 2, 5, 10, 30)]
        assert ends == sorted(ends, reverse=True)
        assert ends[-1] < 0.3 < 0.8 < ends[0]

    def test_the_coreset_has_the_weights_of_the_pursuit_up_to_scale(self):
        features = some_features(2)
        group = whole(features, 9)
        expected = explicit_pursuit(features, group)
        assert len(expected.kept) == 9
        coreset = select(features, [group], generator(0, "selection"), CoresetConfig())
        order = np.argsort(expected.kept)
        assert coreset.indices.tolist() == sorted(expected.kept)
        np.testing.assert_allclose(
            coreset.weights, (expected.weights / expected.weights.mean())[order], rtol=1e-6
        )


class TestGradients:
    def test_they_are_those_of_a_real_last_layer(self):
        features = some_features(0, samples=6)
        layer = nn.Linear(5, 4).double()
        logits = layer(features.hidden)
        seen = Features(features.hidden, logits.detach(), features.labels)
        for row, gradient in enumerate(explicit_gradients(seen, whole(seen, 1))):
            loss = functional.cross_entropy(logits[row], features.labels[row])
            weight, bias = torch.autograd.grad(loss, [layer.weight, layer.bias], retain_graph=True)
            torch.testing.assert_close(
                torch.from_numpy(gradient).view(4, 6), torch.cat([weight, bias[:, None]], dim=1)
            )

    def test_correlations_with_the_target_come_without_building_them(self):
        features = some_features(5)
        gradients = explicit_gradients(features, whole(features, 3))
        pursuit = pursue(features, [whole(features, 3)])
        np.testing.assert_allclose(pursuit.target[0], gradients @ gradients.sum(axis=0))
        np.testing.assert_allclose(
            pursuit.columns[0], gradients[pursuit.picks[0].tolist()] @ gradients.T
        )


class TestWhereThePursuitEndsShort:
    """If a pursuit ends early, the rest of the quota is drawn uniformly, with weight 1."""

    def short(self):
        features = some_features(109, samples=60, classes=2, width=2)
        group = whole(features, 40)
        expected = explicit_pursuit(features, group)
        assert len(expected.kept) < 40, "the case must end short"
        return features, group, expected

    def test_the_quota_is_filled_at_weight_1(self):
        features, group, expected = self.short()
        coreset = select(features, [group], generator(0, "selection"), CoresetConfig())
        assert len(coreset) == 40
        assert set(expected.kept) < set(coreset.indices.tolist())
        weights = dict(zip(coreset.indices.tolist(), coreset.weights.tolist(), strict=True))
        scale = (expected.weights.sum() + 40 - len(expected.kept)) / 40
        for index, weight in zip(expected.kept, expected.weights, strict=True):
            assert weights.pop(index) == pytest.approx(weight / scale, rel=1e-5)
        assert list(weights.values()) == pytest.approx([1 / scale] * len(weights), rel=1e-5)

    def test_the_fill_is_drawn_by_the_generator(self):
        features, group, _ = self.short()
        drawn = {
            tuple(
                select(
                    features, [group], generator(seed, "selection"), CoresetConfig()
                ).indices.tolist()
            )
            for seed in range(5)
        }
        assert len(drawn) == 5

    def test_a_group_learnt_beyond_doubt_is_filled_from_itself_alone(self):
        """Its gradients are all 0, so nothing is picked; the other group is not affected."""
        features = some_features(0, samples=20)
        features.logits[:10] = 1e4 * torch.eye(4, dtype=torch.float64)[features.labels[:10]]
        groups = [Group(torch.arange(10), 4), Group(torch.arange(10, 20), 5)]
        pursuit = pursue(features, groups)
        assert not pursuit.active[0].any()
        assert_same_pursuit(pursuit, 1, explicit_pursuit(features, groups[1]))
        coreset = select(features, groups, generator(0, "selection"), CoresetConfig())
        assert (coreset.indices < 10).sum() == 4
        assert torch.isfinite(coreset.weights).all()

    def test_a_class_without_samples_gives_none(self):
        features = some_features(0)
        groups = [Group(torch.empty(0, dtype=torch.long), 0), whole(features, 5)]
        assert len(select(features, groups, generator(0, "selection"), CoresetConfig())) == 5


def test_the_scale_of_the_gradients_changes_nothing():
    """Gradients shrink during training; the ridge shrinks with them."""
    draw = torch.Generator().manual_seed(0)
    errors, hidden = torch.randn(2, 1, 20, 4, generator=draw, dtype=torch.float64)

    def run(scale: float) -> Pursuit:
        norms = (scale * errors).square().sum(2) * (hidden.square().sum(2) + 1)
        made = Pursuit(
            scale * errors,
            hidden,
            torch.ones(1, 20, dtype=torch.bool),
            torch.tensor([8]),
            RIDGE * norms.mean(1),
        )
        made.run()
        return made

    big, small = run(1), run(1e-12)
    assert big.picks.tolist() == small.picks.tolist()
    torch.testing.assert_close(big.weights, small.weights)


def test_the_bill_counts_each_step_of_the_pursuit():
    """A pick costs a kernel column, correlations with the picks, and three triangular solves."""
    n, k, classes, width = 10, 4, 3, 6
    flops = 2 * (2 * n * classes * width) + 2 * n * classes
    for step in range(k):
        flops += 2 * n * (classes + width) + 2 * n * step + 3 * (step + 1) ** 2
    assert solver_flops([GroupSize(n, k)], classes, width - 1) == flops
    assert solver_flops([GroupSize(n, k)] * 3, classes, width - 1) == 3 * flops
