"""Commands as their users run them, in a folder of their own, and what is left of them."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest
import sqlalchemy
from mlflow.tracking import MlflowClient

from search.engine.machine import cores
from search.tracking.runs import children
from tests.e2e.forks import HIDDEN, Forked
from tests.e2e.sources import STUDIES
from tests.search.support import blank_database
from tests.search.tracking.stories import new_store

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 200
MLFLOW_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
ONE_WORKER = ("--cpus-per-trial", str(min(2, cores())))
"""On two cores one trial at a time, for stories told as well so: a worker starts for seconds."""
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # tests in a shell's background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # else commands inherit that
OPTUNA_STATE = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}


class Place:
    """A folder to run commands in, with a home and a folder for temporary files of its own.

    The latter has a short path, since the names of Ray's sockets must stay under 107 letters.
    """

    def __init__(self, folder: Path):
        self.folder, self.home = folder, folder / "home"
        self.scratch = Path(tempfile.mkdtemp(prefix="e2e", dir="/tmp"))
        self.environment = {key: os.environ[key] for key in os.environ if key not in HIDDEN}
        self.environment |= {"TMPDIR": str(self.scratch)}
        self.storage = self.tracking = None
        self._numbers = itertools.count()

    def furnish(self):
        """Make the home, with databases without searches: their tables take seconds to make."""
        self.home.mkdir()
        new_store(self.home)
        (self.home / "optuna.db").write_bytes(blank_database())

    def close(self):
        """Remove what lies outside the folder."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def start(self, *words):
        """Start a command, in a process group of its own as a shell does."""
        program, *rest = [str(word) for word in words]
        return subprocess.Popen(
            [Path(sys.executable).with_name(program), *rest],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def fork(self, *words, **more):
        """Start a command without its imports (see `tests.e2e.forks.Forked`)."""
        said = self.scratch / f"said-{next(self._numbers)}"
        return Forked(words, self.folder, self.environment, said, **more)

    def run(self, *words, **more):
        """Run a command to its end, without its imports."""
        return ended(self.fork(*words, **more))

    def trials(self, name="trip"):
        """The trials of a search as Optuna has them."""
        return self.study(name).trials

    def study(self, name="trip"):
        """A search as Optuna has it."""
        return optuna.load_study(study_name=name, storage=self.database())

    def database(self):
        """URL of the storage of the searches."""
        return self.storage or f"sqlite:///{self.home}/optuna.db"

    def parent(self, name="trip"):
        """The parent run of a search, and MLflow's client."""
        client = MlflowClient(self.tracking or f"sqlite:///{self.home}/mlflow.db")
        return client.get_run(self.study(name).user_attrs["run_id"]), client

    def children(self, name="trip"):
        """The runs of a search's trials, further trainings of a configuration among them."""
        parent, client = self.parent(name)
        place, run_id = parent.info.experiment_id, parent.info.run_id
        found = children(client, place, run_id)
        return [run for run in found if run.info.lifecycle_stage == "active"]

    def states(self):
        """States of all trials in the database, by number, and which have begun; none if new."""
        query = (
            "SELECT number, state, EXISTS (SELECT 1 FROM trial_user_attributes AS kept "
            "WHERE kept.trial_id = trials.trial_id AND key = 'begun') FROM trials"
        )
        return self.read("optuna.db", query)

    def epochs(self, name="trip"):
        """Epochs that each trial has made, by number."""
        folder = self.home / "searches" / name / "histories"
        return {int(path.stem): path.read_text().count("\n") for path in folder.iterdir()}

    def steps(self):
        """The last epoch that any run has told MLflow of."""
        told = self.read("mlflow.db", "SELECT step FROM metrics WHERE key = 'val_accuracy'")
        return max((step for (step,) in told), default=0)

    def is_begun(self):
        """Tell whether the search has been made."""
        query = "SELECT 1 FROM study_user_attributes WHERE key = 'source'"
        return bool(self.read("optuna.db", query))

    def count_ended(self):
        """How many trials have ended. It is asked often, and Optuna would take a core for it."""
        query = "SELECT COUNT(*) FROM trials WHERE state IN ('COMPLETE', 'PRUNED', 'FAIL')"
        if self.storage is None:
            rows = self.read("optuna.db", query)
            return int(rows[0][0]) if rows else 0
        engine = sqlalchemy.create_engine(self.storage, poolclass=sqlalchemy.NullPool)
        with contextlib.suppress(sqlalchemy.exc.SQLAlchemyError), engine.connect() as server:
            return int(server.execute(sqlalchemy.text(query)).scalar_one())
        return 0

    def front(self):
        """Numbers of the trials that MLflow shows on the front now."""
        query = (
            "SELECT trial.value FROM tags AS front JOIN tags AS trial USING (run_uuid) "
            "WHERE front.key = 'pareto' AND trial.key = 'trial'"
        )
        return {int(number) for (number,) in self.read("mlflow.db", query)}

    def read(self, name, query):
        """Rows of a database that a search is writing; none where it has not got that far.

        It is opened for writing too: what a killed writer left half done bars those who may not.
        """
        try:
            database = sqlite3.connect(f"file:{self.home / name}?mode=rw", uri=True)
            with contextlib.closing(database):
                return database.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []

    def processes(self):
        """Command lines of the processes that the commands here have left."""
        return [line for _, line in self.running()]

    def running(self):
        """Numbers and command lines of the processes that the commands here have started."""
        mine = f"TMPDIR={self.scratch}\0".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mine in (folder / "environ").read_bytes() + b"\0":
                    line = (folder / "cmdline").read_text().replace("\0", " ")
                    found.append((int(folder.name), line))
        return [(pid, line) for pid, line in found if line]

    def leftovers(self):
        """Processes and folders of a search that are still there a while after its end."""
        until(lambda: not self.processes(), seconds=15)
        names = [path.name for path in self.scratch.iterdir()]
        return self.processes() + [each for each in names if each.startswith("swast-")]


@contextlib.contextmanager
def prepared(folder, *, furnished=True):
    """Make a place with all studies, and a home unless the story makes it itself."""
    made = Place(folder)
    if furnished:
        made.furnish()
    made.environment |= {"PYTHONPATH": str(ROOT), "MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}
    for name, source in STUDIES.items():
        (folder / f"{name}.toml").write_text(source)
    try:
        yield made
    finally:
        made.close()


def ended(process):
    """What a command wrote and its exit code."""
    try:
        out, err = process.communicate(timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        pytest.fail(f"did not end in {LIMIT_SECONDS} s: {process.args}\n{out}\n{err}")
    return SimpleNamespace(code=process.returncode, out=out, err=err)


def until(holds, seconds=LIMIT_SECONDS, process=None):
    """Wait until something holds; whether it does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and (process is None or process.poll() is None):
        if holds():
            return True
        time.sleep(0.1)
    return holds()


def wait(driver, holds):
    """Wait until something holds while a search runs; if it ends before, show what it said."""
    if not until(holds, process=driver):
        driver.kill()
        pytest.fail(str(ended(driver)))


def search(*more, study="tiny.toml", name="trip"):
    return (
        *("swast-search", "--study", study, "--gpus", "0", "--home", "home", "--name", name),
        *more,
    )


def resume(*more):
    return ("swast-search", "--resume", "trip", "--home", "home", *more)


def complete(summary):
    return [trial for trial in summary["trials"] if trial["state"] == "complete"]


def undominated(trials):
    """The front by brute force: numbers of the trials that no other dominates."""

    def dominates(one, other):
        up = one["accuracy"] - other["accuracy"]
        down = other["train_flops"] - one["train_flops"]
        return up >= 0 and down >= 0 and (up > 0 or down > 0)

    return {
        trial["number"] for trial in trials if not any(dominates(other, trial) for other in trials)
    }


def tagged(runs):
    """The trials whose runs MLflow shows as members of the front."""
    return {int(run.data.tags["trial"]) for run in runs if run.data.tags.get("pareto") == "true"}


def only(runs, number):
    """The one run of a trial."""
    (run,) = [run for run in runs if run.data.tags["trial"] == str(number)]
    return run
