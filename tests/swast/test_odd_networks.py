"""Every pruner on odd networks: a true mask and a true bill, or one line before training."""

from __future__ import annotations

import inspect
from dataclasses import replace

import pytest
import torch
from torch.nn.utils import parametrizations

from swast import preflight, sparsify
from swast.compute import check_compiler
from swast.cost import model_cost
from swast.errors import ConfigError, DataError, MaskError
from swast.models import build_model
from swast.pruning import PRUNERS, prunable_weights
from swast.result import TrainResult
from tests.swast import odd_networks
from tests.swast.support import few_digits, pruning, started, tiny, train

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
SHAPE = (1, 8, 8)
ODD = [
    name
    for name, each in vars(odd_networks).items()
    if inspect.isfunction(each) and [*inspect.signature(each).parameters] == ["shape", "classes"]
]
"""Names of the odd networks."""
REFUSED = {
    "weight_norm": "layer '3': its weight is computed at every pass (_WeightNorm)",
    "spectral_norm": "layer '3': its weight is computed at every pass (_SpectralNorm)",
    "orthogonal": "layer '3': its weight is computed at every pass (_Orthogonal)",
    "old_weight_norm": "computes 'weight' of layer '3' by a hook",
    "pruned_by_torch": "computes 'weight' of layer '3' by a hook",
    "standardised": "layer '3': the network multiplies a tensor computed from its weight",
    "functional_use": "layer 'mid': the network multiplies a tensor computed from its weight",
    "noisy": "masked weights of layer 'mid' are no longer 0",
    "noisy_in_training": "no longer multiplies the weight of layer 'mid'",
    "toggled": "replaces, freezes or unfreezes its parameter 'mid.weight'",
    "replaced": "replaces, freezes or unfreezes its parameter 'mid.weight'",
    "random_depth": "makes other products in training than in evaluation",
    "all_frozen": "has no parameter that trains: all are frozen",
    "biases_only": "finds no weight to prune: all layers of prune.scope 'all' are frozen",
    "tied_transposed": "layer 'mid' shares its memory with parameter 'twin.weight'",
    "lazy_unused": "never uses its lazy parameter 'more.weight'",
    "scripted": "is compiled by torch.jit",
    "gated": "makes other products for other images",
    "pair": "must return one logit per class, (2, 10), got <class 'tuple'>",
    "mapping": "must return one logit per class, (2, 10), got <class 'dict'>",
    "nan": "returns NaN or infinite logits",
    "exits": "does not take images of (1, 8, 8): SystemExit: 0",
    "half": "cannot be trained on a batch of ",
    "complex_weights": "layer 'wave' has complex weights",
}
WITHOUT_CHANNELS = {
    "frozen_body": "none of the chosen layers can lose a channel",
    "tied": "some of its layers share a weight",
    "scaled": "its forward pass depends on values that it reads",
    "attentive": "Torch-Pruning fails on it",
}


def settings(name: str, method: str = "magnitude") -> dict[str, object]:
    values = {**pruning(method, distribution="uniform"), "prune.sparsity": 0.5}
    return {**values, "model": f"tests.swast.odd_networks:{name}", "epochs": 4}


def trained(name: str, method: str = "magnitude") -> TrainResult:
    """Train an odd network and check that its bill and its zeros are those of the masks."""
    result = train(tiny(settings(name, method)), data=few_digits())
    assert result.train_flops == result.predicted_flops
    assert result.history[-1].sparsity > 0
    if method != "channel":
        built = build_model(f"tests.swast.odd_networks:{name}", SHAPE, 10, 0)
        weights = prunable_weights(built, "all")
        living = sum(int(result.state[f"{path}.weight"].count_nonzero()) for path in weights)
        size = sum(each.numel() for each in weights.values())
        assert living <= round((1 - result.history[-1].sparsity) * size)
    return result


@pytest.mark.long
@pytest.mark.parametrize("method", PRUNERS)
@pytest.mark.parametrize("name", ODD)
def test_every_pruner_holds_or_is_refused(name, method):
    known = {**REFUSED, **(WITHOUT_CHANNELS if method == "channel" else {})}
    try:
        trained(name, method)
    except ConfigError as error:
        (line,) = error.problems
        assert "\n" not in line
        assert method == "channel" or known[name] in line
    else:
        assert name not in known or method == "channel"


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_pruned_is_refused_before_training(name):
    with pytest.raises(ConfigError) as caught:
        preflight.check(tiny(settings(name)), few_digits())
    (line,) = caught.value.problems
    assert REFUSED[name] in line


@pytest.mark.parametrize("name", WITHOUT_CHANNELS)
def test_networks_that_can_lose_no_channel_are_refused(name):
    with pytest.raises(ConfigError) as caught:
        preflight.check(tiny(settings(name, "channel")), few_digits())
    (line,) = caught.value.problems
    assert WITHOUT_CHANNELS[name] in line


