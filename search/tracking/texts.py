"""Text artifacts of a run, which may go another way to MLflow than its values, and fail alone."""

from __future__ import annotations

from collections.abc import Mapping

from search.temporary import temporary_folder
from search.tracking.client import MlflowClient


class Texts:
    """Text artifacts of a run.

    Attributes:
        unsent: names of those that MLflow lacks.
        waits: whether `try_once` leaves them to `send`.
        failure: the error of `try_once`; the caller clears it.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self.unsent = set(texts)
        self.waits = False
        self.failure: BaseException | None = None

    def send(self, client: MlflowClient, run_id: str) -> None:
        """Send those that MLflow lacks into a run; its errors pass through."""
        with temporary_folder() as folder:
            for name in sorted(self.unsent):
                path = folder / name
                path.write_text(self._texts[name], encoding="utf-8")
                client.log_artifact(run_id, str(path))
                self.unsent.discard(name)

    def try_once(self, client: MlflowClient, run_id: str) -> None:
        """Send them, in the first call alone; keep the error if that fails."""
        if self.waits or not self.unsent:
            return
        self.waits = True
        try:
            self.send(client, run_id)
        except (Exception, SystemExit) as error:  # noqa: BLE001
            self.failure = error
