"""Regeneration of the table in networks.md: `python -m docs.networks`."""

from __future__ import annotations

from docs.pages import DOCS, Parts, write
from swast.cost import model_cost
from swast.models import MODELS, outline

PAGE = DOCS / "networks.md"
USUAL = {
    "cnn-small": ((1, 8, 8), 10),
    "mlp-small": ((1, 8, 8), 10),
    "lenet-300-100": ((1, 28, 28), 10),
    "lenet-5": ((1, 28, 28), 10),
}
"""Usual image shape and number of classes of a network; CIFAR-10's if not named here."""
CIFAR, IMAGENET = ((3, 32, 32), 10), ((3, 224, 224), 1000)
BOTH = ("resnet18", "resnet50", "resnet101", "vgg16-bn", "mobilenet-v2", "vit-tiny")


def row(name: str, shape: tuple[int, ...], classes: int) -> str:
    """Generate a row: a network on images of a shape, its parameters and forward MACs."""
    model = outline(name, shape, classes)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    macs = model_cost(model, shape).forward() // 2
    size = " × ".join(map(str, shape))
    return f"| `{name}` | {size} | {classes:,} | {parameters:,} | {macs / 1e6:,.2f} |\n"


def table() -> str:
    """Generate the table of all networks at their usual input."""
    lines = [
        "| network | images | classes | parameters | forward, million MACs |\n",
        "|---|---|---:|---:|---:|\n",
    ]
    for name in MODELS:
        lines.append(row(name, *USUAL.get(name, CIFAR)))
        if name in BOTH:
            lines.append(row(name, *IMAGENET))
    return "".join(lines)


PARTS: Parts = {"table": table}

if __name__ == "__main__":
    write(PARTS, PAGE)
