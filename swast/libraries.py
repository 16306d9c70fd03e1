"""Messages of libraries about calls that the user did not make, and interrupts of imports."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

LIBRARIES = (
    *("PIL", "alembic", "boto3", "botocore", "botorch", "google", "gpytorch", "linear_operator"),
    *("matplotlib", "mlflow", "numpy", "onnx", "onnxruntime", "onnxscript", "optuna", "plotly"),
    *("pydantic", "ray", "requests", "scipy", "sklearn", "sqlalchemy", "torch", "torch_pruning"),
    *("torchvision", "urllib3", "search", "studies", "swast"),
)
"""Packages that are called here, and those of the callers: a warning may name either."""
INTERRUPTING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU)
"""Signals whose handlers in Python may raise."""


@contextmanager
def importing() -> Iterator[None]:
    """Hold signals back while the block imports libraries, and handle them at its end.

    A library may catch what a handler raises in its import, and go on with half of its modules:
    Ray, for one, then never starts.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []

    def hold(number: int, _: FrameType | None) -> None:
        held.append(number)

    handlers = {number: signal.getsignal(number) for number in INTERRUPTING}
    raising = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in raising:
        signal.signal(number, hold)
    try:
        yield
    finally:
        for number, handler in raising.items():
            signal.signal(number, handler)
        for each in dict.fromkeys(held):
            signal.raise_signal(each)


@contextmanager
def libraries_silent() -> Iterator[None]:
    """Suppress warnings and log messages of libraries, and leave those of the user's modules.

    This package reports itself whatever matters to the user. Filters, levels and handlers
    are restored at the end. Python's option ``-W`` and PYTHONWARNINGS take precedence.
    """
    with ExitStack() as stack:
        for name in LIBRARIES:
            stack.enter_context(_at_error_level(logging.getLogger(name)))
        stack.enter_context(warnings.catch_warnings())
        if not sys.warnoptions:
            modules = "|".join(LIBRARIES)
            warnings.filterwarnings("ignore", module=rf"({modules})(\.|$)")
        yield


@contextmanager
def _at_error_level(logger: logging.Logger) -> Iterator[None]:
    """Log errors alone, and print none that no handler wants, as Python would.

    A library that sets a lower level in the block, as Optuna does when it is imported, has it only
    after the block.
    """
    handler, outer = logging.NullHandler(), vars(logger).get("setLevel")
    before = logger.level
    wanted = [before]

    def at_least(level: int | str) -> None:
        logging.Logger.setLevel(logger, level)
        if logger.level < logging.ERROR:
            wanted.append(logger.level)
            logging.Logger.setLevel(logger, logging.ERROR)

    logging.Logger.setLevel(logger, max(before, logging.ERROR))
    vars(logger)["setLevel"] = at_least
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        vars(logger).pop("setLevel")
        if outer is not None:
            vars(logger)["setLevel"] = outer
        logger.setLevel(wanted[-1])
