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
from search.store.urls import check_store, sqlite_file, sqlite_url
from swast.files import lockable, writable

DEFAULT = "swast-home"
MOST_PATH = 470
"""The most bytes of a home's path: SQLite opens paths of 512, and adds to them."""


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
        return sqlite_url(self.path / "optuna.db")

    @property
    def tracking(self) -> str:
        """URI of MLflow's store."""
        return sqlite_url(self.path / "mlflow.db")

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

    def owns(self, uri: str) -> bool:
        """Return whether a URI is that of its own MLflow store."""
        path = sqlite_file(uri)
        return path is not None and path.absolute() == self.path / "mlflow.db"

    def check_writable(self) -> None:
        """Refuse a home that cannot be written to, has no locks, or whose path is too long.

        Create nothing.

        Raises:
            RequestError: naming the folder.
        """
        try:
            length = len(str(self.path).encode())
        except UnicodeEncodeError:
            raise RequestError(f"--home {self.path!a}: its path is not UTF-8") from None
        if length > MOST_PATH:
            raise RequestError(
                f"--home {str(self.path)[:40]}…: its path has {length} bytes, and SQLite opens "
                f"files in folders of at most {MOST_PATH}"
            )
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


def check_tracking(uri: str, home: Home, *, new: bool) -> None:
    """Refuse an MLflow store that cannot be used; create nothing, and contact no server.

    Args:
        uri: of the store.
        home: of the search.
        new: whether a missing file is right, since it will be created.

    Raises:
        RequestError: naming it; for the home's own store, with what makes it again.
    """
    own = "move it away, and `swast-search sync NAME` makes it again"
    remedy = own if home.owns(uri) else ""
    check_store("the MLflow store", uri, new=new, web=True, remedy=remedy)
