"""folder:PATH: pictures in a folder a class, below ``train/`` and ``test/`` or ``val/``.

With both, ``val/`` validates and ``test/`` tests. With one of them, that one is the test part,
as with ImageNet's ``val/``, and validation is split off ``train/``. Classes are numbered in the
order of their folders' names, as torchvision's ``ImageFolder`` does. Hidden files are passed over.
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
    """Pictures of one part, by path, and their labels."""

    names: Sequence[str]
    labels: Sequence[int]


@dataclass(frozen=True)
class Tree:
    """Pictures in files.

    Attributes:
        root: the folder that all lie under.
        classes: the names of the classes, in the order of their labels.
        listings: of ``train``, and of ``test`` or ``val`` or both.
    """

    root: Path
    classes: Sequence[str]
    listings: Mapping[str, Listing]


def load(path: str, loading: LoadingConfig, places: Places) -> ArrayData:
    """The pictures in a folder.

    Raises:
        DataError: it is not laid out as above, or a file is damaged or of another size.
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
    """A data set of files.

    Args:
        name: of the data set, for errors.
        tree: the files.
        loading: how to read them.
        shorter: what the shorter side is scaled to; ``loading.image_size`` at 0.
        colours: published mean and standard deviation; measured where absent.

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
    """The names of the class folders of a part, sorted; hidden ones not.

    Raises:
        DataError: there is none.
    """
    folders = [each for each in (root / part).iterdir() if each.is_dir()]
    names = sorted(each.name for each in folders if not each.name.startswith("."))
    if not names:
        raise DataError(f"{root / part}: has no class folders")
    return names


def list_part(root: Path, part: str, classes: Sequence[str]) -> Listing:
    """The pictures of a part whose class folders are known.

    Raises:
        DataError: its folders are others, one is empty, or a file is no picture.
    """
    there = class_folders(root, part)
    missing, strange = sorted(set(classes) - set(there)), sorted(set(there) - set(classes))
    if missing or strange:
        said = [f"lacks {_some(missing)}"] if missing else []
        said += [f"has {_some(strange)}, which train/ has not"] if strange else []
        raise DataError(f"{root / part}: {' and '.join(said)}; all parts need the same classes")
    names: list[str] = []
    labels: list[int] = []
    for label, title in enumerate(classes):
        found = list_images(root, f"{part}/{title}")
        if not found:
            raise DataError(f"{root / part / title}: has no pictures")
        names += found
        labels += [label] * len(found)
    return Listing(names, labels)


def _some(names: Sequence[str]) -> str:
    """A few names, and how many more there are."""
    shown = ", ".join(repr(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
