"""Import and call of a user's code, without lasting effects on this process."""

from __future__ import annotations

import importlib
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from swast.errors import ConfigError, nearest

RAISED = (Exception, SystemExit)
"""What user code can raise; `SystemExit`, as of `argparse`, is no `Exception`."""
PATIENCE = 10.0
"""Seconds of an import after which a line says that it still runs."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, led by its type."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def imported(name: str, source: str, member: str) -> Callable[..., object]:
    """Import a function from Python's path or from the current folder.

    Args:
        name: the whole name, for messages.
        source: the module.
        member: the function in it.

    Raises:
        ConfigError: there is no such module or function, or the import fails or exits.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        with contained([source]), announced(f"model {name!r}: the import of {source} still runs"):
            module = importlib.import_module(source)
        found = _member(module, member)
    except RAISED as error:
        hidden = _hidden(source)
        raise ConfigError(
            [f"model {name!r} cannot be imported: {first_line(error)}{hidden}"]
        ) from error
    if not callable(found):
        raise ConfigError([f"model {name!r} must be a function, got {found!r}"])
    return found


def _member(module: ModuleType, name: str) -> object:
    """Return a member of a module.

    Raises:
        AttributeError: there is none, with the module's file.
    """
    if not hasattr(module, name):
        file = getattr(module, "__file__", None) or "no file"
        raise AttributeError(
            f"module {module.__name__!r} ({file}) has no {name!r}{nearest(name, vars(module))}"
        )
    return getattr(module, name)


def _hidden(source: str) -> str:
    """Return a hint if another module hides the one of that name in the current folder."""
    first = source.partition(".")[0]
    file = getattr(sys.modules.get(first), "__file__", None)
    for mine in (Path(f"{first}.py"), Path(first, "__init__.py")):
        if file and mine.is_file() and Path(file).resolve() != mine.resolve():
            return f"; it hides {mine} here, so rename that"
    return ""


@contextmanager
def announced(text: str) -> Iterator[None]:
    """Write a line to stderr if the block takes long."""
    timer = threading.Timer(PATIENCE, lambda: sys.stderr.write(f"{text}\n"))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def contained(arguments: Sequence[str] | None = None) -> Iterator[None]:
    """Undo what user code in the block changes in the process; its output goes to stderr.

    Restored are the current folder, the command line, random generators, the number of threads,
    handlers of signals, filters of warnings, and PyTorch's default type, device and gradient mode.

    Args:
        arguments: the command line that the code sees; None for ours.
    """
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(sys.stderr))
        stack.enter_context(_stdout_to_stderr())
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(torch.random.fork_rng(devices=[]))
        for restore in (_settings(), _handlers()):
            stack.callback(restore)
        if arguments is not None:
            sys.argv = [*arguments]
        yield


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Send what is written to file descriptor 1 to 2 inside the block."""
    try:
        kept = os.dup(1)
    except OSError:  # closed
        yield
        return
    try:
        with suppress(OSError):
            os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _settings() -> Callable[[], None]:
    """Return a function that restores the present settings of the process."""
    argv, folder = [*sys.argv], None
    with suppress(OSError):
        folder = Path.cwd()
    draws, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    kind, device = torch.get_default_dtype(), torch.get_default_device()
    threads, grad = torch.get_num_threads(), torch.is_grad_enabled()

    def restore() -> None:
        sys.argv = argv
        if folder is not None:
            with suppress(OSError):
                os.chdir(folder)
        random.setstate(draws)
        np.random.set_state(legacy)  # noqa: NPY002
        if torch.get_default_dtype() != kind:
            torch.set_default_dtype(kind)
        if torch.get_default_device() != device:
            torch.set_default_device(device)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.set_grad_enabled(grad)

    return restore


def _handlers() -> Callable[[], None]:
    """Return a function that restores the handlers of signals; only the main thread has them."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    kept = {each: signal.getsignal(each) for each in signal.valid_signals()}

    def restore() -> None:
        for each, handler in kept.items():
            if handler is not None and signal.getsignal(each) is not handler:
                with suppress(OSError, ValueError):
                    signal.signal(each, handler)

    return restore
