"""Failures of jobs, from the errors that trainings raise."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

import torch

import swast
from search.engine.jobs import Failure, FailureKind
from swast.errors import DivergedError, SwastError

NOT_THE_USERS = (
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    str(Path(swast.__file__).parent),
    str(Path(__file__).parents[1]),
)
"""Folders of code that is no user's: Python's, installed packages and these two."""
LONGEST = 64 * 1024
"""The most characters of a traceback; the end is kept."""


def failure_of(error: Exception) -> Failure:
    """Return the failure of a job whose training raised an error."""
    kind = kind_of(error)
    name = "out of memory" if kind is FailureKind.OUT_OF_MEMORY else type(error).__name__
    text = next(iter(str(error).splitlines()), "")
    reason = f"{name}: {text}" if text else name
    if kind is not FailureKind.RAISED:
        return Failure(kind, reason)
    trace = "".join(traceback.format_exception(error))
    return Failure(kind, reason + place_of(error), trace[-LONGEST:])


def kind_of(error: BaseException) -> FailureKind:
    """Return the kind of failure that an error is."""
    if is_out_of_memory(error):
        return FailureKind.OUT_OF_MEMORY
    if isinstance(error, DivergedError):
        return FailureKind.DIVERGED
    return FailureKind.REFUSED if isinstance(error, SwastError) else FailureKind.RAISED


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory is exhausted, on the CPU or a GPU."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def place_of(error: BaseException) -> str:
    """Return the user's file and line where an error arose, in brackets; empty if in no such."""
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if not _is_under(frame.filename, NOT_THE_USERS)]
    return f" ({Path(mine[-1].filename).name}, line {mine[-1].lineno})" if mine else ""


def _is_under(file: str, folders: tuple[str, ...]) -> bool:
    """Return whether a file is in one of some folders; code without a file is."""
    path = Path(file)
    return not path.is_file() or any(path.is_relative_to(folder) for folder in folders)