@pytest.mark.parametrize("name", ["frozen", "tied", "lazy", "parallel", "recurrent"])
def test_what_can_be_pruned_has_the_zeros_of_its_bill(name):
    trained(name)


def test_a_network_that_draws_from_global_generators_is_trained_again_to_the_same():
    first = trained("jittered")
    again = trained("jittered")
    assert all(value.equal(again.state[name]) for name, value in first.state.items())


@pytest.mark.parametrize("method", ["snip", "synflow"])
def test_saliency_leaves_frozen_layers_alone(method):
    result = trained("frozen_body", method)
    built = odd_networks.frozen_body(SHAPE, 10)
    assert (result.state["inp.weight"] != 0).all()
    assert set(prunable_weights(built, "all")) == {"head"}


class TestBill:
    def test_frozen_layers_cost_what_their_gradients_do(self):
        """Worked example: nothing before ``inp`` trains; ``mid`` passes a gradient on."""
        all_train = model_cost(odd_networks.plain(SHAPE, 10), SHAPE)
        assert all_train.step() == 3 * all_train.forward()
        first = model_cost(odd_networks.frozen(SHAPE, 10), SHAPE)
        assert first.step_per_weight == {"inp": 2, "mid": 6, "head": 6}
        middle = model_cost(odd_networks.frozen_middle(SHAPE, 10), SHAPE)
        assert middle.step_per_weight == {"inp": 6, "mid": 4, "head": 6}
        body = model_cost(odd_networks.frozen_body(SHAPE, 10), SHAPE)
        assert body.step_per_weight == {"inp": 2, "mid": 2, "head": 6}

    def test_a_shared_weight_counts_once_and_costs_twice(self):
        cost = model_cost(odd_networks.tied(SHAPE, 10), SHAPE)
        assert set(cost.shapes) == {"inp", "mid", "head"}
        assert cost.per_weight == {"inp": 2, "mid": 4, "head": 2}
        assert cost.other == 0

    def test_weights_that_pytorch_multiplies_without_their_layer_count(self):
        cost = model_cost(odd_networks.attentive(SHAPE, 10), SHAPE)
        assert cost.per_weight["look.out_proj"] == 2 * 8


class TestMasks:
    def test_a_weight_that_comes_to_be_computed_is_an_error_at_the_prune_step(self):
        values = {"prune.distribution": "uniform", "prune.schedule": "one-shot"}
        run = started(tiny(**values), after=2)
        sparsify.check_masks(run)
        parametrizations.weight_norm(run.model[1])
        with pytest.raises(MaskError, match="no longer multiplies the weight of layer '1'"):
            sparsify.check_masks(run)

    def test_a_layer_that_comes_to_be_frozen_is_an_error_at_the_prune_step(self):
        run = started(
            tiny({"prune.distribution": "uniform", "prune.schedule": "one-shot"}), after=2
        )
        run.model[3].weight.requires_grad_(requires_grad=False)
        with pytest.raises(MaskError, match="frozen or unfrozen the weight of layer '3'"):
            sparsify.check_masks(run)

    def test_a_masked_weight_that_is_not_zero_is_an_error(self):
        values = {"prune.distribution": "uniform", "prune.schedule": "one-shot"}
        run = started(tiny(**values), after=2)
        with torch.no_grad():
            run.model[3].weight.add_(1)
        with pytest.raises(MaskError, match="masked weights of layer '3' are no longer 0"):
            sparsify.prune(run)


class TestDegenerate:
    def test_one_class_is_refused(self):
        data = few_digits()
        zeros = data.train_labels * 0
        single = replace(data, train_labels=zeros, clean_train=zeros)
        with pytest.raises(DataError, match="all 120 training samples have the same class"):
            preflight.check(tiny(), single)

    @pytest.mark.parametrize(
        "values",
        [{"optim.batch_size": 1}, {"coreset.fraction": 0.005, "coreset.balanced": False}],
    )
    def test_single_samples_and_batch_norm_are_refused(self, values):
        config = tiny({"model": "tests.swast.support:restless_mlp", **values})
        with pytest.raises(ConfigError, match="cannot be trained on a batch of 1 sample: ValueE"):
            preflight.check(config, few_digits())

    def test_a_compiler_that_fails_is_refused(self, monkeypatch):
        def failing(*_args: object, **_more: object) -> None:
            raise RuntimeError("No working C++ compiler found\n\nSet TORCHDYNAMO_VERBOSE=1")

        monkeypatch.setattr(torch, "compile", failing)
        with pytest.raises(ConfigError, match=r"here: .*No working C\+\+ compiler found$"):
            check_compiler(torch.device("cpu"))
