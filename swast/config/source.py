"""Text of a small file: its kind, its size and its encoding are checked."""

from __future__ import annotations

import os
import select
import stat
from pathlib import Path

from swast.errors import ConfigError

MOST_BYTES = 2**20
"""The largest file that is read as text."""
MOST_WAIT = 10.0
"""Seconds that a pipe may be silent."""
OPEN_PIPES = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
"""Paths of pipes that are open already, as those of ``<(command)``."""
MARKS = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
UTF8_MARK = b"\xef\xbb\xbf"


def read_text(path: Path) -> str:
    """Read a text file in UTF-8, with or without a byte order mark; lines end as in Unix.

    Raises:
        ConfigError: there is no such file, it is no regular file, it is too large, or it is not
            in UTF-8.
    """
    try:
        text = _decode(_read(path))
    except FileNotFoundError:
        raise ConfigError([f"{path}: no such file"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror or error}"]) from None
    except ConfigError as error:
        raise error.within(str(path)) from None
    except ValueError as error:  # a NUL in the path
        raise ConfigError([f"{path}: cannot be read: {error}"]) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read(path: Path) -> bytes:
    """Return the content of a file, or a little more than may be read of it."""
    is_pipe = str(path).startswith(OPEN_PIPES) and stat.S_ISFIFO(path.stat().st_mode)
    if not is_pipe:
        _check_regular(path.stat().st_mode)
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not is_pipe:
            _check_regular(os.fstat(handle).st_mode)
        content = b""
        while len(content) <= MOST_BYTES and (part := _part(handle, is_pipe=is_pipe)):
            content += part
        return content
    finally:
        os.close(handle)


def _check_regular(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise ConfigError(["cannot be read: it is a folder"])
    if not stat.S_ISREG(mode):
        raise ConfigError(["cannot be read: it is no regular file"])


def _part(handle: int, *, is_pipe: bool) -> bytes:
    """Return the next part of a file; empty at its end."""
    if is_pipe:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        if not waiting.poll(MOST_WAIT * 1000):
            raise ConfigError([f"cannot be read: nothing came in {MOST_WAIT:.0f} s"])
    return os.read(handle, MOST_BYTES + 1)


def _decode(content: bytes) -> str:
    """Return the text of a file.

    Raises:
        ConfigError: it is too large, or in another encoding, which is named.
    """
    if len(content) > MOST_BYTES:
        raise ConfigError([f"cannot be read: it has more than {MOST_BYTES:,} bytes (1 MiB)"])
    known = [name for mark, name in MARKS if content.startswith(mark)]
    if known:
        raise ConfigError([f"cannot be read: it is in {known[0]}; save it as UTF-8"])
    content = content.removeprefix(UTF8_MARK)
    if b"\0" in content:
        wide = max(content[::2].count(0), content[1::2].count(0)) > len(content) / 4
        raise ConfigError(
            [f"cannot be read: it {'is in UTF-16' if wide else 'has NUL bytes'}; save it as UTF-8"]
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        name = "Windows-1252" if 0x80 <= content[error.start] < 0xA0 else "Latin-1"
        raise ConfigError(
            [f"cannot be read: line {line} is not in UTF-8, perhaps in {name}; save it as UTF-8"]
        ) from None
