"""A home with two searches, an exported file and a study, made once and copied for each input."""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

import torch
import torch._dynamo  # PyTorch imports it at its first convolution, which takes seconds

from search.commands import ui
from search.driver import pricing
from search.engine import cluster
from search.errors import RayLostError, SearchFailedError
from search.export import retrain
from search.export.export import WRITERS
from search.export.provenance import document
from search.reproduce import command
from search.store import retrying_storage
from search.store.epoch_log import EpochLog
from search.store.home import Home
from search.store.process import process_settings
from search.trials import checkpoints
from search.trials.readings import Reading
from swast import training
from swast.calibration import Speed
from swast.config import TrainConfig
from swast.data import places
from swast.errors import DataError, SwastError
from tests.search.conftest import quick
from tests.search.support import TINY, epoch, finish, new_search, record
from tests.search.tracking.stories import blank_store

SEARCHES = ("good", "bad")


@functools.cache
def sound() -> Path:
    """Return the folder of the home and the files; leave it as it is.

    The searches have ended, pruned, paused and waiting trials, readings, and files of each kind.
    """
    folder = Path(tempfile.mkdtemp(prefix="swast-fuzz-home-"))
    home = Home(folder / "home")
    home.path.mkdir()
    for name in SEARCHES:
        trials, place = new_search(home.path, name=name), home.search(name)
        epoch_log = EpochLog(place / "histories")
        finish(trials, (0.5, 0.5), (0.6, 0.01), (0.9, 0.1))
        asked = [trials.ask().number for _ in range(3)]
        trials.note(asked[0], verdict={"rungs": {1: 0.5}, "stopped_at": 1, "reason": "slow"})
        trials.settle(record(asked[0], state="pruned", stopped_at=1))
        trials.note(asked[1], begun={"predicted_flops": 7}, retries=1)
        trials.pause(record(asked[1], state="paused"))
        trials.add_reading(1, 0, Reading(0.5, 0.25, 10))
        for number in (0, 1, asked[1]):
            epoch_log.extend(number, [epoch(1, 0.5), epoch(2, 0.6)])
            saved = checkpoints.folder_of(place, number)
            saved.mkdir(parents=True)
            (saved / "checkpoint.pt").write_bytes(bytes(100))
        (place / "lock").touch()
    home.warmups.mkdir(parents=True)
    (home.warmups / "state").write_bytes(bytes(100))
    (home.path / "mlflow.db").write_bytes(blank_store())
    exported = document(trials, trials.records()[2])
    for kind, write in WRITERS.items():
        (folder / f"exported.{kind}").write_text(write(exported))
    (folder / "good.json").write_text(json.dumps(TrainConfig().to_dict()))
    (folder / "study.toml").write_text(TINY)
    (folder / "bad.toml").write_text("epochs = 0\n[prune]\nx = 1\n")
    (folder / "link").symlink_to("nowhere")
    return folder


def copy_to(folder: Path) -> None:
    """Copy the home and the files into a folder."""
    shutil.copytree(sound(), folder, symlinks=True, dirs_exist_ok=True)


@contextmanager
def nothing_starts() -> Iterator[None]:
    """Let no training, no Ray, no server and no download start; all else is real."""
    torch.set_num_threads(1)
    stopped = "nothing is started here"
    starts = [
        (training, "train", SwastError(stopped)),
        (retrain, "train", SwastError(stopped)),
        (cluster, "ray_running", RayLostError(stopped)),
        (command, "conduct", RayLostError(stopped)),
        (ui, "serving", SearchFailedError(stopped)),
        (places, "download", DataError(stopped)),
    ]
    with ExitStack() as stack:
        stack.enter_context(process_settings())
        stack.enter_context(quick())
        stack.enter_context(mock.patch.object(retrying_storage, "PATIENCE_SECONDS", 0.0))
        stack.enter_context(mock.patch.object(pricing, "calibrate", _speed))
        stack.enter_context(mock.patch.object(pricing, "solver_seconds", return_value=0.1))
        for module, name, error in starts:
            stack.enter_context(mock.patch.object(module, name, side_effect=error))
        yield


def _speed(*_: object) -> Speed:
    return Speed(0.01, 0.001, 0.001)
