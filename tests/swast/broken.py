"""Streams that cannot be written to, each with the error that it gives."""

from __future__ import annotations

import errno
import io
import os
from contextlib import suppress


def full_disk():
    return os.fdopen(os.open("/dev/full", os.O_WRONLY), "w")


def no_reader():
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


def gone_terminal():
    controller, inner = os.openpty()
    os.close(controller)
    return os.fdopen(inner, "w")


def closed_by_python():
    stream = io.StringIO()
    stream.close()
    return stream


def none():
    return None


BROKEN = {
    full_disk: errno.ENOSPC,
    no_reader: errno.EPIPE,
    gone_terminal: errno.EIO,
    closed_by_python: errno.EBADF,
    none: errno.EBADF,
}


def close(stream):
    """Close a stream whose last text cannot be written."""
    with suppress(OSError, AttributeError):
        stream.close()
