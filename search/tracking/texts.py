"""Text artifacts of a run, which may go another way to MLflow than its values, and fail alone."""

from __future__ import annotations

from collections.abc import Mapping

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
        for name in sorted(self.unsent):
            client.log_text(run_id, self._texts[name], name)
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
