"""Networks as users write them: odd, but in use. Each is a function of shape and classes."""

from __future__ import annotations

import copy
import random

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune

WIDTH = 12


def body(shape: tuple[int, ...], *middle: nn.Module, classes: int) -> nn.Sequential:
    """Return a network of flattened images with layers between its first and its last."""
    size = shape[0] * shape[1] * shape[2]
    first = nn.Linear(size, WIDTH)
    return nn.Sequential(nn.Flatten(), first, nn.ReLU(), *middle, nn.Linear(WIDTH, classes))


class Calling(nn.Module):
    """A network of three linear layers whose forward pass is a function."""

    def __init__(self, shape, classes, forward, **more):
        super().__init__()
        self.inp = nn.Linear(shape[0] * shape[1] * shape[2], WIDTH)
        self.mid = nn.Linear(WIDTH, WIDTH)
        for name, module in more.items():
            setattr(self, name, module)
        self.head = nn.Linear(WIDTH, classes)
        self.call = forward

    def forward(self, images):
        return self.call(self, images)


def ahead(net, images):
    return functional.relu(net.inp(images.flatten(1)))


def plain(shape, classes):
    return Calling(shape, classes, lambda net, x: net.head(net.mid(ahead(net, x)).relu()))


def weight_norm(shape, classes):
    return body(shape, parametrizations.weight_norm(nn.Linear(WIDTH, WIDTH)), classes=classes)


def spectral_norm(shape, classes):
    return body(shape, parametrizations.spectral_norm(nn.Linear(WIDTH, WIDTH)), classes=classes)


def orthogonal(shape, classes):
    return body(shape, parametrizations.orthogonal(nn.Linear(WIDTH, WIDTH)), classes=classes)


def old_weight_norm(shape, classes):
    return body(shape, nn.utils.weight_norm(nn.Linear(WIDTH, WIDTH)), classes=classes)


def pruned_by_torch(shape, classes):
    layer = nn.Linear(WIDTH, WIDTH)
    prune.random_unstructured(layer, "weight", 0.3)
    return body(shape, layer, classes=classes)


def standardised(shape, classes):
    class Standardised(nn.Linear):
        def forward(self, inputs):
            return functional.linear(inputs, self.weight - self.weight.mean(), self.bias)

    return body(shape, Standardised(WIDTH, WIDTH), classes=classes)


def functional_use(shape, classes):
    return Calling(
        shape,
        classes,
        lambda net, x: net.head(functional.linear(ahead(net, x), net.mid.weight - 0.1)),
    )


def noisy(shape, classes):
    def forward(net, images):
        with torch.no_grad():
            net.mid.weight.add_(0.01)
        return net.head(net.mid(ahead(net, images)))

    return Calling(shape, classes, forward)


def noisy_in_training(shape, classes):
    def forward(net, images):
        weight = net.mid.weight
        if net.training:
            weight = weight + 0.1 * torch.randn_like(weight)
        return net.head(functional.linear(ahead(net, images), weight))

    return Calling(shape, classes, forward)


def toggled(shape, classes):
    def forward(net, images):
        net.mid.weight.requires_grad_(not net.mid.weight.requires_grad)
        return net.head(net.mid(ahead(net, images)))

    return Calling(shape, classes, forward)


def replaced(shape, classes):
    def forward(net, images):
        net.mid = copy.deepcopy(net.mid)
        return net.head(net.mid(ahead(net, images)))

    return Calling(shape, classes, forward)


def random_depth(shape, classes):
    def forward(net, images):
        hidden = ahead(net, images)
        skips = net.training and random.random() < 0.5
        return net.head(hidden if skips else net.mid(hidden))

    return Calling(shape, classes, forward)


def jittered(shape, classes):
    """Jitter in training, from the generators of Python and of NumPy."""

    def forward(net, images):
        hidden = ahead(net, images)
        if net.training:
            hidden = hidden * (1 + 0.1 * random.gauss(0, 1) + 0.1 * np.random.normal())  # noqa: NPY002
        return net.head(net.mid(hidden))

    return Calling(shape, classes, forward)


def frozen(shape, classes):
    made = plain(shape, classes)
    made.inp.requires_grad_(requires_grad=False)
    return made


def frozen_middle(shape, classes):
    made = plain(shape, classes)
    made.mid.requires_grad_(requires_grad=False)
    return made


def frozen_body(shape, classes):
    made = frozen(shape, classes)
    made.mid.requires_grad_(requires_grad=False)
    return made


def all_frozen(shape, classes):
    return plain(shape, classes).requires_grad_(requires_grad=False)


def biases_only(shape, classes):
    made = plain(shape, classes)
    for layer in (made.inp, made.mid, made.head):
        layer.weight.requires_grad_(requires_grad=False)
    return made


def tied(shape, classes):
    made = Calling(
        shape,
        classes,
        lambda net, x: net.head(net.twin(net.mid(ahead(net, x)).relu())),
        twin=nn.Linear(WIDTH, WIDTH),
    )
    made.twin.weight = made.mid.weight
    return made


