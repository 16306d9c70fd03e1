"""Commands in processes that are forked from one that has imported everything.

A new process needs seconds of processor time to import PyTorch, Ray and MLflow. A forked one runs
the same `main`, in a session, a folder and an environment of its own. Its workers can be replaced
by one in its own process, for stories that need no Ray.
"""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import itertools
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

PRELOADED = [
    *("search.engine.cluster", "search.engine.tune", "search.driver.launch"),
    *("search.tracking", "search.plots", "search.engine.worker"),
    *("sklearn.datasets", "torch._dynamo"),
]
"""Modules that the server of the forks imports; the first two in this order."""
HIDDEN = ("SWAST_HOME", "RAY_ADDRESS", "COLUMNS", "FORCE_COLOR")
"""Variables that would change what commands do."""
TOUCHES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "sqlite3.connect"}
"""Audit events of Python that count as touches of a home."""

assert all(map(importlib.util.find_spec, PRELOADED))  # the server itself ignores what is missing
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(PRELOADED)


class Forked:
    """A command in a forked process, to be used as `subprocess.Popen`.

    Args:
        words: of the command; the first is its name.
        folder: to run it in.
        environment: changes to the variables of this process.
        said: path without suffix of the two files for what it prints.
        here: train in the process itself, without Ray.
        touch: kill the process at this touch of its home, counted from 1; None for never.
        phase: function of `search.driver.launch` from whose call on touches are counted; None for
            all of them.
    """

    def __init__(self, words, folder, environment, said, *, here=False, touch=None, phase=None):
        self.args = [str(word) for word in words]
        self.out, self.err = said.with_suffix(".out"), said.with_suffix(".err")
        given = (self.args, folder, environment, self.out, self.err, here, touch, phase)
        self._process = CONTEXT.Process(target=_run, args=given)
        self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self):
        """Exit code, negative after a signal; None while it runs."""
        return self._process.exitcode

    def poll(self):
        """Exit code; None while it runs."""
        return self.returncode

    def kill(self):
        """Kill the process, and nothing that it started."""
        self._process.kill()

    def communicate(self, timeout=None):
        """Wait for the end; returns what it printed and what it complained of."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.out.read_text(), self.err.read_text()


def _run(words, folder, environment, out, err, here, touch, phase):
    """Become the process of a command."""
    os.setsid()
    for target, path, mode in (
        (0, os.devnull, os.O_RDONLY),
        (1, out, os.O_WRONLY | os.O_CREAT),
        (2, err, os.O_WRONLY | os.O_CREAT),
    ):
        os.dup2(os.open(path, mode), target)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
    for name in HIDDEN:
        os.environ.pop(name, None)
    os.environ.update(environment)
    tempfile.tempdir = None
    os.chdir(folder)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else 0)
    if here:
        _train_here()
    if touch is not None:
        die_at(touch, str(Path(folder).absolute() / "home"), phase)
    try:
        sys.exit(_call(words))
    finally:
        atexit._run_exitfuncs()


def _call(words):
    """Call what a command calls; returns its exit code."""
    program, *rest = sys.argv = words
    if program == "python":
        sys.argv = rest
        sys.path.insert(0, str(Path(rest[0]).absolute().parent))
        runpy.run_path(rest[0], run_name="__main__")
        return 0
    module = {"swast-search": "search.cli", "swast-train": "swast.cli"}[program]
    return importlib.import_module(module).main(rest)


def _train_here():
    """Replace Ray and its workers by one worker in this process."""
    from search.engine import cluster, signals, tune
    from search.engine.worker import Worker, work_here

    class Here(tune.Workers):
        def run(self, work, seconds=None):
            with signals.pausing(work):
                work_here(work, Worker(self.data, warmups=self.warmups))

    @contextmanager
    def without_ray(address, gpus, *, ready=False):
        yield 1.0, 0

    tune.Workers, cluster.ray_running = Here, without_ray


def die_at(touch, home, phase=None):
    """Kill this process at a touch of a home, counted from a phase of the search on.

    Touches are the statements and commits of databases, and whatever opens, makes, renames or
    removes a file of the home.
    """
    import sqlalchemy

    count, counted = itertools.count(1), [phase is None]

    def touched(*_):
        if counted[0] and next(count) == touch:
            os.kill(os.getpid(), signal.SIGKILL)

    if phase is not None:
        launch = importlib.import_module("search.driver.launch")
        function = getattr(launch, phase)

        def begun(*given):
            counted[0] = True
            return function(*given)

        setattr(launch, phase, begun)

    def audit(event, given):
        if event in TOUCHES and any(str(each).startswith(home) for each in given[:2]):
            touched()

    sys.addaudithook(audit)
    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        sqlalchemy.event.listen(sqlalchemy.engine.Engine, name, touched)
