"""The folder that holds all state of all searches.

HOME/optuna.db           every search and trial: the one source of truth
HOME/mlflow.db           runs and metrics, a view of it
HOME/mlartifacts/        plots and tables
HOME/searches/NAME/      files of one search
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from search.errors import RequestError

DEFAULT = "swast-home"


@dataclass(frozen=True)
class Home:
    """Where things lie."""

    path: Path

    @classmethod
    def find(cls, given: Path | None) -> Home:
        """The folder given, else that in ``SWAST_HOME``, else ``./swast-home``."""
        return cls(Path(given or os.environ.get("SWAST_HOME") or DEFAULT).absolute())

    @property
    def is_default(self) -> bool:
        """Whether a command run here without ``--home`` finds it."""
        return self == Home.find(None)

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

    def search(self, name: str) -> Path:
        """The folder of one search."""
        return self.path / "searches" / name

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold a search for this process alone; the lock goes with the process.

        Raises:
            RequestError: another process holds it.
        """
        folder = self.search(name)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RequestError(f"search {name!r} is being run by another process") from None
            yield

    def check_writable(self) -> None:
        """Refuse a home in which nothing can be written; makes nothing.

        Raises:
            RequestError: naming the folder.
        """
        existing = next(place for place in (self.path, *self.path.parents) if place.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            raise RequestError(
                f"--home {self.path} cannot be written to; choose another folder "
                "with --home or SWAST_HOME"
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
