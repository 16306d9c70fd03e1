"""Settings of the whole process that a search needs while it runs; restored at its end."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from search.temporary import remove_leftovers
from swast.libraries import libraries_silent

MLFLOW = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Training does not wait for MLflow: a call is tried once, briefly; the retry queue repeats it.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
}
"""Environment variables of MLflow; those that are set already are kept."""
PAST_PROXIES = ("no_proxy", "NO_PROXY")
"""Variables with the hosts that no proxy serves."""
LOOPBACK = "127.0.0.1,localhost,::1"
SILENT = ("mlflow", "mlflow.store.db.utils", "alembic", "urllib3", "botocore")
"""Loggers that would print, with tracebacks, what the search reports itself."""


@contextmanager
def process_settings() -> Iterator[None]:
    """Set variables, loggers and filters for a search inside the block, and restore them after it.

    The path of modules, to which a study's own models may add a folder, is restored too.
    Temporary folders of killed processes are removed first.
    """
    remove_leftovers()
    levels = {logger: logger.level for logger in map(logging.getLogger, SILENT)}
    path, before = sys.path[:], dict(os.environ)
    wanted = wanted_variables(before)
    with ExitStack() as stack:
        stack.enter_context(libraries_silent())
        for logger in levels:
            logger.setLevel(logging.CRITICAL + 1)
        os.environ.update(wanted)
        try:
            yield
        finally:
            for name in wanted:
                os.environ.pop(name, None)
                if name in before:
                    os.environ[name] = before[name]
            for logger, level in levels.items():
                logger.setLevel(level)
            sys.path[:] = path


def wanted_variables(there: Mapping[str, str]) -> dict[str, str]:
    """Return the variables to set: MLflow's, and this machine as a host that no proxy serves.

    Args:
        there: the environment.
    """
    wanted = {name: value for name, value in MLFLOW.items() if name not in there}
    for name in PAST_PROXIES:
        if there.get(name) != "*":
            wanted[name] = ",".join(filter(None, (there.get(name), LOOPBACK)))
    return wanted
