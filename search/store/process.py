"""What a search sets for its whole process while it runs, and restores at its end."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

MLFLOW = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    # Training does not wait for MLflow: a call is tried once, briefly; the retry queue repeats it.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
}
"""Environment variables of MLflow; those that are set already are kept."""
LEVELS = {
    "mlflow": logging.WARNING,
    "optuna": logging.ERROR,
    "mlflow.store.db.utils": logging.CRITICAL,  # a traceback for each call to a full database
}
"""Levels of loggers that would print what the search reports itself."""


@contextmanager
def process_settings() -> Iterator[None]:
    """Set variables and loggers for a search inside the block, and restore them after it.

    The path of modules, to which a study's own models may add a folder, and the filters of
    warnings are restored too.
    """
    loggers = {name: logging.getLogger(name) for name in LEVELS}
    levels = {name: logger.level for name, logger in loggers.items()}
    path, absent = sys.path[:], [name for name in MLFLOW if name not in os.environ]
    with warnings.catch_warnings():
        for name, level in LEVELS.items():
            loggers[name].setLevel(level)
        os.environ.update({name: MLFLOW[name] for name in absent})
        try:
            yield
        finally:
            for name in absent:
                os.environ.pop(name, None)
            for name, level in levels.items():
                loggers[name].setLevel(level)
            sys.path[:] = path
