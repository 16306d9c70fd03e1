"""Listing of the pictures in a folder, and a count of all that is in it and is none."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from swast.data.pictures import check_file, is_picture
from swast.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
"""Endings of files that are pictures without a look at their content; it is read anyway."""
SYSTEM = ("thumbs.db", "desktop.ini", "ehthumbs.db", "$recycle.bin", "__macosx")
"""Files and folders that operating systems leave among pictures, in lower case."""
HIDDEN, OF_SYSTEM, REPEATED, BESIDE = (
    "hidden",
    "of the system",
    "linked twice",
    "beside the classes",
)


@dataclass
class Lister:
    """Lister of pictures below a folder, in the same order on every system.

    Linked files and folders are followed. A folder that links lead to again is listed once per
    class, and one that contains the class, as in a loop, is not listed.

    Attributes:
        root: the folder of all files.
        skipped: number of files and folders that were skipped, by reason.
    """

    root: Path
    skipped: Counter[str] = field(default_factory=Counter)

    def classes(self, part: str) -> list[str]:
        """Return the sorted names of the class folders of a part; count what is beside them.

        Raises:
            DataError: there are no class folders.
        """
        names = []
        for entry in self._entries(self.root / part):
            if entry.is_dir():
                names.append(entry.name)
            else:
                self.skipped[BESIDE] += 1
        if not names:
            raise DataError(f"{self.root / part}: has no class folders")
        return names

    def pictures(self, folder: str) -> list[str]:
        """Return the pictures under a folder, at any depth, as sorted paths in ``root``.

        Raises:
            DataError: there is a file that is not a picture, or a folder cannot be read.
        """
        above = (self.root / folder).parent.resolve()
        seen = {identity(each) for each in (above, *above.parents)}
        return sorted(self._walk(folder, seen))

    def _walk(self, folder: str, seen: set[tuple[int, int]]) -> Iterator[str]:
        """Yield the pictures under a folder that was not seen before."""
        here = identity(self.root / folder)
        if here in seen:
            self.skipped[REPEATED] += 1
            return
        seen.add(here)
        for entry in self._entries(self.root / folder):
            name = f"{folder}/{entry.name}"
            if entry.is_dir():
                yield from self._walk(name, seen)
            else:
                self._check(entry)
                yield name

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        """Return the entries of a folder, sorted by name; skip and count hidden ones.

        Raises:
            DataError: it cannot be read.
        """
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(f"{folder}: cannot be read: {error.strerror}") from None
        kept = []
        for entry in entries:
            reason = reason_to_skip(entry.name)
            if reason:
                self.skipped[reason] += 1
            else:
                kept.append(entry)
        return kept

    @staticmethod
    def _check(entry: os.DirEntry[str]) -> None:
        """Refuse a file that is not a picture.

        Raises:
            DataError: naming it.
        """
        path = Path(entry.path)
        if not entry.is_file():
            check_file(path)
        if not entry.name.lower().endswith(SUFFIXES) and not is_picture(path):
            raise DataError(f"{path}: is not an image that Pillow reads; move it elsewhere")

    def in_words(self) -> str:
        """Return the number of skipped files by reason, or nothing if there are none."""
        if not self.skipped:
            return ""
        parts = ", ".join(f"{count} {reason}" for reason, count in sorted(self.skipped.items()))
        return f"skipped {self.skipped.total()} ({parts})"


def identity(folder: Path) -> tuple[int, int]:
    """Return a folder's identity, the same for all links to it."""
    there = folder.stat()
    return there.st_dev, there.st_ino


def reason_to_skip(name: str) -> str:
    """Return why a file or folder of a name is skipped; nothing if it is not."""
    if name.startswith("."):
        return HIDDEN
    return OF_SYSTEM if name.lower() in SYSTEM else ""
