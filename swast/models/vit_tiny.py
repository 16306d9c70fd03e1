"""vit-tiny: a vision transformer of 12 blocks, 192 channels and 3 heads (DeiT-Ti).

Patches have 16 × 16 pixels for images above 64 pixels, 8 × 8 above 32, 4 × 4 above 16, and 2 × 2
below. That is 64 patches on CIFAR and TinyImageNet, and 196 on ImageNet. All weight matrices are
in linear layers or in the patch convolution, so all of them can be pruned.

Sources: Dosovitskiy et al., "An image is worth 16×16 words", ICLR 2021; Touvron et al., "Training
data-efficient image transformers", ICML 2021.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from swast.errors import ConfigError

WIDTH, DEPTH, HEADS = 192, 12, 3


class Attention(nn.Module):
    """Self-attention with the queries, keys and values from one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the tokens, n × length × width, after attention."""
        samples, length, _ = tokens.shape
        heads = self.qkv(tokens).view(samples, length, 3, HEADS, WIDTH // HEADS)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        joined: torch.Tensor = self.out(mixed.transpose(1, 2).reshape(samples, length, WIDTH))
        return joined


class Block(nn.Module):
    """Transformer block: norm · attention, plus a shortcut; norm · perceptron, plus a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.attention = Attention()
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.perceptron = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)
        )

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the tokens, n × length × width, after the block."""
        tokens = tokens + self.attention(self.norm1(tokens))
        mixed: torch.Tensor = tokens + self.perceptron(self.norm2(tokens))
        return mixed


class VisionTransformer(nn.Module):
    """Vision transformer that classifies by a class token."""

    def __init__(self, channels: int, patches: int, patch: int, num_classes: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, WIDTH, patch, stride=patch)
        self.token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.position = nn.Parameter(torch.zeros(1, patches + 1, WIDTH))
        self.blocks = nn.Sequential(*(Block() for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.head = nn.Linear(WIDTH, num_classes)
        nn.init.trunc_normal_(self.token, std=0.02)
        nn.init.trunc_normal_(self.position, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits of n images, n × C."""
        patches = self.patches(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(patches.shape[0], -1, -1), patches], dim=1)
        hidden = self.norm(self.blocks(tokens + self.position))
        logits: torch.Tensor = self.head(hidden[:, 0])
        return logits


def patch_size(height: int, width: int) -> int:
    """Return the side of a patch for images of a size."""
    longer = max(height, width)
    return next((patch for pixels, patch in ((64, 16), (32, 8), (16, 4)) if longer > pixels), 2)


def vit_tiny(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build the transformer for images of one size; on CIFAR-10 it has 5.4 million parameters.

    Args:
        input_shape: channels, height, width; height and width must be multiples of the patch.
        num_classes: number of outputs.
    """
    channels, height, width = input_shape
    patch = patch_size(height, width)
    if height % patch or width % patch:
        raise ConfigError(
            [f"model 'vit-tiny' needs sides that {patch} divides, got images of {input_shape}"]
        )
    return VisionTransformer(channels, (height // patch) * (width // patch), patch, num_classes)
