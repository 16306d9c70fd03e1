"""The folder that holds all state of all searches.

HOME/optuna.db           every search and trial: the one source of truth
HOME/mlflow.db           runs and metrics, a view of it
HOME/mlartifacts/        plots and tables
HOME/searches/NAME/      files of one search
HOME/cache/warmups/      warm-ups that trials share
"""

from __future__ import annotations

import os
from argparse import Namespace
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from search.errors import RequestError
from search.store.urls import check_store
from swast.files import lockable, writable

DEFAULT = "swast-home"


@dataclass(frozen=True)
class Home:
    """Folder with fixed places for databases, artifacts and files.

    Attributes:
        path: of the folder, absolute.
    """

    path: Path

    @classmethod
    def find(cls, given: Path | None) -> Home:
        """Return the given folder, else that in ``SWAST_HOME``, else ``./swast-home``.

        Raises:
            RequestError: it is a relative path, and the current folder does not exist any more.
        """
        folder = Path(given or os.environ.get("SWAST_HOME") or DEFAULT)
        try:
            return cls(folder.absolute())
        except OSError:
            raise RequestError(
                f"--home {folder}: the current folder does not exist any more; "
                "change to another one, or give an absolute path"
            ) from None

    @property
    def is_default(self) -> bool:
        """Return whether a command run here finds it without ``--home``."""
        with suppress(RequestError):
            return self == Home.find(None)
        return False

    @property
    def storage(self) -> str:
        """URL of Optuna's storage."""
        return f"sqlite:///{self.path / 'optuna.db'}"

    @property
    def tracking(self) -> str:
        """URI of MLflow's store."""
        return f"sqlite:///{self.path / 'mlflow.db'}"

    @property
    def artifacts(self) -> Path:
        """The folder of MLflow's artifacts."""
        return self.path / "mlartifacts"

    @property
    def warmups(self) -> Path:
        """The folder of the warm-ups that trials of all searches share."""
        return self.path / "cache" / "warmups"

    def search(self, name: str) -> Path:
        """Return the folder of one search."""
        return self.path / "searches" / name

    def check_writable(self) -> None:
        """Refuse a home that cannot be written to, or has no locks; create nothing.

        Raises:
            RequestError: naming the folder.
        """
        if not writable(self.path, folder=True):
            raise RequestError(
                f"--home {self.path} cannot be written to; choose another folder "
                "with --home or SWAST_HOME"
            )
        if not lockable(self.path):
            raise RequestError(
                f"--home {self.path} is on a file system without locks, so two processes could "
                "run one search; choose another folder with --home or SWAST_HOME"
            )

    def check_exists(self) -> None:
        """Refuse a home that holds no searches.

        Raises:
            RequestError: naming the folder.
        """
        if not (self.path / "optuna.db").exists():
            raise RequestError(
                f"no searches in {self.path}; --home or SWAST_HOME names another folder"
            )


def open_home(options: Namespace) -> str:
    """Return the URL of the storage that a command reads.

    Raises:
        RequestError: the home holds no searches.
    """
    if options.storage:
        check_store("the search database", options.storage, new=False)
        return str(options.storage)
    home = Home.find(options.home)
    home.check_exists()
    return home.storage
