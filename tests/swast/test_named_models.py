"""Networks of torchvision and of users: they train, or fail with an error of one line."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import torch

from swast.cli import main
from swast.cost import model_cost
from swast.data import DATASETS
from swast.errors import ConfigError
from swast.models import build_model, outline
from tests.swast.support import digits, few_digits, global_generators, same_bits, tiny

DOCS = Path(__file__).parents[2] / "docs" / "networks.md"
HEADS = """
import torch
from torch import nn

NUMBER = 3

class Flat(nn.Module):
    def __init__(self, shape, classes, use):
        super().__init__()
        self.body, self.head = nn.Linear(shape[1] * shape[2], 6), nn.Linear(6, classes)
        self.use = use

    def forward(self, images):
        return self.use(self.head, torch.relu(self.body(images.flatten(1))))

def good(shape, classes):
    return Flat(shape, classes, lambda head, hidden: head(hidden))

def reading(shape, classes):
    low = torch.rand(1).item()
    return Flat(shape, classes, lambda head, hidden: head(hidden * max(hidden.max().item(), low)))

def headless(shape, classes):
    return nn.Sequential(nn.Conv2d(shape[0], classes, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())

def narrow(shape, classes):
    return Flat(shape, classes - 1, lambda head, hidden: head(hidden))

def unused(shape, classes):
    return Flat(shape, classes, lambda head, hidden: hidden[:, :1] * torch.ones(classes))

def pair(shape, classes):
    return Flat(shape, classes, lambda head, hidden: (head(hidden), hidden))

def spread(shape, classes):
    return Flat(shape, classes, lambda head, hidden: head(hidden[:, None]).mean(1))

def choosy(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(99, classes))

def failing(shape, classes):
    raise KeyError("layer")

def text(shape, classes):
    return "a network"

def too_few(shape):
    return None
"""
REFUSED = {
    "mine:headless": "model 'mine:headless' must end in a linear layer, and has none",
    "mine:narrow": "must end in a linear layer with 10 outputs, and its last has 9",
    "mine:unused": "must use its last linear layer once, on one row of features per image",
    "mine:pair": "must return one logit per class, (2, 10), got <class 'tuple'>",
    "mine:spread": "must use its last linear layer once, on one row of features per image",
    "mine:choosy": "does not take images of (1, 8, 8): ",
    "mine:failing": "cannot be built: KeyError: 'layer'",
    "mine:text": "must return an nn.Module, got 'a network'",
    "mine:too_few": "cannot be built: TypeError: ",
    "mine:NUMBER": "must be a function, got 3",
    "mine:goood": "cannot be imported: AttributeError: ",
    "nowhere.to.be:found": "cannot be imported: ModuleNotFoundError: No module named 'nowhere'",
    "broken:net": "cannot be imported: SyntaxError: ",
    "torchvision:resnte18": "is not a classifier of torchvision; did you mean 'resnet18'?",
    "torchvision:squeezenet1_0": "must end in a linear layer, and has none",
    "torchvision:resnet18": "does not take images of (1, 8, 8): ",
    "fasterrcnn": "model must be one of cnn-small, mlp-small, ",
    "torchvision:": "torchvision:NAME, package.module:function, got 'torchvision:'",
}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Make a user's folder, with modules of networks and a configuration."""
    monkeypatch.setitem(DATASETS, "digits", lambda *_: few_digits())
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(HEADS)
    Path("broken.py").write_text("def net(:")
    Path("c.toml").write_text(tiny({"epochs": 3}).to_toml())
    yield tmp_path
    for module in ("mine", "mynets"):
        sys.modules.pop(module, None)


@pytest.mark.parametrize(("name", "said"), REFUSED.items())
def test_a_network_that_cannot_be_trained_is_refused_in_one_line(folder, capsys, name, said):
    files = sorted(folder.iterdir())
    options = ["--set", f"model={name}", "--json", "result.json", "--resume", "run"]
    assert main(["c.toml", *options]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err
    assert sorted(folder.iterdir()) == files


@pytest.mark.parametrize("name", ["mine:good", "mine:reading"])
def test_a_network_of_ones_own_trains_at_the_price_that_is_known_before(folder, name):
    """One of them reads values, so it cannot run on the meta device."""
    assert main(["c.toml", "--set", f"model={name}", "--json", "result.json"]) == 0
    result = json.loads(Path("result.json").read_text())
    assert result["predicted_flops"] == result["train_flops"] > 0
    assert result["config"]["model"] == name


def test_a_network_of_ones_own_starts_from_the_seed_alone(folder):
    first = build_model("mine:reading", (1, 8, 8), 10, 3)
    torch.rand(2)
    before = global_generators()
    again = build_model("mine:reading", (1, 8, 8), 10, 3)
    assert same_bits(again.state_dict(), first.state_dict())
    assert global_generators() == before


def test_a_network_of_ones_own_is_counted(folder):
    model = outline("mine:good", (1, 8, 8), 10)
    assert model_cost(model, (1, 8, 8)).forward() == 2 * (64 * 6 + 6 * 10)


@pytest.mark.parametrize(("name", "macs"), [("resnet34", 3_664), ("googlenet", 1_498)])
def test_a_network_of_torchvision_costs_what_its_page_says(name, macs):
    """googlenet is built without its auxiliary outputs."""
    shape = (3, 224, 224)
    cost = model_cost(outline(f"torchvision:{name}", shape, 1000), shape)
    assert cost.forward() / 2e6 == pytest.approx(macs, rel=0.001)


def test_a_network_of_torchvision_is_torchvisions(recwarn):
    from torchvision import models

    model = build_model("torchvision:shufflenet_v2_x0_5", (3, 32, 32), 5, 0)
    plain = models.shufflenet_v2_x0_5(weights=None, num_classes=5)
    assert model.state_dict().keys() == plain.state_dict().keys()
    with pytest.raises(ConfigError, match="Expected 224 but got 32"):
        outline("torchvision:vit_b_16", (3, 32, 32), 10)


def test_the_example_in_the_docs_trains(folder, capsys, monkeypatch):
    """It trains on all digits, with the default coreset of a twentieth."""
    monkeypatch.setitem(DATASETS, "digits", lambda *_: digits())
    page = DOCS.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (config,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    Path("mynets.py").write_text(code)
    Path("mine.toml").write_text(config)
    assert "    swast-train mine.toml\n" in page
    assert main(["mine.toml"]) == 0
    assert "validation accuracy" in capsys.readouterr().out
