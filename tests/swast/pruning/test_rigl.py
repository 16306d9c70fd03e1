"""rigl: dropped and grown weights, and their values."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from swast.pruning import PRUNERS, Masks, prunable_weights
from swast.pruning.rigl import by_gradient, drop_fraction, update, updated_mask
from tests import reference


@st.composite
def layers(draw):
    """Strategy for layers with few distinct values, so that ties are common."""
    size = draw(st.integers(1, 24))
    alive = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    sides = st.lists(st.integers(-4, 4), min_size=size, max_size=size)
    weight = [value * lives for value, lives in zip(draw(sides), alive, strict=True)]
    return weight, draw(sides), alive, draw(st.floats(0, 1))


def mask_of(weight, gradient, alive, fraction) -> torch.Tensor:
    return updated_mask(
        torch.tensor(weight).float(),
        torch.tensor(gradient).float().abs(),
        torch.tensor(alive),
        fraction,
    )


def grow(masks: Masks, fraction: float) -> None:
    """Update the masks by the gradients of the weights."""
    update(masks, fraction, by_gradient, torch.Generator())


def one_layer(momentum: float = 0.9) -> tuple[nn.Linear, torch.optim.Optimizer, Masks]:
    """Make a layer with unmasked weights 4, 3, 2, 1 and two masked ones; momentum is 10·w."""
    layer = nn.Linear(6, 1, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=momentum)
    masks = Masks(prunable_weights(layer, "all"), optimizer)
    masks.replace({"": torch.tensor([[True, True, True, True, False, False]])})
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[4.0, -3.0, 2.0, -1.0, 0.0, 0.0]]))
    optimizer.state[layer.weight]["momentum_buffer"] = 10 * layer.weight.detach()
    return layer, optimizer, masks


class TestDropAndGrow:
    def test_a_worked_example(self):
        """Half of 4 weights drop: −1 and 2. The next gradients are 9 (masked) and −8 (2)."""
        mask = mask_of(
            [4, -3, 2, -1, 0, 0], [99, 1, -8, 0, 9, 5], [True, True, True, True, False, False], 0.5
        )
        assert mask.tolist() == [True, True, True, False, True, False]

    @given(layers())
    def test_the_mask_is_that_of_the_plain_loop(self, layer):
        assert mask_of(*layer).tolist() == reference.drop_and_grow(*layer)

    @given(layers())
    def test_as_many_live_afterwards(self, layer):
        assert int(mask_of(*layer).sum()) == sum(layer[2])

    @given(layers())
    def test_nothing_changes_where_nothing_drops(self, layer):
        weight, gradient, alive, _ = layer
        assert mask_of(weight, gradient, alive, 0.0).tolist() == alive


class TestUpdate:
    def test_a_weight_dropped_and_regrown_keeps_its_value_and_a_newborn_starts_at_0(self):
        layer, optimizer, masks = one_layer()
        layer.weight.grad = torch.tensor([[99.0, 1, -8, 0, 9, 5]])
        momentum = optimizer.state[layer.weight]["momentum_buffer"]
        momentum[0, 4] = 5.0
        grow(masks, 0.5)
        assert masks.alive("").tolist() == [[True, True, True, False, True, False]]
        assert layer.weight.tolist() == [[4, -3, 2, 0, 0, 0]]
        assert momentum.tolist() == [[40, -30, 20, 0, 0, 0]]

    def test_a_layer_without_gradient_keeps_its_mask(self):
        layer, _, masks = one_layer()
        grow(masks, 0.5)
        assert masks.survivors() == {"": 4}
        assert layer.weight.tolist() == [[4, -3, 2, -1, 0, 0]]

    def test_the_next_step_moves_the_newborn_by_its_gradient_alone(self):
        layer, optimizer, masks = one_layer()
        layer.weight.grad = torch.tensor([[0.0, 0, 0, 0, 9, 5]])
        grow(masks, 0.25)
        layer.weight.grad = torch.full((1, 6), 2.0)
        masks.mask_gradients()
        optimizer.step()
        assert layer.weight[0, 4].item() == pytest.approx(-0.2)
        assert layer.weight[0, [3, 5]].tolist() == [0, 0]


class TestDropFraction:
    def test_it_falls_from_the_first_share_to_nothing_along_half_a_cosine(self):
        assert drop_fraction(0, 80, 0.3) == 0.3
        assert drop_fraction(40, 80, 0.3) == pytest.approx(0.15)
        assert drop_fraction(20, 80, 0.3) == pytest.approx(0.15 * (1 + 0.5**0.5))
        assert drop_fraction(80, 80, 0.3) == pytest.approx(0)

    @given(st.integers(1, 1000), st.floats(0.01, 1))
    def test_it_never_rises(self, last, initial):
        shares = [drop_fraction(step, last, initial) for step in range(0, last + 1, 7)]
        assert shares == sorted(shares, reverse=True)
        assert all(0 <= share <= initial for share in shares)


def test_which_change_masks_between_rounds_and_who_pays_for_gradients():
    assert [name for name, each in PRUNERS.items() if each.grow] == ["rigl", "set", "granet"]
    assert [name for name, each in PRUNERS.items() if each.uses_gradient] == ["rigl", "granet"]
