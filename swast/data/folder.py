"""folder:PATH: images in one folder per class, below ``train/`` and ``test/`` or ``val/``.

If both exist, ``val/`` is the validation part and ``test/`` the test part. If only one exists, it
is the test part, as ImageNet's ``val/``, and validation is split off ``train/``. Classes are
numbered in the order of their folders' names, as in torchvision's ``ImageFolder``. Links are
followed. Hidden files, and those that operating systems leave among pictures, are skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from swast.config import LoadingConfig
from swast.data.base import ArrayData, Colours
from swast.data.build import Part, Parts, assemble
from swast.data.files import ImageFiles
from swast.data.listing import Lister
from swast.data.places import Places, Wanted
from swast.errors import DataError, printable


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
        skipped: description of the skipped files; empty if there are none.
    """

    root: Path
    classes: Sequence[str]
    listings: Mapping[str, Listing]
    skipped: str = ""

    @property
    def note(self) -> str:
        """Description of the read and the skipped files."""
        counts = ", ".join(
            f"{len(listing.names)} images in {part}/" for part, listing in self.listings.items()
        )
        return "; ".join(filter(None, [f"{len(self.classes)} classes: {counts}", self.skipped]))


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
    lister = Lister(root)
    classes = lister.classes("train")
    listings = {"train": list_classes(lister, "train", classes)}
    for part in held_out:
        listings[part] = list_part(lister, part, classes)
    tree = Tree(root, classes, listings, lister.in_words())
    return from_files(name, tree, loading)


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
    data = assemble(name, tree.classes, made, loading, colours)
    return replace(data, note=printable(f"{name}: {tree.note}{shared(data)}"))


def list_part(lister: Lister, part: str, classes: Sequence[str]) -> Listing:
    """List the images of a part that must have the classes of ``train/``.

    Raises:
        DataError: its class folders differ, one is empty, or a file is not an image.
    """
    there = lister.classes(part)
    missing, strange = sorted(set(classes) - set(there)), sorted(set(there) - set(classes))
    if missing or strange:
        said = [f"lacks {_some(missing)}"] if missing else []
        said += [f"has {_some(strange)}, which train/ lacks"] if strange else []
        where = lister.root / part
        raise DataError(f"{where}: {' and '.join(said)}; all parts need the same classes")
    return list_classes(lister, part, classes)


def list_classes(lister: Lister, part: str, classes: Sequence[str]) -> Listing:
    """List the images in the class folders of a part.

    Raises:
        DataError: one is empty, or a file is not an image.
    """
    names: list[str] = []
    labels: list[int] = []
    for label, title in enumerate(classes):
        found = lister.pictures(f"{part}/{title}")
        if not found:
            raise DataError(f"{lister.root / part / title}: has no images")
        names += found
        labels += [label] * len(found)
    return Listing(names, labels)


def shared(data: ArrayData) -> str:
    """Return in words how many test images are also used to train or validate.

    Images that stay files are not compared.
    """
    *others, test = data.train_images, data.val_images, data.test_images
    if isinstance(test, ImageFiles):
        return ""
    known = {hash(image.tobytes()) for images in others for image in np.asarray(images)}
    count = sum(hash(image.tobytes()) in known for image in test)
    return f"; {count} of the {len(test)} test images are in another part too" if count else ""


def _some(names: Sequence[str]) -> str:
    """Format up to three names, and the number of further ones."""
    shown = ", ".join(repr(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
