"""Ray, joined at an address or started here, and shut down without a trace."""

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

from search.engine.machine import cores
from search.engine.scratch import scratch_folder
from search.errors import RequestError

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


@contextmanager
def ray_running(
    address: str | None, gpus: int, *, ready: bool = False
) -> Iterator[tuple[float, int]]:
    """Join Ray at an address, or start it here; shut it down at the end of the block.

    Args:
        address: of a cluster; None starts one here.
        gpus: of a Ray started here.
        ready: let the workers that Ray starts at once, one for each CPU, import what training
            needs while this process continues.

    Yields:
        Available CPUs and GPUs.

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
            num_cpus=cores(),
            num_gpus=gpus,
            include_dashboard=False,
            _temp_dir=str(folder),
            _system_config=READY if ready else {"preload_python_modules": FIRST},
            **QUIET,
        )
        return
    try:
        ray.init(address=address, **QUIET)
    except (ConnectionError, RuntimeError, ValueError) as error:
        cause = str(error).strip().splitlines()[0]
        raise RequestError(f"--address {address}: no Ray cluster answers: {cause}") from None