def tied_transposed(shape, classes):
    made = tied(shape, classes)
    made.twin.weight = nn.Parameter(made.mid.weight.data.t())
    return made


def reused(shape, classes):
    return Calling(
        shape, classes, lambda net, x: net.head(net.mid(net.mid(ahead(net, x)).relu()).relu())
    )


def unused(shape, classes):
    return Calling(shape, classes, lambda net, x: net.head(ahead(net, x)))


def lazy(shape, classes):
    return nn.Sequential(
        nn.Conv2d(shape[0], 4, 3), nn.Flatten(), nn.LazyLinear(WIDTH), nn.Linear(WIDTH, classes)
    )


def lazy_unused(shape, classes):
    return Calling(shape, classes, lambda net, x: net.head(ahead(net, x)), more=nn.LazyLinear(3))


def compiled(shape, classes):
    return torch.compile(plain(shape, classes))


def compiled_inside(shape, classes):
    return nn.Sequential(torch.compile(nn.Flatten()), nn.Linear(64, WIDTH), nn.Linear(WIDTH, 10))


def parallel(shape, classes):
    return nn.DataParallel(plain(shape, classes))


def scripted(shape, classes):
    return torch.jit.script(body(shape, classes=classes))


def gated(shape, classes):
    def forward(net, images):
        hidden = ahead(net, images)
        return net.head(net.mid(hidden) if images.abs().sum() > 0 else hidden)

    return Calling(shape, classes, forward)


def scaled(shape, classes):
    return Calling(
        shape, classes, lambda net, x: net.head(ahead(net, x) / (1 + x.abs().max().item()))
    )


def pair(shape, classes):
    return Calling(shape, classes, lambda net, x: (net.head(ahead(net, x)), x))


def mapping(shape, classes):
    return Calling(shape, classes, lambda net, x: {"logits": net.head(ahead(net, x))})


def nan(shape, classes):
    return Calling(shape, classes, lambda net, x: net.head(ahead(net, x) * float("nan")))


def exits(shape, classes):
    return Calling(shape, classes, lambda net, x: (_ for _ in ()).throw(SystemExit(0)))


def double(shape, classes):
    made = Calling(shape, classes, lambda net, x: net.head(ahead(net, x.double())))
    return made.double()


def half(shape, classes):
    return plain(shape, classes).half()


def resting(shape, classes):
    return plain(shape, classes).eval()


def no_statistics(shape, classes):
    norm = nn.BatchNorm2d(4, track_running_stats=False)
    return nn.Sequential(
        nn.Conv2d(shape[0], 4, 3),
        norm,
        nn.Flatten(),
        nn.LazyLinear(WIDTH),
        nn.Linear(WIDTH, classes),
    )


def hooked(shape, classes):
    made = plain(shape, classes)
    made.mid.register_forward_hook(lambda _module, _inputs, output: output * 2)
    return made


def in_place(shape, classes):
    return Calling(shape, classes, lambda net, x: net.head(net.mid(ahead(net, x)).relu_()))


def shared_buffer(shape, classes):
    made = plain(shape, classes)
    made.register_buffer("copy", made.mid.weight.data)
    return made


def complex_weights(shape, classes):
    return Calling(
        shape,
        classes,
        lambda net, x: net.head(net.wave(ahead(net, x).to(torch.complex64)).abs()),
        wave=nn.Linear(WIDTH, WIDTH, dtype=torch.complex64),
    )


def empty_layer(shape, classes):
    return Calling(
        shape,
        classes,
        lambda net, x: net.head(ahead(net, x)) + net.none(x.flatten(1)[:, :0]).sum(),
        none=nn.Linear(0, 3),
    )


def convolutions(shape, classes):
    return nn.Sequential(
        nn.Conv2d(shape[0], 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1, groups=4),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 4, 2, stride=2),
        nn.Flatten(),
        nn.LazyLinear(classes),
    )


def volume(shape, classes):
    return Calling(
        shape,
        classes,
        lambda net, x: net.head(net.cube(x[:, :, None]).flatten(2).mean(2)),
        cube=nn.Conv3d(shape[0], WIDTH, (1, 3, 3)),
    )


def embedded(shape, classes):
    return Calling(
        shape,
        classes,
        lambda net, x: net.head(net.words(x.flatten(1).long().clamp(0, 9)).mean(1)),
        words=nn.Embedding(10, WIDTH),
    )


def recurrent(shape, classes):
    return Calling(
        shape,
        classes,
        lambda net, x: net.head(net.mid(net.cell(x[:, 0])[0][:, -1])),
        cell=nn.LSTM(shape[2], WIDTH, batch_first=True),
    )


def attentive(shape, classes):
    def forward(net, images):
        hidden = net.rows(images[:, 0])
        return net.head(net.look(hidden, hidden, hidden)[0].mean(1))

    return Calling(
        shape,
        classes,
        forward,
        rows=nn.Linear(shape[2], WIDTH),
        look=nn.MultiheadAttention(WIDTH, 2, batch_first=True),
    )
