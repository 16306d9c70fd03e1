"""Files of a search for MLflow: plots and tables of its own run, texts of every run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from search.tracking.run_sync import RunSync
from search.tracking.sender import TEXTS, Sender

Key = int | str


class Artifacts:
    """Files of a search, sent apart from its values.

    Args:
        folder: folder of the search, with its plots.
        sender: sends them.
        sync: updates a run of a key in MLflow.
    """

    def __init__(self, folder: Path, sender: Sender, sync: Callable[[Key, RunSync], None]) -> None:
        self._folder, self._sender, self._sync = folder, sender, sync

    def put_plots(self, parent: RunSync, names: Sequence[str]) -> None:
        """Queue files of the folder as artifacts of the search's run."""
        for name in names:
            self._sender.files.put_once(name, partial(self._upload, parent, name))

    def before_sync(self, run: RunSync) -> None:
        """Leave a run's texts to the queue of files while that gets no answer."""
        run.texts.waits |= self._sender.files.is_away

    def after_sync(self, key: Key, run: RunSync) -> None:
        """Queue texts that could not be sent with their run, unless they never can be."""
        error, run.texts.failure = run.texts.failure, None
        files, place = self._sender.files, f"{TEXTS}{key}"
        if run.texts.unsent and not run.deleted and not (error and files.refuse(place, error)):
            files.put_once(place, partial(self._send_texts, key, run))

    def _upload(self, parent: RunSync, name: str) -> None:
        if not parent.deleted and (self._folder / name).exists():
            parent.upload(self._folder / name, name.rpartition("/")[0] or "plots")

    def _send_texts(self, key: Key, run: RunSync) -> None:
        """Send a run's texts, and then the run without the tag that they are missing."""
        run.send_texts()
        self._sender.runs.put(key, partial(self._sync, key, run))
