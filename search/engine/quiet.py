"""Settings of Tune while a search runs, which are restored for other experiments."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ray.tune.execution import class_cache

from search.engine.variables import RUN, variables


@contextmanager
def quiet_tune() -> Iterator[None]:
    """Let Tune print nothing inside the block, write no files of trials, and reuse ready workers.

    Tune gives actors environment variables that nothing here reads. For such actors Ray would
    start new workers instead of using the ones that are ready (see `search.engine.cluster`).
    """
    logger = logging.getLogger("ray.tune")
    level = logger.level
    given, propagated = class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE
    handler = _user_signal()
    logger.setLevel(logging.CRITICAL)  # the search reports failures itself
    class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE = {}, set()
    try:
        with variables(RUN):
            yield
    finally:
        class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE = given, propagated
        logger.setLevel(level)
        if handler is not None:
            signal.signal(signal.SIGUSR1, handler)


def _user_signal() -> Callable[..., Any] | int | None:
    """Return the handler of SIGUSR1, which Tune replaces in the main thread; None in others."""
    if threading.current_thread() is not threading.main_thread():
        return None
    return signal.getsignal(signal.SIGUSR1)
