"""Networks: shapes, published sizes, and initialisation by the seed."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from docs import networks
from docs.pages import DOCS, renewed
from swast.cost import model_cost
from swast.errors import ConfigError
from swast.features import evaluating, last_linear
from swast.models import MODELS, build_model, outline
from swast.pruning import prunable_weights
from tests.swast.support import copied, global_generators, same_bits

PAGE = (DOCS / "networks.md").read_text(encoding="utf-8")
CIFAR, IMAGENET, MNIST = (3, 32, 32), (3, 224, 224), (1, 28, 28)
LIGHT = ("cnn-small", "mlp-small", "lenet-300-100", "lenet-5", "resnet20", "mobilenet-v2")
PUBLISHED = [
    ("lenet-300-100", MNIST, 10, 266_610, 0.266),
    ("lenet-5", MNIST, 10, 61_706, 0.417),
    ("resnet20", CIFAR, 10, 272_474, 40.8),
    ("resnet56", CIFAR, 10, 855_770, 125.8),
    ("resnet18", CIFAR, 10, 11_173_962, 556),
    ("resnet18", IMAGENET, 1000, 11_689_512, 1_814),
    ("resnet50", IMAGENET, 1000, 25_557_032, 4_089),
    ("resnet101", IMAGENET, 1000, 44_549_160, 7_801),
    ("vgg16-bn", CIFAR, 10, 14_728_266, 313),
    ("vgg16-bn", IMAGENET, 1000, 138_365_992, 15_470),
    ("wrn-28-10", CIFAR, 10, 36_479_194, 5_240),
    ("mobilenet-v2", IMAGENET, 1000, 3_504_872, 300.8),
    ("vit-tiny", IMAGENET, 1000, 5_717_416, 1_254),
]
"""Parameters and million forward MACs, of the papers and of torchvision's model pages."""

every_network = pytest.mark.parametrize("name", MODELS)


@every_network
@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 96, 80)])
def test_a_network_gives_a_logit_a_class_at_rest_and_in_training(name, shape):
    """The outline takes no memory, so a search can forecast networks too large for its driver."""
    model = outline(name, shape, 7)
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
    images = torch.zeros(5, *shape, device="meta")
    with evaluating(model):
        assert model(images).shape == (5, 7)
    assert model(images).shape == (5, 7)
    assert last_linear(model).out_features == 7


@pytest.mark.parametrize("name", ["cnn-small", "mlp-small", "resnet20", "mobilenet-v2"])
def test_odd_and_tiny_images_are_taken(name):
    assert build_model(name, (3, 9, 6), 7, 0)(torch.zeros(5, 3, 9, 6)).shape == (5, 7)


@pytest.mark.parametrize(("name", "shape", "classes", "parameters", "macs"), PUBLISHED)
def test_a_network_has_the_size_that_its_paper_gives(name, shape, classes, parameters, macs):
    """Sizes are read from the table in the docs, which another test regenerates."""
    start = f"| `{name}` | {' × '.join(map(str, shape))} | {classes:,} | {parameters:,} | "
    (row,) = [line for line in PAGE.splitlines() if line.startswith(start)]
    found = float(row.removeprefix(start).removesuffix(" |").replace(",", ""))
    assert found == pytest.approx(macs, rel=0.02 if macs < 1 else 0.003)


