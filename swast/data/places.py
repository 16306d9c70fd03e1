"""Where data sets are looked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from swast.errors import DataError

SYSTEM = Path("/usr/share/datasets")
"""Where Debian's packages put data sets."""

T = TypeVar("T")


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

    def locate(
        self, name: str, folders: Sequence[str], found: Callable[[Path], T | None], needs: str
    ) -> T:
        """What a data set is found to be, in the first folder that holds it.

        Args:
            name: of the data set.
            folders: where it may lie under a root; the first is the usual one.
            found: looks into a folder, and returns None if the data are not there.
            needs: what was expected, and how to get it, for the error.

        Raises:
            DataError: it is nowhere.
        """
        for root in self.roots:
            for folder in folders:
                there = found(root / folder)
                if there is not None:
                    return there
        looked = ", ".join(str(root) for root in self.roots)
        raise DataError(f"data {name!r}: not in {looked}: {needs}")
