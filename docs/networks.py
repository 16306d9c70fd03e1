"""Write the table of networks.md anew: `python docs/networks.py`."""

from __future__ import annotations

from pathlib import Path

from swast.cost import model_cost
from swast.models import MODELS, outline

PAGE = Path(__file__).with_suffix(".md")
BEGIN, END = "<!-- table: python docs/networks.py -->\n", "<!-- end of table -->\n"
USUAL = {
    "cnn-small": ((1, 8, 8), 10),
    "mlp-small": ((1, 8, 8), 10),
    "lenet-300-100": ((1, 28, 28), 10),
    "lenet-5": ((1, 28, 28), 10),
}
"""Images and classes that a network is usually met with; CIFAR-10's where not named."""
CIFAR, IMAGENET = ((3, 32, 32), 10), ((3, 224, 224), 1000)
BOTH = ("resnet18", "resnet50", "resnet101", "vgg16-bn", "mobilenet-v2", "vit-tiny")


def row(name: str, shape: tuple[int, ...], classes: int) -> str:
    """A network on images of a shape: its parameters and forward MACs."""
    model = outline(name, shape, classes)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    macs = model_cost(model, shape).forward() // 2
    size = " × ".join(map(str, shape))
    return f"| `{name}` | {size} | {classes:,} | {parameters:,} | {macs / 1e6:,.2f} |\n"


def table() -> str:
    """Every network at its usual input."""
    lines = [
        "| network | images | classes | parameters | forward, million MACs |\n",
        "|---|---|---:|---:|---:|\n",
    ]
    for name in MODELS:
        lines.append(row(name, *USUAL.get(name, CIFAR)))
        if name in BOTH:
            lines.append(row(name, *IMAGENET))
    return "".join(lines)


def renewed(page: str) -> str:
    """The page with its table made anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table() + END + after


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