class TestTheCount:
    @every_network
    def test_a_dense_network_costs_what_pytorch_counts_on_the_cpu(self, name):
        model = build_model(name, CIFAR, 10, 0)
        with evaluating(model), FlopCounterMode(display=False) as counter:
            model(torch.zeros(1, *CIFAR))
        assert model_cost(model, CIFAR).forward() == counter.get_total_flops()

    @every_network
    def test_a_weight_costs_two_flops_wherever_its_layer_is_applied(self, name):
        """The count is checked by hand from the output shape of every layer."""
        model = outline(name, CIFAR, 10)
        places: dict[str, int] = {}
        for layer, module in model.named_modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                module.register_forward_hook(
                    lambda module, _, out, layer=layer: places.update(
                        {layer: out[0, 0].numel() if out.dim() == 4 else out[0, ..., 0].numel()}
                    )
                )
        with evaluating(model):
            model(torch.zeros(1, *CIFAR, device="meta"))
        cost = model_cost(model, CIFAR)
        assert cost.per_weight == {layer: 2 * count for layer, count in places.items()}
        products = 12 * 2 * (2 * 65 * 65 * 192) if name == "vit-tiny" else 0
        assert cost.other == products

    def test_every_weight_of_the_transformer_can_be_pruned(self):
        model = outline("vit-tiny", CIFAR, 10)
        weights = sum(weight.numel() for weight in prunable_weights(model, "all").values())
        others = sum(p.numel() for n, p in model.named_parameters() if not n.endswith("weight"))
        norms = sum(module.weight.numel() for module in model.modules() if is_norm(module))
        assert weights + others + norms == sum(p.numel() for p in model.parameters())

    def test_attention_is_counted_in_full_though_pytorch_fuses_it_at_rest(self):
        """Its packed projection and its products belong to no layer, so they count as other.

        Its projection of the outputs is a layer, which PyTorch multiplies without calling it.
        """

        class Encoder(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
                self.head = nn.Linear(16, 3)

            def forward(self, images):
                return self.head(self.layer(images[:, 0]).mean(1))

        model = Encoder().train()
        with FlopCounterMode(display=False) as counter:
            model(torch.zeros(1, 1, 5, 16))
        cost = model_cost(model, (1, 5, 16))
        assert cost.forward() == counter.get_total_flops()
        assert cost.other == 2 * 5 * 16 * (3 * 16) + 2 * (2 * 5 * 5 * 16)
        assert cost.per_weight["layer.self_attn.out_proj"] == 2 * 5


def is_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.LayerNorm)


class TestInitialisation:
    @pytest.mark.parametrize("name", LIGHT)
    def test_initial_weights_follow_from_the_seed_alone(self, name):
        first = build_model(name, CIFAR, 10, 4).state_dict()
        torch.rand(3)
        before = global_generators()
        assert same_bits(build_model(name, CIFAR, 10, 4).state_dict(), first)
        assert not same_bits(build_model(name, CIFAR, 10, 5).state_dict(), first)
        assert global_generators() == before

    @every_network
    def test_an_outline_draws_from_no_global_generator(self, name):
        before = global_generators()
        outline(name, CIFAR, 10)
        assert global_generators() == before

    @pytest.mark.parametrize("name", ["resnet20", "resnet18", "mobilenet-v2", "vit-tiny"])
    def test_signals_and_gradients_neither_die_nor_explode(self, name):
        model = build_model(name, CIFAR, 10, 0).train()
        images = torch.randn(8, *CIFAR, generator=torch.Generator().manual_seed(0))
        loss = nn.functional.cross_entropy(model(images), torch.arange(8))
        loss.backward()
        assert 1.5 < loss.item() < 4
        for parameter in prunable_weights(model, "all").values():
            assert 0 < parameter.grad.norm() < 100


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "shape", "said"),
        [
            ("cnn-small", (1, 1, 8), r"2 × 2 or more, got \(1, 1, 8\)"),
            ("lenet-5", (1, 8, 8), "12 × 12 or more"),
            ("vgg16-bn", (3, 28, 28), "32 × 32 or more"),
            ("vit-tiny", (3, 33, 32), "sides that 8 divides"),
        ],
    )
    def test_images_that_a_network_cannot_take(self, name, shape, said):
        with pytest.raises(ConfigError, match=f"model '{name}' needs .*{said}"):
            build_model(name, shape, 10, 0)


def test_the_table_in_the_docs_is_that_of_the_networks():
    """Regenerate it with `python -m docs.networks`."""
    assert renewed(PAGE, networks.PARTS) == PAGE
    assert all(f"| `{name}` |" in PAGE for name in MODELS)


def test_a_copy_for_looking_leaves_the_network_as_it_was():
    model = build_model("resnet20", CIFAR, 10, 0)
    before = copied(model)
    model_cost(model, CIFAR)
    assert same_bits(copied(model), before)
