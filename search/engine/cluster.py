"""Ray: the one that this process runs on, a cluster at an address, or one started here.

Whatever it is, it is left as it was, and so is this process.
"""

from __future__ import annotations

import faulthandler
import logging
import resource
import secrets
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

import ray
from ray._private import ray_constants, worker
from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

from search.engine import join
from search.engine.limits import respected
from search.engine.machine import cores
from search.engine.ray_thread import RayThread
from search.engine.scratch import scratch_folder
from search.engine.signals import reinstall
from search.engine.variables import is_not_for_own_ray, of_own_ray, variables
from search.engine.watch import Watch, cluster_loss, own_loss
from search.errors import RayLostError, RequestError

QUIET = {"log_to_driver": False, "logging_level": logging.ERROR}
FIRST = ["swast_entry"]
"""Module that every worker imports before Ray puts the current folder first on its path."""
TRAINING = [*FIRST, "search.engine.tune", "torch._dynamo"]
"""Modules that workers import to train; torch imports the last for the first optimiser."""
READY = {
    "preload_python_modules": TRAINING,
    "idle_worker_killing_time_threshold_ms": 24 * 60 * 60 * 1000,
}
"""Settings that keep the workers that Ray starts with itself until trials use them.

By default Ray ends workers that were idle for a second once no CPU is free. A trial takes its CPU
just before its worker, so most of these workers were ended, and others started anew.
"""
START_SECONDS = 90.0
"""Longest wait for Ray to start here."""
JOIN_SECONDS = 30.0
"""Longest wait to join a cluster that has answered."""
_in_use = threading.Lock()
_watch: Watch | None = None


def is_running() -> bool:
    """Return whether this process runs on a Ray already."""
    return bool(ray.is_initialized())


@contextmanager
def ray_running(
    address: str | None, gpus: int, *, ready: bool = False
) -> Iterator[tuple[float, int]]:
    """Use the Ray of this process; else join one at an address, or start it here, for the block.

    Args:
        address: of a cluster; None for the Ray of this process, or one that is started here.
        gpus: of a Ray started here.
        ready: let the workers that Ray starts at once, one for each CPU, import what training
            needs while this process continues.

    Yields:
        Free CPUs and GPUs.

    Raises:
        RequestError: there is no cluster at the address, or Ray cannot run under the limits here.
        RayLostError: Ray did not start.
    """
    with ExitStack() as stack:
        if not _in_use.acquire(blocking=False):
            raise RequestError(
                "a search of this process runs on a Ray of its own; wait for its end"
            )
        stack.callback(_in_use.release)
        if is_running():
            join.check_connected(address, ray.get_runtime_context().gcs_address)
            stack.pop_all().close()  # any number of searches may share it
            there = ray.available_resources()
        else:
            stack.enter_context(_joined(address) if address else _started(gpus, ready=ready))
            there = ray.cluster_resources()
        yield there.get("CPU", 0.0), int(there.get("GPU", 0))


@contextmanager
def alive() -> Iterator[None]:
    """Interrupt the block if the Ray that was joined or started here is lost.

    Raises:
        RayLostError: it was.
    """
    if _watch is None:
        yield
        return
    with _watch.alive():
        yield


def loss() -> str | None:
    """Return how Ray was lost, or None."""
    return None if _watch is None else _watch.loss()


@contextmanager
def _started(gpus: int, *, ready: bool) -> Iterator[None]:
    """Start Ray here, on the loopback interface alone, with a token of its own."""
    with respected(cores()), scratch_folder() as folder:
        token = secrets.token_hex(32)
        start = partial(
            ray.init,
            address="local",
            num_cpus=cores(),
            num_gpus=gpus,
            include_dashboard=False,
            _temp_dir=str(folder),
            _system_config=READY if ready else {"preload_python_modules": FIRST},
            _skip_env_hook=True,
            **QUIET,
        )
        thread = RayThread(partial(_on_loopback, start), token)
        given = of_own_ray(folder, token)
        with _connected(thread, START_SECONDS, given, is_not_for_own_ray, own_loss(folder)):
            yield


@contextmanager
def _joined(address: str) -> Iterator[None]:
    """Join a cluster, in a namespace of our own."""
    cluster = join.find(address)
    space = f"swast-{secrets.token_hex(8)}"
    thread = RayThread(partial(ray.init, address=cluster.address, namespace=space, **QUIET))
    look = cluster_loss(cluster.address)
    with _connected(thread, JOIN_SECONDS, cluster.variables, "RAY_ADDRESS".__eq__, look):
        yield


@contextmanager
def _connected(
    thread: RayThread,
    seconds: float,
    given: Mapping[str, str],
    hidden: Callable[[str], bool],
    look: Callable[[], str | None],
) -> Iterator[None]:
    """Let a thread connect to Ray, watch over Ray, and leave this process as it was.

    Args:
        thread: connects.
        seconds: that it may take.
        given: environment variables to set until it has.
        hidden: whether to hide a variable until then.
        look: returns how Ray was lost.
    """
    global _watch
    with ExitStack() as stack:
        stack.enter_context(_left_as_it_was())
        stack.callback(thread.close)
        with variables(given, hidden):
            _read_authentication()
            try:
                thread.connect(seconds)
            except RayLostError:
                raise
            except Exception as error:  # noqa: BLE001 - Ray raises errors of all kinds
                cause = next(iter(str(error).strip().splitlines()), type(error).__name__)
                raise RayLostError(f"Ray does not start: {cause[:200]}") from None
        reinstall()
        watch = Watch(look)
        watch.start()
        stack.callback(watch.close)
        _watch = watch
        try:
            yield
        finally:
            _watch = None


def _on_loopback(start: Callable[[], object]) -> None:
    """Start Ray as on a machine that is in no cluster: it then listens on 127.0.0.1 alone."""
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        start()
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _print_nothing(*_: object, **__: object) -> None:
    """Stand in for Ray's printing of errors and logs."""


def _read_authentication() -> None:
    """Let Ray read its mode and token from the environment again, in this order."""
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _left_as_it_was() -> Iterator[None]:
    """Restore what Ray changes in this process: loggers, signals, limits, and its own settings.

    Inside the block Ray prints nothing: the search reports dead workers itself.
    """
    printing, worker.print_to_stdstream = worker.print_to_stdstream, _print_nothing
    loggers = {name: logging.getLogger(name) for name in ("ray", "ray.tune")}
    kept = {name: (each.level, each.handlers[:], each.propagate) for name, each in loggers.items()}
    files, faults = resource.getrlimit(resource.RLIMIT_NOFILE), faulthandler.is_enabled()
    try:
        with warnings.catch_warnings():
            yield
    finally:
        worker.print_to_stdstream = printing
        if not faults:
            faulthandler.disable()
        for name, (level, handlers, propagate) in kept.items():
            loggers[name].setLevel(level)
            loggers[name].handlers[:], loggers[name].propagate = handlers, propagate
        resource.setrlimit(resource.RLIMIT_NOFILE, files)
        reinstall()
        _read_authentication()
