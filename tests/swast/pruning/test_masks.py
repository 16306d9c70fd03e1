"""Masks: exact counts, and masked weights that stay at exactly 0."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from swast.pruning import Masks, prunable_weights
from swast.pruning.masks import keep_largest


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))


def masked_network(momentum: float = 0.9) -> tuple[nn.Module, torch.optim.Optimizer, Masks]:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=momentum, weight_decay=0.1)
    return model, optimizer, Masks(prunable_weights(model, "all"), optimizer)


def half(masks: Masks) -> dict[str, torch.Tensor]:
    """Return a mask that keeps every other weight."""
    return {
        name: (torch.arange(weight.numel()) % 2 == 0).view_as(weight)
        for name, weight in masks.weights.items()
    }


def step(model: nn.Module, optimizer: torch.optim.Optimizer, masks: Masks) -> None:
    optimizer.zero_grad()
    model(torch.ones(4, 1, 4, 4)).square().sum().backward()
    masks.mask_gradients()
    optimizer.step()


class TestKeepLargest:
    @given(st.lists(st.integers(-3, 3), min_size=1, max_size=30), st.data())
    def test_exactly_the_count_is_kept_and_none_left_out_is_larger(self, scores, data):
        count = data.draw(st.integers(0, len(scores)))
        kept = keep_largest(torch.tensor(scores), count).tolist()
        assert sum(kept) == count
        inside = [score for score, keep in zip(scores, kept, strict=True) if keep]
        outside = [score for score, keep in zip(scores, kept, strict=True) if not keep]
        assert not inside or not outside or min(inside) >= max(outside)

    @given(st.lists(st.integers(-3, 3), min_size=1, max_size=30), st.data())
    def test_ties_go_to_the_lower_index(self, scores, data):
        count = data.draw(st.integers(0, len(scores)))
        best = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:count]
        assert keep_largest(torch.tensor(scores), count).nonzero().flatten().tolist() == sorted(
            best
        )

    def test_zeros_are_not_kept_beyond_the_count(self):
        """A plain threshold at the third largest value would keep all six."""
        scores = torch.tensor([[0.0, 0, 0], [5, 0, 0]])
        assert keep_largest(scores, 3).tolist() == [[True, True, False], [True, False, False]]

    def test_many_ties_are_cut_exactly(self):
        """Unstable sorting fails only for large tensors."""
        kept = keep_largest(torch.zeros(10_000), 4321)
        assert kept[:4321].all()
        assert not kept[4321:].any()


class TestPrunableWeights:
    def test_trim_takes_linear_layers_and_cut_convolutions_too(self):
        model = network()
        assert list(prunable_weights(model, "fc")) == ["3"]
        assert list(prunable_weights(model, "all")) == ["0", "3"]

    def test_biases_and_normalisation_are_never_taken(self):
        model = network()
        convolution, linear = prunable_weights(model, "all").values()
        assert convolution is model[0].weight
        assert linear is model[3].weight


class TestMasks:
    def test_all_weights_live_at_first(self):
        model, optimizer, masks = masked_network()
        assert masks.is_dense()
        assert masks.survivors() == {"0": 18, "3": 24}
        assert masks.num_weights == 42
        step(model, optimizer, masks)
        assert all((weight != 0).all() for weight in masks.weights.values())

    def test_survivors_are_those_of_the_masks(self):
        *_, masks = masked_network()
        masks.replace(half(masks))
        assert masks.survivors() == {"0": 9, "3": 12}
        assert not masks.is_dense()
        assert {name: int(masks.alive(name).sum()) for name in "03"} == masks.survivors()

    def test_the_dead_stay_at_exactly_0_under_momentum_and_decay(self):
        model, optimizer, masks = masked_network()
        step(model, optimizer, masks)
        masks.replace(half(masks))
        for _ in range(5):
            step(model, optimizer, masks)
            for name, weight in masks.weights.items():
                dead = ~masks.alive(name)
                assert not weight[dead].any()
                assert not weight.grad[dead].any()
                assert not optimizer.state[weight]["momentum_buffer"][dead].any()

    def test_a_mask_change_clears_weights_and_momentum_of_the_dead_at_once(self):
        model, optimizer, masks = masked_network()
        step(model, optimizer, masks)
        kept = {name: weight.detach().clone() for name, weight in masks.weights.items()}
        masks.replace(half(masks))
        for name, weight in masks.weights.items():
            alive = masks.alive(name)
            assert torch.equal(weight, kept[name] * alive)
            assert not optimizer.state[weight]["momentum_buffer"][~alive].any()
            assert optimizer.state[weight]["momentum_buffer"][alive].all()

    def test_the_newborn_start_at_0_without_momentum_and_survivors_keep_theirs(self):
        model, optimizer, masks = masked_network()
        masks.replace(half(masks))
        step(model, optimizer, masks)
        weight = masks.weights["3"]
        momentum = optimizer.state[weight]["momentum_buffer"]
        was, moved = weight.detach().clone(), momentum.clone()
        old = masks.alive("3")
        momentum[~old] = 7.0
        masks.replace({"3": torch.ones_like(old)})
        assert not weight[~old].any()
        assert not momentum[~old].any()
        assert torch.equal(weight[old], was[old])
        assert torch.equal(momentum[old], moved[old])

    def test_state_that_is_not_shaped_like_the_weight_is_left_alone(self):
        """Adam counts its steps in a scalar."""
        model = network()
        optimizer = torch.optim.Adam(model.parameters())
        masks = Masks(prunable_weights(model, "all"), optimizer)
        step(model, optimizer, masks)
        masks.replace(half(masks))
        for name, weight in masks.weights.items():
            state = optimizer.state[weight]
            assert state["step"] == 1
            assert not state["exp_avg"][~masks.alive(name)].any()
            assert not state["exp_avg_sq"][~masks.alive(name)].any()

    def test_a_mask_given_is_copied(self):
        *_, masks = masked_network()
        given_masks = half(masks)
        masks.replace(given_masks)
        given_masks["3"].fill_(True)
        assert masks.survivors()["3"] == masks.alive("3").sum() == 12

    def test_gradients_may_be_absent(self):
        *_, masks = masked_network()
        masks.replace(half(masks))
        masks.mask_gradients()
        assert all(weight.grad is None for weight in masks.weights.values())

    def test_gradients_may_be_absent_of_some_layers(self):
        *_, masks = masked_network()
        masks.replace(half(masks))
        weight = masks.weights["3"]
        weight.grad = torch.ones_like(weight)
        masks.mask_gradients()
        assert torch.equal(weight.grad != 0, masks.alive("3"))

    def test_survivors_are_another_object_whenever_the_masks_change(self):
        """So that callers can cache counts until the masks change."""
        *_, masks = masked_network()
        before = masks.survivors()
        assert masks.survivors() is before
        masks.replace({"3": half(masks)["3"]})
        assert masks.survivors() is not before
        assert before == {"0": 18, "3": 24}
        assert masks.survivors() == {"0": 18, "3": 12}

    def test_saved_masks_come_back(self):
        *_, masks = masked_network()
        masks.replace(half(masks))
        *_, other = masked_network()
        other.load_state_dict(masks.state_dict())
        assert other.survivors() == masks.survivors()
        for name, weight in other.weights.items():
            assert torch.equal(other.alive(name), masks.alive(name))
            assert not weight[~other.alive(name)].any()


@pytest.mark.parametrize("scope", ["fc", "all"])
def test_masks_that_become_whole_again_are_dense(scope):
    model = network()
    weights = prunable_weights(model, scope)
    masks = Masks(weights, torch.optim.SGD(model.parameters(), lr=0.1))
    masks.replace(half(masks))
    masks.replace({name: torch.ones_like(weight).bool() for name, weight in weights.items()})
    assert masks.is_dense()
