"""imagenet: ILSVRC 2012, 1.28 million training and 50,000 validation images, 1,000 classes.

The files are in ``imagenet/`` (or ``ILSVRC2012/``) with ``train/WNID/*.JPEG`` and
``val/WNID/*.JPEG``, as torchvision unpacks the published archives, or in Kaggle's layout:
``ILSVRC/Data/CLS-LOC/`` with ``train/WNID/`` and a flat ``val/``, and ``LOC_val_solution.csv``
beside ``ILSVRC/``. The published test part has no labels, so ``val/`` is the test part, and
validation is split off ``train/``.

The shorter side is scaled to 8/7 of ``loading.image_size`` (by default 224, so to 256), and the
centre is cropped. Mean and standard deviation are those of torchvision's models.

Source: O. Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge", IJCV 2015.
"""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

from swast.config import LoadingConfig
from swast.data.base import ArrayData, Colours
from swast.data.folder import Listing, Tree, from_files, list_classes, list_part
from swast.data.listing import Lister
from swast.data.places import Places, Wanted
from swast.errors import DataError

IMAGE_SIZE = 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
COLOURS = Colours(tuple(255 * value for value in MEAN), tuple(255 * value for value in STD))
KAGGLE, SOLUTION = "ILSVRC/Data/CLS-LOC", "LOC_val_solution.csv"
WANTED = Wanted(
    "imagenet",
    ("imagenet", "ILSVRC2012", "."),
    "imagenet/ with train/WNID/*.JPEG and val/WNID/*.JPEG, or Kaggle's ILSVRC/ and "
    "LOC_val_solution.csv",
    "request it at https://image-net.org",
)


def load(loading: LoadingConfig, places: Places) -> ArrayData:
    """Load ImageNet.

    Raises:
        DataError: the files are missing or damaged.
    """
    root, solution = places.locate(WANTED, _root)
    lister = Lister(root)
    classes = lister.classes("train")
    val = _solved(solution, classes) if solution else list_part(lister, "val", classes)
    listings = {"train": list_classes(lister, "train", classes), "val": val}
    size = loading.image_size or IMAGE_SIZE
    loading = dataclasses.replace(loading, image_size=size)
    shorter = round(size * 8 / 7)
    tree = Tree(root, classes, listings, lister.in_words())
    return from_files(WANTED.name, tree, loading, shorter=shorter, colours=COLOURS)


def _root(folder: Path) -> tuple[Path, Path | None] | None:
    """Return the folder of ``train/`` and ``val/``, and Kaggle's solution in Kaggle's layout."""
    if folder.name and (folder / "train").is_dir() and (folder / "val").is_dir():
        return folder, None
    solution = folder / SOLUTION
    if solution.is_file() and (folder / KAGGLE / "train").is_dir():
        return folder / KAGGLE, solution
    return None


def _solved(solution: Path, classes: list[str]) -> Listing:
    """List the images of a flat ``val/``, with labels from Kaggle's solution.

    Raises:
        DataError: a row is damaged, or there are none.
    """
    known = {wnid: label for label, wnid in enumerate(classes)}
    names, labels = list[str](), list[int]()
    with solution.open(newline="") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            wnid = row[1].split(" ")[0] if len(row) == 2 else ""
            if number == 1 and wnid == "PredictionString":
                continue
            if wnid not in known or "/" in row[0]:
                raise DataError(f"{solution}: line {number} does not name an image and a class")
            names.append(f"val/{row[0]}.JPEG")
            labels.append(known[wnid])
    if not names:
        raise DataError(f"{solution}: names no images")
    return Listing(names, labels)
