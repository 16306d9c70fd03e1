"""Augmentation against a reference for one image, and its independence of batch and device."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from swast.config import AugmentConfig
from swast.data import augment
from swast.data.augment import crop_and_flip, cut_out, draw_augmentation
from tests.swast.support import few_digits, same_bits, started, tiny, train

CPU = torch.device("cpu")
ALL = AugmentConfig(crop=3, flip=True, cutout=4)
IMAGES = torch.randn(40, 3, 7, 9, generator=torch.Generator().manual_seed(0))


def by_hand(image: np.ndarray, padding: int, offset: tuple[int, int], flip: bool) -> np.ndarray:
    """Crop and flip one image with NumPy."""
    _, height, width = image.shape
    padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    cut = padded[:, offset[0] : offset[0] + height, offset[1] : offset[1] + width]
    return cut[:, :, ::-1] if flip else cut


def cut_by_hand(image: np.ndarray, side: int, centre: tuple[int, int]) -> np.ndarray:
    changed = image.copy()
    top, left = centre[0] - side // 2, centre[1] - side // 2
    changed[:, max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = 0
    return changed


@pytest.mark.parametrize("padding", [0, 1, 3, 12])
def test_crops_and_flips_are_those_of_one_picture_at_a_time(padding):
    draw = np.random.default_rng(1)
    offsets = draw.integers(0, 2 * padding + 1, (40, 2))
    flipped = draw.integers(0, 2, 40).astype(bool)
    found = crop_and_flip(IMAGES, padding, torch.tensor(offsets), torch.tensor(flipped))
    for image, offset, flip, changed in zip(IMAGES.numpy(), offsets, flipped, found, strict=True):
        assert np.array_equal(by_hand(image, padding, offset, flip), changed.numpy())


@pytest.mark.parametrize("side", [1, 2, 5, 8, 30])
def test_squares_are_cut_out_as_of_one_picture_at_a_time(side):
    """All possible centres are tested, including the corners."""
    images = IMAGES[:1].expand(63, -1, -1, -1)
    centres = torch.cartesian_prod(torch.arange(7), torch.arange(9))
    found = cut_out(images, side, centres)
    for centre, changed in zip(centres.tolist(), found, strict=True):
        assert np.array_equal(cut_by_hand(IMAGES[0].numpy(), side, centre), changed.numpy())


def test_every_outcome_comes_about_equally_often():
    """Each count of 60,000 samples is within five standard deviations."""
    drawn = draw_augmentation(ALL, 60_000, (3, 7, 9), seed=0, epoch=0, device=CPU)
    for values, outcomes in [
        (drawn.offsets[:, 0], 7),
        (drawn.offsets[:, 1], 7),
        (drawn.flipped, 2),
        (drawn.centres[:, 0], 7),
        (drawn.centres[:, 1], 9),
    ]:
        counts = torch.bincount(values.int(), minlength=outcomes)
        assert len(counts) == outcomes
        spread = (60_000 * (1 / outcomes) * (1 - 1 / outcomes)) ** 0.5
        assert (counts - 60_000 / outcomes).abs().max() < 5 * spread


def test_it_follows_from_seed_and_epoch_and_differs_with_either():
    def drawn(seed, epoch):
        made = draw_augmentation(ALL, 40, (3, 7, 9), seed, epoch, CPU)
        return made(IMAGES, torch.arange(40))

    assert torch.equal(drawn(1, 2), drawn(1, 2))
    assert not torch.equal(drawn(1, 2), drawn(1, 3))
    assert not torch.equal(drawn(1, 2), drawn(2, 2))


def test_a_sample_fares_the_same_in_whatever_batch_it_comes():
    made = draw_augmentation(ALL, 40, (3, 7, 9), 0, 0, CPU)
    whole = made(IMAGES, torch.arange(40))
    for part in torch.randperm(40, generator=torch.Generator().manual_seed(5)).split(7):
        assert torch.equal(made(IMAGES[part], part), whole[part])


def test_one_kind_does_not_change_how_another_falls():
    def offsets(**kinds):
        return draw_augmentation(AugmentConfig(crop=3, **kinds), 40, (3, 7, 9), 0, 0, CPU).offsets

    assert torch.equal(offsets(), offsets(flip=True, cutout=4))


def test_off_is_off():
    assert draw_augmentation(AugmentConfig(), 40, (3, 7, 9), 0, 0, CPU) is None
    flips = draw_augmentation(AugmentConfig(crop=1), 1000, (3, 7, 9), 0, 0, CPU).flipped
    assert not flips.any()


class TestInTraining:
    CONFIG = tiny({"augment.crop": 2, "augment.flip": True, "augment.cutout": 3})

    def test_training_steps_alone_see_it(self, monkeypatch):
        """Selection, recording and evaluation read the same images as without augmentation."""
        seen = []

        def apply(self, images, indices):
            seen.append(len(indices))
            return plain(self, images, indices)

        plain = augment.Augmentation.__call__
        monkeypatch.setattr(augment.Augmentation, "__call__", apply)
        result = train(self.CONFIG, data=few_digits(), test=True)
        assert sum(seen) == sum(entry.samples for entry in result.history)

    def test_it_changes_what_is_learnt(self):
        plain = train(tiny(), data=few_digits()).state
        assert not same_bits(train(self.CONFIG, data=few_digits()).state, plain)

    def test_it_costs_nothing(self):
        plain = train(tiny(), data=few_digits())
        augmented = train(self.CONFIG, data=few_digits())
        assert augmented.train_flops == augmented.predicted_flops == plain.train_flops

    def test_epochs_differ(self):
        run = started(self.CONFIG)
        first = run.augmentation()
        run.epoch += 1
        assert not torch.equal(first.offsets, run.augmentation().offsets)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_makes_the_same_images():
    there = torch.device("cuda")
    made = {
        device: draw_augmentation(ALL, 40, (3, 7, 9), 0, 0, device)(
            IMAGES.to(device), torch.arange(40, device=device)
        ).cpu()
        for device in (CPU, there)
    }
    assert torch.equal(made[CPU], made[there])
