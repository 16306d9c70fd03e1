"""Environment variables of a search: those of Ray that it obeys, and those that it sets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

RUN = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_THRESHOLD_S": "60",
}
"""Variables that Tune reads while it runs."""
TUNE = ("TUNE_", "RAY_TUNE_", "RAY_AIR_", "RAY_TRAIN_")
"""Beginnings of the names of Tune's variables. Tune is an inner part, so no other is obeyed."""
PLACES = {
    "RAY_ADDRESS",
    "RAY_API_SERVER_ADDRESS",
    "RAY_CLIENT_MODE",
    "RAY_ENABLE_GCS_LEADER_ELECTION",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV",
    "RAY_GCS_SERVER_PORT",
    "RAY_JOB_CONFIG_JSON_ENV_VAR",
    "RAY_JOB_ID",
    "RAY_LOG_TO_STDERR",
    "RAY_NAMESPACE",
    "RAY_OVERRIDE_JOB_RUNTIME_ENV",
    "RAY_OVERRIDE_LABELS",
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING",
    "RAY_OVERRIDE_RESOURCES",
    "RAY_RAYLET_PID",
    "RAY_REDIS_ADDRESS",
    "RAY_REDIS_PASSWORD",
    "RAY_RUNTIME_ENV",
    "RAY_RUNTIME_ENV_HOOK",
    "RAY_START_HOOK",
    "RAY_TMPDIR",
    "RAY_external_storage_namespace",
    "RAY_gcs_storage",
    "RAY_object_spilling_config",
}
"""Variables that say where Ray is, what it runs first, or what it has: not for our own Ray."""
TOUCHED = ("RAY_", "TUNE_", "PYTHONBREAKPOINT")
"""Beginnings of the names of variables that Ray itself changes."""


def of_own_ray(folder: Path, token: str) -> dict[str, str]:
    """Return the variables of a Ray that is started here.

    Args:
        folder: of its files.
        token: that it asks of every client.
    """
    return {
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": token,
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # it listens on 127.0.0.1 alone
        "RAY_TMPDIR": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def is_tunes(name: str) -> bool:
    """Return whether Tune reads a variable."""
    return name.startswith(TUNE)


def is_not_for_own_ray(name: str) -> bool:
    """Return whether a variable is meant for another Ray than one that is started here."""
    return is_tunes(name) or name in PLACES or name.startswith("RAY_AUTH_")


@contextmanager
def variables(
    given: Mapping[str, str], hidden: Callable[[str], bool] = is_tunes
) -> Iterator[None]:
    """Set and hide environment variables inside the block, and restore them after it.

    What Ray itself changes inside the block is restored too.
    """
    before = dict(os.environ)
    for name in filter(hidden, before):
        del os.environ[name]
    os.environ.update(given)
    try:
        yield
    finally:
        mine = [name for name in {*before, *os.environ} if name in given or hidden(name)]
        for name in {*mine, *(each for each in os.environ | before if each.startswith(TOUCHED))}:
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)
