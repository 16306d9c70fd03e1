"""snip and synflow against their definitions."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from swast import sparsify
from swast.models import build_model
from swast.pruning import PRUNERS, Masks, Moment, prunable_weights
from swast.pruning.distributions import num_survivors
from swast.pruning.snip import BATCH
from swast.pruning.synflow import positive
from swast.pruning.synflow import saliency as flow_saliency
from swast.rng import generator
from tests.swast.support import copied, few_digits, global_generators, same_bits, started, tiny

IMAGES = torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(12) % 10


def moment(model: nn.Module, sparsity: float, distribution: str = "global") -> Moment:
    masks = Masks(prunable_weights(model, "all"), torch.optim.SGD(model.parameters(), lr=0.1))
    return Moment(model, masks, sparsity, distribution, generator(0, "prune"), IMAGES, LABELS)


def kept(masks: Masks) -> torch.Tensor:
    return torch.cat([masks.alive(name).flatten() for name in masks.weights])


def highest(scores: list[float], count: int) -> set[int]:
    return set(sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:count])


class TestSnip:
    def test_it_keeps_the_weights_whose_removal_changes_the_loss_most(self):
        """c_j = |∂L/∂m_j| at m = 1, taken by autograd through masks that multiply the weights."""
        model = build_model("mlp-small", (1, 8, 8), 10, 0)
        names = [name for name, _ in model.named_parameters()]
        masks = {n: torch.ones_like(p) for n, p in model.named_parameters() if p.dim() > 1}
        for mask in masks.values():
            mask.requires_grad_()
        masked = {n: model.get_parameter(n).detach() * masks.get(n, 1) for n in names}
        loss = functional.cross_entropy(torch.func.functional_call(model, masked, IMAGES), LABELS)
        sensitivity = torch.autograd.grad(loss, list(masks.values()))
        scores = torch.cat([each.abs().flatten() for each in sensitivity])
        seen = moment(model, 0.9)
        PRUNERS["snip"].prune(seen)
        found = kept(seen.masks)
        assert int(found.sum()) == num_survivors(len(scores), 0.9)
        threshold = scores[found].min()
        assert (scores[~found] <= threshold * (1 + 1e-5)).all()

    def test_batch_norm_neither_moves_nor_sees_the_batch(self):
        model = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 10)
        ).train()
        before = copied(model)
        PRUNERS["snip"].prune(moment(model, 0.0))
        assert same_bits(copied(model), before)
        assert all(module.training for module in model.modules())

    def test_its_batch_is_balanced_and_a_training_one(self):
        run = started(tiny({"prune.method": "snip"}), after=1)
        seen = sparsify.moment(run, 0.5, generator(0, "prune", 1))
        assert len(seen.images) == min(BATCH, 120) == 120
        full = started(tiny({"prune.method": "magnitude"}), after=1)
        assert len(sparsify.moment(full, 0.5, generator(0, "prune", 1)).images) == 0

    @pytest.mark.parametrize("method", ["snip", "synflow"])
    def test_a_layer_that_the_loss_does_not_reach_goes_first(self, method):
        class Idle(nn.Module):
            def __init__(self):
                super().__init__()
                self.used, self.idle = nn.Linear(64, 10), nn.Linear(5, 5)

            def forward(self, images):
                return self.used(images.flatten(1))

        seen = moment(Idle(), 25 / 665)
        PRUNERS[method].prune(seen)
        assert seen.masks.survivors() == {"used": 640, "idle": 0}


class TestSynflow:
    def test_it_needs_no_data(self):
        model = build_model("mlp-small", (1, 8, 8), 10, 0)
        one, other = moment(model, 0.8), moment(copy.deepcopy(model), 0.8)
        object.__setattr__(other, "images", -3 * IMAGES[:0])
        PRUNERS["synflow"].prune(one)
        PRUNERS["synflow"].prune(other)
        assert torch.equal(kept(one.masks), kept(other.masks))

    def test_flow_is_the_sum_over_paths_of_the_products_of_absolute_weights(self):
        """Worked example: the flow through w_ij is |w_ij| · Σ_k |v_ki| (inputs are 1)."""
        model = nn.Sequential(nn.Flatten(), nn.Linear(3, 2, bias=False), nn.Linear(2, 2))
        weights = prunable_weights(positive(model), "all")
        found = flow_saliency(_with(model, weights), weights, (1, 1, 3))
        first, second = model[1].weight.detach().abs(), model[2].weight.detach().abs()
        expected = first * second.sum(dim=0)[:, None]
        torch.testing.assert_close(found["1"].float(), expected)
        torch.testing.assert_close(
            found["2"].float(), second * first.sum(dim=1)[None, :].expand(2, 2)
        )

    def test_density_falls_in_a_hundred_steps_along_an_exponential(self):
        """Compared with a plain loop over the definition, in double precision."""
        model = build_model("mlp-small", (1, 4, 4), 3, 1)
        seen = moment(model, 0.97)
        object.__setattr__(seen, "images", torch.empty(0, 1, 4, 4))
        PRUNERS["synflow"].prune(seen)
        assert set(kept(seen.masks).nonzero().flatten().tolist()) == by_definition(model, 0.97)

    def test_no_layer_is_emptied_where_one_stroke_would(self):
        """At 99.5 % every layer keeps a path, which a single step would not achieve."""
        model = build_model("mlp-small", (1, 8, 8), 10, 0)
        seen = moment(model, 0.995)
        PRUNERS["synflow"].prune(seen)
        assert min(seen.masks.survivors().values()) > 0

    def test_the_network_stays_as_it_was(self):
        model = build_model("cnn-small", (1, 8, 8), 10, 0)
        before, generators = copied(model), global_generators()
        PRUNERS["synflow"].prune(moment(model, 0.0))
        assert same_bits(copied(model), before)
        assert global_generators() == generators


def _with(model: nn.Module, weights: dict[str, torch.Tensor]) -> nn.Module:
    """Make the positive copy of a network with the given weights."""
    flow = positive(model)
    for name, weight in weights.items():
        flow.get_submodule(name).weight = weight
    return flow


def by_definition(model: nn.Module, sparsity: float) -> set[int]:
    """Prune in 100 rounds of R = 1ᵀ·Π|W|·1; return the positions of the kept weights."""
    linear = [each for each in model if isinstance(each, nn.Linear)]
    weights = [each.weight.detach().double().abs() for each in linear]
    biases = [each.bias.detach().double().abs() for each in linear]
    masks = [torch.ones_like(weight) for weight in weights]
    total = sum(weight.numel() for weight in weights)
    for step in range(1, 101):
        living = [(w * m).requires_grad_() for w, m in zip(weights, masks, strict=True)]
        flow = torch.ones(living[0].shape[1], dtype=torch.float64)
        for weight, bias in zip(living, biases, strict=True):
            flow = weight @ flow + bias
        scores = [
            (weight * gradient).detach()
            for weight, gradient in zip(
                living, torch.autograd.grad(flow.sum(), living), strict=True
            )
        ]
        ranked = torch.cat(
            [s.masked_fill(m == 0, -1).flatten() for s, m in zip(scores, masks, strict=True)]
        )
        share = 1 - (1 - sparsity) ** (step / 100) if step < 100 else sparsity
        chosen = torch.zeros(total)
        chosen[list(highest(ranked.tolist(), num_survivors(total, share)))] = 1
        masks = [
            part.view_as(weight)
            for part, weight in zip(
                chosen.split([w.numel() for w in weights]), weights, strict=True
            )
        ]
    return set(torch.cat([mask.flatten() for mask in masks]).nonzero().flatten().tolist())


def test_saliency_passes_are_billed_at_the_density_before_the_prune_step():
    """Rounds at the epochs 1, 3, 5; 120 samples for snip, 100 single passes for synflow."""
    for method, samples in (("snip", 120), ("synflow", 100)):
        config = tiny({"prune.method": method, "prune.schedule": "one-shot", "epochs": 4})
        run = started(config, after=4)
        dense, sparse = run.cost.forward(), run.forward_flops
        assert run.ledger.saliency == 3 * samples * (dense + sparse)
        assert few_digits().num_train == 120
