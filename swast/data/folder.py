"""folder:PATH: images in one folder per class, below ``train/`` and ``test/`` or ``val/``.

If both exist, ``val/`` is the validation part and ``test/`` the test part. If only one exists, it
is the test part, as ImageNet's ``val/``, and validation is split off ``train/``. Classes are
numbered in the order of their folders' names, as in torchvision's ``ImageFolder``. Hidden files
are skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from swast.config import LoadingConfig
from swast.data.base import ArrayData, Colours
from swast.data.build import Part, Parts, assemble
from swast.data.files import ImageFiles, list_images
from swast.data.places import Places, Wanted
from swast.errors import DataError


@dataclass(frozen=True)
class Listing:
    """Paths and labels of the images of one part."""

    names: Sequence[str]
    labels: Sequence[int]


@dataclass(frozen=True)
class Tree:
    """Folder of images with its classes and parts.

    Attributes:
        root: the folder of all files.
        classes: the names of the classes, in the order of their labels.
        listings: the images of ``train``, and of ``test`` or ``val`` or both.
    """

    root: Path
    classes: Sequence[str]
    listings: Mapping[str, Listing]


def load(path: str, loading: LoadingConfig, places: Places) -> ArrayData:
    """Load the images in a folder.

    Raises:
        DataError: it does not have the layout above, or a file is damaged or of another size.
    """
    name = f"folder:{path}"
    wanted = Wanted(name, (path,), "train/ and test/ or val/, each a folder a class", "")
    root = places.locate_path(wanted, lambda at: at if (at / "train").is_dir() else None)
    held_out = [part for part in ("test", "val") if (root / part).is_dir()]
    if not held_out:
        raise DataError(f"data {name!r}: {root} has a train/ but neither a test/ nor a val/")
    classes = class_folders(root, "train")
    listings = {part: list_part(root, part, classes) for part in ("train", *held_out)}
    return from_files(name, Tree(root, classes, listings), loading)


def from_files(
    name: str,
    tree: Tree,
    loading: LoadingConfig,
    *,
    shorter: int = 0,
    colours: Colours | None = None,
) -> ArrayData:
    """Make a data set of image files.

    Args:
        name: name of the data set, for errors.
        tree: the files.
        loading: settings for reading.
        shorter: length to which the shorter side is scaled; ``loading.image_size`` if 0.
        colours: published mean and standard deviation; measured if absent.

    Raises:
        DataError: a file is damaged or of another size.
    """
    names = tree.listings["train"].names
    sample = ImageFiles.of(tree.root, names, loading.image_size, shorter)
    parts = {
        part: Part(
            replace(sample, names=tuple(listing.names)),
            np.array(listing.labels, dtype=np.int64),
        )
        for part, listing in tree.listings.items()
    }
    both = "test" in parts and "val" in parts
    test = parts["test" if "test" in parts else "val"]
    made = Parts(parts["train"], test, parts["val"] if both else None)
    return assemble(name, tree.classes, made, loading, colours)


def class_folders(root: Path, part: str) -> list[str]:
    """Return the sorted names of the class folders of a part, without hidden ones.

    Raises:
        DataError: there are no class folders.
    """
    folders = [each for each in (root / part).iterdir() if each.is_dir()]
    names = sorted(each.name for each in folders if not each.name.startswith("."))
    if not names:
        raise DataError(f"{root / part}: has no class folders")
    return names


def list_part(root: Path, part: str, classes: Sequence[str]) -> Listing:
    """List the images of a part that must have the given classes.

    Raises:
        DataError: its class folders differ, one is empty, or a file is not an image.
    """
    there = class_folders(root, part)
    missing, strange = sorted(set(classes) - set(there)), sorted(set(there) - set(classes))
    if missing or strange:
        said = [f"lacks {_some(missing)}"] if missing else []
        said += [f"has {_some(strange)}, which train/ lacks"] if strange else []
        raise DataError(f"{root / part}: {' and '.join(said)}; all parts need the same classes")
    names: list[str] = []
    labels: list[int] = []
    for label, title in enumerate(classes):
        found = list_images(root, f"{part}/{title}")
        if not found:
            raise DataError(f"{root / part / title}: has no images")
        names += found
        labels += [label] * len(found)
    return Listing(names, labels)


def _some(names: Sequence[str]) -> str:
    """Format up to three names, and the number of further ones."""
    shown = ", ".join(repr(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
