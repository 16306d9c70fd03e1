"""tiny-imagenet: 110,000 labelled images, 64 × 64, 200 classes.

The files are in ``tiny-imagenet-200/`` as published: ``train/WNID/images/*.JPEG``,
``val/images/*.JPEG`` with ``val/val_annotations.txt``, and ``wnids.txt``. The
published test part has no labels, so ``val/`` is the test part here, as in most papers, and
validation is split off ``train/``.

Source: Y. Le, X. Yang, "Tiny ImageNet Visual Recognition Challenge", Stanford CS 231N, 2015.
"""

from __future__ import annotations

from pathlib import Path

from swast.config import LoadingConfig
from swast.data.base import ArrayData
from swast.data.folder import Listing, Tree, from_files
from swast.data.listing import Lister
from swast.data.places import Places, Wanted
from swast.errors import DataError

WANTED = Wanted(
    "tiny-imagenet",
    ("tiny-imagenet-200", "tiny-imagenet"),
    "tiny-imagenet-200/ with wnids.txt, train/ and val/val_annotations.txt",
    "unpack http://cs231n.stanford.edu/tiny-imagenet-200.zip there",
)
ANNOTATIONS = "val/val_annotations.txt"


def load(loading: LoadingConfig, places: Places) -> ArrayData:
    """Load Tiny ImageNet.

    Raises:
        DataError: the files are missing or damaged.
    """
    root = places.locate(WANTED, _root)
    classes = sorted((root / "wnids.txt").read_text().split())
    if not all(wnid.isalnum() for wnid in classes):
        raise DataError(f"{root / 'wnids.txt'}: is not a list of class names")
    lister, train, labels = Lister(root), list[str](), list[int]()
    for label, wnid in enumerate(classes):
        folder = f"train/{wnid}/images"
        found = lister.pictures(folder) if (root / folder).is_dir() else []
        if not found:
            raise DataError(f"{root / folder}: has no images")
        train += found
        labels += [label] * len(found)
    listings = {"train": Listing(train, labels), "val": _annotated(root, classes)}
    return from_files(WANTED.name, Tree(root, classes, listings, lister.in_words()), loading)


def _root(folder: Path) -> Path | None:
    needed = [folder / "wnids.txt", folder / "train", folder / ANNOTATIONS]
    return folder if all(path.exists() for path in needed) else None


def _annotated(root: Path, classes: list[str]) -> Listing:
    """List the images of ``val/``, with labels from its annotations.

    Raises:
        DataError: an annotation is damaged, or there are none.
    """
    known = {wnid: label for label, wnid in enumerate(classes)}
    names, labels = list[str](), list[int]()
    for number, line in enumerate((root / ANNOTATIONS).read_text().splitlines(), start=1):
        words = line.split("\t")
        if len(words) < 2 or words[1] not in known or "/" in words[0]:
            raise DataError(
                f"{root / ANNOTATIONS}: line {number} does not name an image and a class of "
                "wnids.txt"
            )
        names.append(f"val/images/{words[0]}")
        labels.append(known[words[1]])
    if not names:
        raise DataError(f"{root / ANNOTATIONS}: names no images")
    return Listing(names, labels)
