"""Selection pass: it uses the network in eval mode, and leaves it unchanged."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from swast.data import samples
from swast.errors import ConfigError
from swast.features import Features, evaluating, extract, last_linear, predict_logits
from swast.models import build_model
from tests.swast.support import SMALL, copied, global_generators, same_bits

IMAGES = torch.randn(30, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(30) % 10


def restless() -> nn.Module:
    """Build a network whose training mode differs from eval mode, with one part in eval mode."""
    model = nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 16),
        nn.BatchNorm1d(16),
        nn.Sequential(nn.ReLU(), nn.Dropout(0.5)),
        nn.BatchNorm1d(16),
        nn.Linear(16, 10),
    ).train()
    model[4].eval()
    return model


def modes(model: nn.Module) -> list[bool]:
    return [each.training for each in model.modules()]


class TestTheNetworkIsAtRest:
    def test_logits_are_those_of_evaluation_mode(self):
        model = restless()
        model(IMAGES)
        before = copied(model)
        features = extract(model, [IMAGES], LABELS)
        asleep = restless().eval()
        asleep.load_state_dict(before)
        with torch.no_grad():
            torch.testing.assert_close(features.logits, asleep(IMAGES))
            torch.testing.assert_close(features.hidden, asleep[:-1](IMAGES))
        assert features.labels is LABELS

    def test_no_gradient_is_recorded(self):
        features = extract(restless(), [IMAGES], LABELS)
        assert not features.logits.requires_grad
        assert not features.hidden.requires_grad

    def test_the_pass_is_the_same_each_time(self):
        model = restless()
        first, second = extract(model, [IMAGES], LABELS), extract(model, [IMAGES], LABELS)
        assert torch.equal(first.logits, second.logits)


class TestNoTraceIsLeft:
    def test_parameters_and_buffers_keep_their_bits(self):
        model = restless()
        before = copied(model)
        extract(model, [IMAGES], LABELS)
        assert same_bits(copied(model), before)

    def test_each_module_gets_its_own_mode_back(self):
        model = restless()
        before = modes(model)
        assert len(set(before)) == 2
        extract(model, [IMAGES], LABELS)
        assert modes(model) == before

    def test_modes_and_gradients_come_back_after_an_error(self):
        model = restless()
        before = modes(model)
        with pytest.raises(ZeroDivisionError), evaluating(model):
            _ = 1 / 0
        assert modes(model) == before
        assert torch.is_grad_enabled()

    def test_no_hook_stays(self):
        model = restless()
        extract(model, [IMAGES], LABELS)
        with pytest.raises(RuntimeError):
            extract(model, [IMAGES[:, :, :3]], LABELS)
        assert not model[-1]._forward_pre_hooks

    def test_global_generators_stay_where_they_were(self):
        before = global_generators()
        extract(restless_without_drawing(), [IMAGES], LABELS)
        assert global_generators() == before


def restless_without_drawing() -> nn.Module:
    with torch.random.fork_rng():
        return restless()


@pytest.mark.parametrize("name", SMALL)
def test_hidden_features_are_what_the_last_layer_sees(name):
    model = build_model(name, (1, 8, 8), 10, 0)
    features = extract(model, [IMAGES], LABELS)
    layer = last_linear(model)
    torch.testing.assert_close(
        features.hidden @ layer.weight.T + layer.bias, features.logits, rtol=1e-5, atol=1e-5
    )


def test_chunks_come_together_in_order(monkeypatch):
    model = build_model("mlp-small", (1, 8, 8), 10, 0)
    whole = extract(model, [IMAGES], LABELS)
    monkeypatch.setattr(samples, "CHUNK", 7)
    held = samples.Resident(LABELS, None, IMAGES)
    assert [len(chunk) for chunk in held.scan()] == [7, 7, 7, 7, 2]
    parts = extract(model, held.scan(), LABELS)
    torch.testing.assert_close(parts.logits, whole.logits)
    torch.testing.assert_close(parts.hidden, whole.hidden)
    torch.testing.assert_close(predict_logits(model, [IMAGES]), whole.logits)


def test_errors_are_the_gradient_of_the_loss_in_the_logits():
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(1), requires_grad=True)
    labels = torch.tensor([0, 3, 1, 1, 2, 0])
    functional.cross_entropy(logits, labels, reduction="sum").backward()
    features = Features(torch.zeros(6, 1), logits.detach(), labels)
    torch.testing.assert_close(features.errors, logits.grad)


def test_errors_of_a_fitted_network_keep_their_digits():
    """At p = 1 − 1e−7, p − 1 in float32 has one digit left; the oracle is float64."""
    margin = torch.linspace(0, 40, 81)
    logits = torch.stack([margin, torch.zeros(81), torch.full((81,), -1.0)], dim=1)
    labels = torch.zeros(81, dtype=torch.long)
    exact = logits.double().softmax(dim=1)
    exact[:, 0] = -exact[:, 1:].sum(dim=1)
    found = Features(torch.zeros(81, 1), logits, labels).errors
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=0)
    assert found.sum(dim=1).abs().max() < 1e-7


def test_a_network_without_a_linear_layer_is_refused():
    with pytest.raises(ConfigError, match="must end in a linear layer"):
        last_linear(nn.Sequential(nn.Conv2d(1, 1, 1)))
