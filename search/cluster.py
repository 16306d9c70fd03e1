"""The door to Ray: joined where it runs, or started here and left without a trace."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", "A worker died")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")
os.environ.setdefault("TUNE_WARN_THRESHOLD_S", "60")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray

from search.errors import RequestError
from search.scratch import scratch_folder

QUIET = {"log_to_driver": False, "logging_level": logging.ERROR}
TRAINING = ["search.runner", "torch._dynamo"]
"""What workers import to train; the last is what torch imports for the first optimiser."""
READY = {
    "preload_python_modules": TRAINING,
    "idle_worker_killing_time_threshold_ms": 24 * 60 * 60 * 1000,
}
"""Keeps the workers that Ray starts with itself until trials take them.

Else it ends those that have been idle for a second once no CPU is free. A trial takes its CPU a
moment before its worker, so more often than not they were ended, and others began anew.
"""


@contextmanager
def ray_running(
    address: str | None, gpus: int, *, ready: bool = False
) -> Iterator[tuple[float, int]]:
    """Ray, joined at an address or started here with some GPUs, and left without a trace.

    Args:
        address: of a cluster; None starts one here.
        gpus: that one started here has.
        ready: have the worker of each CPU, which Ray starts at once, import what training needs
            while this process goes on with what it has to do.

    Yields:
        CPUs and GPUs that there are.

    Raises:
        RequestError: there is no cluster at the address.
    """
    with scratch_folder() as folder:
        try:
            _start_ray(address, gpus, folder, ready=ready)
            there = ray.cluster_resources()
            yield there.get("CPU", 0.0), int(there.get("GPU", 0))
        finally:
            ray.shutdown()


def _start_ray(address: str | None, gpus: int, folder: Path, *, ready: bool) -> None:
    """Join a cluster, or start Ray here with its files in a folder."""
    if address is None:
        ray.init(
            num_gpus=gpus,
            include_dashboard=False,
            _temp_dir=str(folder),
            _system_config=READY if ready else None,
            **QUIET,
        )
        return
    try:
        ray.init(address=address, **QUIET)
    except (ConnectionError, RuntimeError, ValueError) as error:
        cause = str(error).strip().splitlines()[0]
        raise RequestError(f"--address {address}: no Ray cluster answers: {cause}") from None
