"""Writers of small data sets in their published layouts; images are noise, so all differ."""

from __future__ import annotations

import gzip
import pickle
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from swast.config import LoadingConfig
from swast.data import ArrayData, Places, load_data

RANDOM = np.random.default_rng(0)
TRAIN, TEST = 6, 3
"""Pictures a class, in layouts of few classes."""


def noise(count: int, height: int = 8, width: int | None = None, channels: int = 3) -> np.ndarray:
    return RANDOM.integers(0, 256, (count, channels, height, width or height), dtype=np.uint8)


def every_class(classes: int, each: int) -> np.ndarray:
    """Make shuffled labels with a few samples per class."""
    return RANDOM.permutation(np.repeat(np.arange(classes), each))


def save(path: Path, picture: np.ndarray, **options: object) -> None:
    """Write an image, channels × height × width, in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = picture.transpose(1, 2, 0)
    Image.fromarray(pixels if picture.shape[0] == 3 else pixels[..., 0]).save(path, **options)


Pictures = dict[bytes, int]
"""The label of every picture, by its bytes."""


def known(images: np.ndarray, labels: Sequence[int]) -> Pictures:
    return {image.tobytes(): int(label) for image, label in zip(images, labels, strict=True)}


def write_cifar10(root: Path) -> tuple[Pictures, Pictures]:
    return _cifar(
        root / "cifar-10-batches-py",
        [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"],
        classes=10,
        field="labels",
        meta=("batches.meta", "label_names"),
    )


def write_cifar100(root: Path) -> tuple[Pictures, Pictures]:
    return _cifar(
        root / "cifar-100-python",
        ["train", "test"],
        classes=100,
        field="fine_labels",
        meta=("meta", "fine_label_names"),
    )


def _cifar(folder, files, *, classes, field, meta):
    """Write a pickle as Python 2 did for the published files: protocol 2, with strings as keys."""
    folder.mkdir(parents=True)
    known_in = []
    for file in files:
        labels = every_class(classes, 3)
        images = noise(len(labels), 32)
        content = {"data": images.reshape(len(labels), -1), field: labels.tolist()}
        (folder / file).write_bytes(pickle.dumps(content, protocol=2))
        known_in.append(known(images, labels))
    names = {meta[1]: [f"class {label}" for label in range(classes)]}
    (folder / meta[0]).write_bytes(pickle.dumps(names, protocol=2))
    train: Pictures = {}
    for part in known_in[:-1]:
        train |= part
    return train, known_in[-1]


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def write_fashion_mnist(
    root: Path, folder: str = "FashionMNIST/raw", *, packed: bool = True
) -> tuple[Pictures, Pictures]:
    place, parts = root / folder, []
    place.mkdir(parents=True, exist_ok=True)
    for part, each in (("train", TRAIN), ("t10k", TEST)):
        labels = every_class(10, each)
        images = noise(len(labels), 28, channels=1)
        for kind, array in (("images-idx3", images[:, 0]), ("labels-idx1", labels)):
            path = place / f"{part}-{kind}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
        parts.append(known(images, labels))
    return parts[0], parts[1]


def write_part(folder: Path, classes: Sequence[str], each: int, side: int = 8) -> Pictures:
    """Write PNG images in one folder per class."""
    found: Pictures = {}
    for label, title in enumerate(classes):
        images = noise(each, side)
        for number, image in enumerate(images):
            save(folder / title / f"{number}.png", image)
        found |= known(images, [label] * each)
    return found


CATS_AND_DOGS = ("cat", "dog")


def write_folder(
    root: Path, parts: Sequence[str] = ("train", "test"), classes: Sequence[str] = CATS_AND_DOGS
) -> dict[str, Pictures]:
    sizes = {"train": TRAIN, "val": TEST, "test": TEST}
    return {part: write_part(root / part, classes, sizes[part]) for part in parts}


WNIDS = ("n01", "n02", "n03")


def write_tiny_imagenet(root: Path) -> tuple[Pictures, Pictures]:
    """Write the layout with names in .JPEG but PNG content, so that every bit is known."""
    folder = root / "tiny-imagenet-200"
    train: Pictures = {}
    for label, wnid in enumerate(WNIDS):
        images = noise(TRAIN, 64)
        for number, image in enumerate(images):
            save(folder / "train" / wnid / "images" / f"{wnid}_{number}.JPEG", image, format="PNG")
        (folder / "train" / wnid / f"{wnid}_boxes.txt").write_text("n01_0.JPEG\t0\t0\t63\t63\n")
        train |= known(images, [label] * TRAIN)
    labels = every_class(len(WNIDS), TEST)
    images = noise(len(labels), 64)
    lines = []
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        save(folder / "val" / "images" / f"val_{number}.JPEG", image, format="PNG")
        lines.append(f"val_{number}.JPEG\t{WNIDS[label]}\t0\t32\t44\t62\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    (folder / "wnids.txt").write_text("\n".join(reversed(WNIDS)) + "\n")
    return train, known(images, labels)


def write_imagenet(root: Path) -> tuple[Pictures, Pictures]:
    """Write images of 256 × 256, of which the central 224 × 224 is read."""
    folder, parts = root / "imagenet", []
    for part in ("train", "val"):
        found: Pictures = {}
        for label, wnid in enumerate(WNIDS):
            for number, image in enumerate(noise(2, 256)):
                save(folder / part / wnid / f"{number}.JPEG", image, format="PNG")
                found[image[:, 16:240, 16:240].tobytes()] = label
        parts.append(found)
    return parts[0], parts[1]


def write_kaggle(root: Path) -> tuple[Pictures, Pictures]:
    """Write the same images in Kaggle's layout."""
    train, val = write_imagenet(root / "made")
    place = root / "imagenet" / "ILSVRC" / "Data" / "CLS-LOC"
    place.parent.mkdir(parents=True)
    (root / "made" / "imagenet").rename(place)
    rows = ["ImageId,PredictionString"]
    for wnid in WNIDS:
        for number in range(2):
            (place / "val" / wnid / f"{number}.JPEG").rename(
                place / "val" / f"{wnid}{number}.JPEG"
            )
            rows.append(f"{wnid}{number},{wnid} 1 2 3 4 {wnid} 5 6 7 8 ")
        (place / "val" / wnid).rmdir()
    (root / "imagenet" / "LOC_val_solution.csv").write_text("\n".join(rows) + "\n")
    return train, val


def write_npz(path: Path, **arrays: np.ndarray) -> Path:
    """Write a valid archive with some arrays replaced, or left out if None."""
    good = {
        "x_train": noise(20),
        "y_train": np.arange(20) % 4,
        "x_test": noise(8),
        "y_test": np.arange(8) % 4,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{key: value for key, value in (good | arrays).items() if value is not None})
    return path


def load(root: Path, name: str, **loading: object) -> ArrayData:
    """Load a data set that exists under one root only."""
    return load_data(name, LoadingConfig(**loading), Places((root,)))


def pictures(data: ArrayData, part: str) -> Pictures:
    images, labels = getattr(data, f"{part}_images"), getattr(data, f"{part}_labels")
    return known(images, labels)
