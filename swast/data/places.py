"""Search paths of data sets, and downloads."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from swast.errors import DataError

SYSTEM = Path("/usr/share/datasets")
"""Folder of data sets from Debian's packages."""

T = TypeVar("T")
Look = Callable[[Path], T | None]
"""Function that looks for data in a folder and returns None if they are not there."""


@dataclass(frozen=True)
class Wanted:
    """Description of a data set to search for.

    Attributes:
        name: its name.
        folders: folders under a root that may contain it.
        layout: the expected files, in words for errors.
        remedy: advice on how to get it, for errors.
        torchvision: the class of torchvision that downloads it, if there is one.
    """

    name: str
    folders: tuple[str, ...]
    layout: str
    remedy: str
    torchvision: str = ""


@dataclass(frozen=True)
class Places:
    """Search path of data sets.

    Attributes:
        roots: the folders, in order of search; downloads go into the first.
        download: whether a missing data set may be downloaded.
    """

    roots: tuple[Path, ...]
    download: bool = False

    @classmethod
    def find(
        cls, data_dir: Path | None = None, home: Path | None = None, *, download: bool = False
    ) -> Places:
        """Make the search path: ``data_dir``, ``SWAST_DATA``, ``HOME/data``, the system's folder.

        Args:
            data_dir: the folder of the option ``--data-dir``, if given.
            home: the folder of all state; ``SWAST_HOME`` or ``./swast-home`` if absent.
            download: whether a missing data set may be downloaded.

        Raises:
            DataError: ``data_dir`` does not exist, and downloads are off.
        """
        if data_dir is not None and not data_dir.is_dir() and not download:
            raise DataError(f"--data-dir {data_dir}: no such folder")
        home = home or Path(os.environ.get("SWAST_HOME") or "swast-home")
        given = [data_dir, os.environ.get("SWAST_DATA"), home / "data"]
        roots = [Path(each).expanduser().absolute() for each in given if each]
        return cls((*roots, SYSTEM), download)

    def locate(self, wanted: Wanted, look: Look[T]) -> T:
        """Search the folders for a data set, download it if allowed, and return the result.

        Raises:
            DataError: it is not found, or the download failed.
        """
        found = self._search(wanted, look)
        if found is None and self.download and wanted.torchvision:
            download(wanted, self.roots[0])
            found = self._search(wanted, look)
        if found is None:
            raise self._missing(wanted, self.roots)
        return found

    def locate_path(self, wanted: Wanted, look: Look[T]) -> T:
        """Search for data at a user's path, as given or under a root, and return the result.

        Raises:
            DataError: they are not found.
        """
        path = Path(wanted.folders[0]).expanduser()
        tried = [path.absolute(), *(root / path for root in self.roots if not path.is_absolute())]
        for each in tried:
            there = look(each)
            if there is not None:
                return there
        raise self._missing(wanted, tried)

    def _search(self, wanted: Wanted, look: Look[T]) -> T | None:
        for root in self.roots:
            for folder in wanted.folders:
                there = look(root / folder)
                if there is not None:
                    return there
        return None

    def _missing(self, wanted: Wanted, looked: tuple[Path, ...] | list[Path]) -> DataError:
        """Return the error with the searched folders, the expected files, and the remedy."""
        remedy = f"; {wanted.remedy}" if wanted.remedy else ""
        return DataError(
            f"data {wanted.name!r}: looked at {', '.join(str(each) for each in looked)}; "
            f"expected {wanted.layout}{remedy}"
        )


def download(wanted: Wanted, root: Path) -> None:
    """Download a data set with torchvision.

    Raises:
        DataError: the download failed.
    """
    from torchvision import datasets

    try:
        root.mkdir(parents=True, exist_ok=True)
        getattr(datasets, wanted.torchvision)(str(root), download=True)
    except (OSError, RuntimeError, ValueError, EOFError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(
            f"data {wanted.name!r}: could not be downloaded into {root}: {reason}"
        ) from error
