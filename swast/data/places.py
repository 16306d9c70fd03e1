"""Where data sets are looked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from swast.errors import DataError

SYSTEM = Path("/usr/share/datasets")
"""Where Debian's packages put data sets."""

T = TypeVar("T")
Look = Callable[[Path], T | None]
"""Looks into a folder; returns None if the data are not there."""


@dataclass(frozen=True)
class Wanted:
    """What is looked for.

    Attributes:
        name: of the data set.
        folders: where it may lie under a root.
        layout: what is expected there.
        remedy: how to get it.
        torchvision: the class of torchvision's that downloads it, if there is one.
    """

    name: str
    folders: tuple[str, ...]
    layout: str
    remedy: str
    torchvision: str = ""


@dataclass(frozen=True)
class Places:
    """Folders that may hold data sets, the first looked at first.

    Attributes:
        roots: the folders; a download goes into the first.
        download: whether what is missing may be downloaded.
    """

    roots: tuple[Path, ...]
    download: bool = False

    @classmethod
    def find(
        cls, data_dir: Path | None = None, home: Path | None = None, *, download: bool = False
    ) -> Places:
        """The folder given, that in ``SWAST_DATA``, ``HOME/data``, and the system's.

        Args:
            data_dir: as ``--data-dir`` gives it.
            home: the folder of all state; ``SWAST_HOME``, or ``./swast-home``, where absent.
            download: whether what is missing may be downloaded.

        Raises:
            DataError: the folder given does not exist, and nothing is to be downloaded into it.
        """
        if data_dir is not None and not data_dir.is_dir() and not download:
            raise DataError(f"--data-dir {data_dir}: no such folder")
        home = home or Path(os.environ.get("SWAST_HOME") or "swast-home")
        given = [data_dir, os.environ.get("SWAST_DATA"), home / "data"]
        roots = [Path(each).expanduser().absolute() for each in given if each]
        return cls((*roots, SYSTEM), download)

    def locate(self, wanted: Wanted, look: Look[T]) -> T:
        """What is found in the first folder that holds a data set, downloaded if that is allowed.

        Raises:
            DataError: it is nowhere, or could not be downloaded.
        """
        found = self._search(wanted, look)
        if found is None and self.download and wanted.torchvision:
            download(wanted, self.roots[0])
            found = self._search(wanted, look)
        if found is None:
            raise self._missing(wanted, self.roots)
        return found

    def locate_path(self, wanted: Wanted, look: Look[T]) -> T:
        """What is found at a path of the user's: as it is, or under a root.

        Raises:
            DataError: it is nowhere.
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
        """The error that says where was looked, what for, and how to get it."""
        remedy = f"; {wanted.remedy}" if wanted.remedy else ""
        return DataError(
            f"data {wanted.name!r}: looked at {', '.join(str(each) for each in looked)}; "
            f"expected {wanted.layout}{remedy}"
        )


def download(wanted: Wanted, root: Path) -> None:
    """Have torchvision download a data set.

    Raises:
        DataError: it could not.
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
