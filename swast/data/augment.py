"""Augmentation of training batches: crop, flip and cutout, on the training device.

The augmentation of a sample follows from the run's seed, the epoch and the sample's position in
the training set. It is independent of the batch and of the device (it is drawn on the CPU), and
each kind is independent of the others. Images are changed after normalisation, so pixels outside
the image get the mean colour, 0.

Sources: the crops and flips of K. He et al., CVPR 2016 (arXiv 1512.03385), section 4.2; cutout of
T. DeVries, G. Taylor, arXiv 1708.04552.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from swast.config import AugmentConfig
from swast.rng import generator


@dataclass(frozen=True)
class Augmentation:
    """Augmentation of every training sample in one epoch.

    Attributes:
        config: the kinds that are on.
        offsets: top left corner of the crop in the padded image, row and column, N × 2.
        flipped: whether the crop is mirrored left to right, N.
        centres: centre of the square that cutout then sets to 0, row and column, N × 2.
    """

    config: AugmentConfig
    offsets: torch.Tensor
    flipped: torch.Tensor
    centres: torch.Tensor

    def __call__(self, images: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        """Augment the images of the samples at some indices, n × channels × height × width."""
        offsets, flipped = self.offsets[indices], self.flipped[indices]
        changed = crop_and_flip(images, self.config.crop, offsets, flipped)
        if self.config.cutout:
            changed = cut_out(changed, self.config.cutout, self.centres[indices])
        return changed


def draw_augmentation(
    config: AugmentConfig,
    num_samples: int,
    shape: Sequence[int],
    seed: int,
    epoch: int,
    device: torch.device,
) -> Augmentation | None:
    """Draw the augmentation of every sample in an epoch; return None if all kinds are off.

    Args:
        config: the kinds that are on.
        num_samples: size of the training set, N.
        shape: channels, height and width of an image.
        seed: the run's seed.
        epoch: the epoch, counted from 0.
        device: the device of the images.
    """
    if not (config.crop or config.flip or config.cutout):
        return None
    height, width = shape[-2:]

    def draw(purpose: str, *limits: int) -> torch.Tensor:
        stream = generator(seed, purpose, epoch)
        drawn = [torch.randint(limit, (num_samples,), generator=stream) for limit in limits]
        return torch.stack(drawn, dim=1).to(device)

    reach = 2 * config.crop + 1
    return Augmentation(
        config,
        offsets=draw("crop", reach, reach),
        flipped=draw("flip", 2 if config.flip else 1)[:, 0] > 0,
        centres=draw("cutout", height, width),
    )


def crop_and_flip(
    images: torch.Tensor, padding: int, offsets: torch.Tensor, flipped: torch.Tensor
) -> torch.Tensor:
    """Pad with 0, crop each image at its offset to its old size, and mirror some of them.

    Args:
        images: images, n × channels × height × width.
        padding: pixels on every side.
        offsets: row and column of the crop in the padded image, n × 2.
        flipped: mask of the images to mirror left to right, n.
    """
    number, channels, height, width = images.shape
    padded = functional.pad(images, (padding,) * 4)

    def steps(count: int, *shape: int) -> torch.Tensor:
        return torch.arange(count, device=images.device).view(*shape)

    across = steps(width, 1, 1, 1, -1)
    across = torch.where(flipped.view(-1, 1, 1, 1), width - 1 - across, across)
    rows = steps(height, 1, 1, -1, 1) + offsets[:, 0].view(-1, 1, 1, 1)
    columns = across + offsets[:, 1].view(-1, 1, 1, 1)
    return padded[steps(number, -1, 1, 1, 1), steps(channels, 1, -1, 1, 1), rows, columns]


def cut_out(images: torch.Tensor, side: int, centres: torch.Tensor) -> torch.Tensor:
    """Set a square of each image to 0, clipped at the border of the image.

    Args:
        images: images, n × channels × height × width.
        side: side of the square, in pixels; it begins side // 2 before the centre.
        centres: row and column of the centres, n × 2.
    """
    inside = []
    for axis, length in enumerate(images.shape[-2:]):
        first = (centres[:, axis] - side // 2).view(-1, 1)
        place = torch.arange(length, device=images.device)
        inside.append((place >= first) & (place < first + side))
    square = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return images.masked_fill(square, 0)
