"""channel: networks shrink physically, together with all state that depends on their shapes."""

from __future__ import annotations

import copy
import sys

import pytest
import torch
from torch import nn

from swast import sparsify
from swast.errors import ConfigError
from swast.models import build_model
from swast.pruning import channel
from swast.run import Run
from tests.swast.support import (
    copied,
    epochs,
    few_digits,
    pruning,
    same_bits,
    started,
    tiny,
    train,
)

SHAPE = (1, 8, 8)
NETWORKS = ["cnn-small", "mlp-small"]
every_network = pytest.mark.parametrize("name", NETWORKS)


class Shortcut(nn.Module):
    """Residual block: a sum joins the outputs of two convolutions, each with batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm1 = nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.second, self.norm2 = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = self.norm1(self.first(images)).relu()
        hidden = hidden + self.norm2(self.second(hidden))
        return self.head(hidden.mean(dim=(2, 3)))


def halved(model: nn.Module, share: float = 0.5) -> list[channel.Removal]:
    return channel.choose(model, SHAPE, share, channel.widths(model), channel.widths(model))


class TestChoice:
    @every_network
    @pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.99])
    def test_every_layer_but_the_last_keeps_its_share_and_at_least_one(self, name, share):
        model = build_model(name, SHAPE, 10, 0)
        before = channel.widths(model)
        channel.remove(model, SHAPE, halved(model, share))
        *hidden, last = before
        expected = {layer: max(1, int((1 - share) * before[layer] + 0.5)) for layer in hidden}
        assert channel.widths(model) == {**expected, last: 10}

    def test_the_channels_of_the_smallest_norm_over_their_group_go(self):
        """Worked example: a hidden unit's row and bias, and its column in the next layer."""
        model = build_model("mlp-small", SHAPE, 10, 0)
        with torch.no_grad():
            model[1].weight[[3, 77]] *= 0.001
            model[3].weight[:, [3, 77]] *= 0.001
        removal = channel.choose(model, SHAPE, 2 / 256, channel.widths(model), ["1"])
        assert [(each.layer, list(each.channels)) for each in removal] == [("1", [3, 77])]

    def test_what_a_sum_ties_together_goes_together_or_not_at_all(self):
        model = Shortcut()
        (removal,) = halved(model)
        assert removal.layer in ("first", "second")
        assert channel.choose(model, SHAPE, 0.5, channel.widths(model), ["first"]) == []
        channel.remove(model, SHAPE, halved(model))
        assert channel.widths(model) == {"first": 4, "second": 4, "head": 10}
        assert len(model.norm1.running_mean) == len(model.norm2.weight) == 4

    def test_choosing_leaves_the_network_as_it_was(self):
        model = Shortcut().train()
        before = copied(model)
        halved(model)
        assert same_bits(copied(model), before)
        assert all(module.training for module in model.modules())


class TestRemoval:
    def test_channels_that_say_nothing_can_go_without_a_trace(self):
        """The network computes the same outputs if all removed channels were 0."""
        model = Shortcut().eval()
        with torch.no_grad():
            for each in (model.first, model.second, model.norm1, model.norm2):
                each.weight[[1, 4, 6]] = 0
                each.bias[[1, 4, 6]] = 0
            model.second.weight[:, [1, 4, 6]] = 0
            model.head.weight[:, [1, 4, 6]] = 0
        images = torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(0))
        before = model(images)
        chosen = halved(model, 3 / 8)
        assert sorted(chosen[0].channels) == [1, 4, 6]
        channel.remove(model, SHAPE, chosen)
        torch.testing.assert_close(model(images), before)

    def test_origins_say_where_each_weight_stood(self):
        model = Shortcut()
        before = {name: value.detach().clone() for name, value in model.named_parameters()}
        chosen = halved(model)
        places = channel.origins(model, SHAPE, chosen)
        channel.remove(model, SHAPE, chosen)
        for name, parameter in model.named_parameters():
            assert torch.equal(before[name].flatten()[places[name]], parameter)

    def test_a_network_is_fitted_to_saved_weights(self):
        model = Shortcut().eval()
        channel.remove(model, SHAPE, halved(model))
        twin = Shortcut().eval()
        channel.fit(twin, model.state_dict())
        twin.load_state_dict(model.state_dict())
        images = torch.randn(5, *SHAPE)
        assert torch.equal(twin(images), model(images))
        assert repr(twin) == repr(model)

    def test_a_network_that_cannot_be_traced_is_refused_in_one_line(self):
        class Fixed(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner, self.head = nn.Linear(64, 8), nn.Linear(8, 10)

            def forward(self, images):
                return self.head(self.inner(images.flatten(1)).reshape(-1, 8))

        with pytest.raises(
            ConfigError, match=r"prune.method 'channel' cannot prune this network"
        ) as caught:
            halved(Fixed())
        assert "\n" not in str(caught.value)

    def test_without_torch_pruning_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "torch_pruning", None)
        with pytest.raises(ConfigError, match=r"pip install 'swast\[channel\]'"):
            halved(Shortcut())


class TestInARun:
    def config(self, **values: object):
        chosen = {**pruning("channel", "linear"), "prune.sparsity": 0.5, "model": "cnn-small"}
        return tiny({**chosen, **values})

    def test_weights_and_momentum_of_what_stays_stay(self):
        run = started(self.config(), after=3)
        before, held = copied(run.model), run.optimizer.state
        kept = {n: held[p]["momentum_buffer"].clone() for n, p in run.model.named_parameters()}
        twin = copy.deepcopy(run.model)
        places = channel.origins(
            twin, SHAPE, channel.choose(twin, SHAPE, 0.25, run.widths, run.widths)
        )
        sparsify.shrink(run, 0.25)
        for name, parameter in run.model.named_parameters():
            momentum = run.optimizer.state[parameter]["momentum_buffer"]
            assert torch.equal(parameter, before[name].flatten()[places[name]])
            assert torch.equal(momentum, kept[name].flatten()[places[name]])
        assert len(run.optimizer.state) == len(kept)

    def test_flops_are_those_of_the_smaller_network(self):
        """cnn-small with 8, 16 and 24 of its 16, 32 and 48 channels."""
        run = started(self.config(), after=6)
        assert channel.widths(run.model) == {"0": 8, "2": 16, "6": 24, "8": 10}
        conv = 2 * 64 * (9 * 1 * 8 + 9 * 8 * 16)
        assert run.forward_flops == conv + 2 * (16 * 16 * 24 + 24 * 10)
        left = 9 * 8 + 9 * 8 * 16 + 16 * 16 * 24 + 24 * 10
        assert run.history[-1].sparsity == 1 - left / 29_808

    @pytest.mark.parametrize("start", ["warmup", "init"])
    def test_the_price_is_known_before(self, start):
        result = train(self.config(**{"prune.start": start}), data=few_digits())
        assert result.predicted_flops == result.train_flops

    def test_a_stop_after_any_epoch_changes_nothing(self, tmp_path):
        config = self.config()
        unbroken = train(config, data=few_digits())
        for epoch in range(1, config.epochs):
            run = started(config, after=epoch)
            again = Run(config, few_digits())
            again.load_state_dict(run.state_dict())
            for _ in epochs(again):
                pass
            assert same_bits(copied(again.model), unbroken.state)
            assert again.ledger.to_dict() == unbroken.flops

    def test_layers_not_named_keep_their_channels(self):
        run = started(self.config(**{"prune.layers": ["6"]}), after=6)
        assert channel.widths(run.model) == {"0": 16, "2": 32, "6": 24, "8": 10}
