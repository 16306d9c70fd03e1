"""Printing, which never ends what prints: lost output is dropped, and decides the exit code.

A command swaps the standard streams for `Stream` while it runs (`guarded`). Everything that is
printed goes through these: lines, tables, help, and messages of libraries.
"""

from __future__ import annotations

import codecs
import errno
import io
import json
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO, cast

from swast.errors import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

PLAIN = "swast.plain"
"""Name of the error handler of encodings that spells what a terminal cannot show."""
SPELLED = {
    **dict.fromkeys("–—−‐‑‒―─━┄┅┈┉╌╍═╴╶╸╺", "-"),
    **dict.fromkeys("│┃┆┇┊┋║", "|"),
    **dict.fromkeys("‘’‚′", "'"),
    **dict.fromkeys("“”„″", '"'),
    **dict.fromkeys("\xa0\u202f\u2009", " "),
}
SPELLED |= {"…": "...", "→": "->", "←": "<-", "↔": "<->", "×": "x", "±": "+/-", "·": ".", "•": "*"}
SPELLED |= {"≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "∞": "inf", "√": "sqrt", "°": "deg"}
SPELLED |= {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "η": "eta"}
SPELLED |= {"λ": "lambda", "μ": "mu", "µ": "u", "ρ": "rho", "σ": "sigma", "τ": "tau", "Δ": "Delta"}
SPELLED |= {"✓": "+", "✗": "x", "█": "#", "▏": "|"}
"""Characters in ASCII."""


def _spell(error: UnicodeError) -> tuple[str, int]:
    """Spell characters that an encoding lacks: plainly, else as Python escapes them."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_spelled, error.object[error.start : error.end])), error.end


def _spelled(char: str) -> str:
    """Return a character in ASCII."""
    if char in SPELLED:
        return SPELLED[char]
    if "\u2500" <= char <= "\u257f":  # corners and crossings of tables
        return "+"
    plain = unicodedata.normalize("NFKC", char)
    return plain if plain.isascii() else char.encode("ascii", "backslashreplace").decode()


codecs.register_error(PLAIN, _spell)


class Stream(io.TextIOBase):
    """Text stream that writes to another one, and drops what cannot be written.

    Args:
        inner: the stream; None if it is closed.
        kept_free: standard output, if this stream takes what is to be kept off it.

    Attributes:
        loss: the first error; None if nothing was lost.
    """

    errors = PLAIN

    def __init__(self, inner: TextIO | None, kept_free: TextIO | None = None) -> None:
        self._inner, self.kept_free = inner, kept_free
        self.loss: OSError | None = None

    @property
    def inner(self) -> TextIO:
        """The stream that is written to.

        Raises:
            OSError: it is closed.
        """
        if self._inner is None:
            raise OSError(errno.EBADF, "standard output is closed")
        return self._inner

    @property
    def is_closed(self) -> bool:
        """Whether there is no stream to write to."""
        return self._inner is None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the text."""
        return getattr(self._inner, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write a text, in characters that the encoding has."""
        plain = text.encode(self.encoding, PLAIN).decode(self.encoding)
        if text:
            self._try(lambda: self.inner.write(plain))
        return len(text)

    def flush(self) -> None:
        """Write the buffer."""
        if not self.is_closed:
            self._try(lambda: self.inner.flush())

    def send(self, content: bytes) -> None:
        """Write bytes.

        Raises:
            OSError: they cannot be written.
        """
        self._try(lambda: _send(self.inner, content))
        if self.loss is not None:
            raise self.loss

    def _try(self, call: Callable[[], object]) -> None:
        """Write something unless something was lost before."""
        if self.loss is None:
            try:
                call()
            except OSError as error:
                self.loss = error
            except ValueError as error:  # closed by Python
                self.loss = OSError(errno.EBADF, str(error))

    def isatty(self) -> bool:
        """Return whether it is a terminal that still works."""
        with suppress(OSError, ValueError):
            return self.loss is None and self.inner.isatty()
        return False

    def fileno(self) -> int:
        """Return the descriptor.

        Raises:
            OSError: there is none.
        """
        return self.inner.fileno()

    def writable(self) -> bool:
        """Return True."""
        return True


def _send(stream: TextIO, content: bytes) -> None:
    """Write bytes to a stream of text."""
    stream.flush()
    if hasattr(stream, "buffer"):
        stream.buffer.write(content)
    else:  # as in a notebook
        stream.write(content.decode(errors="replace"))
    stream.flush()


@contextmanager
def guarded() -> Iterator[tuple[Stream, Stream]]:
    """Swap the standard streams for streams that never raise, and yield these."""
    before = sys.stdout, sys.stderr
    swapped = tuple(each if isinstance(each, Stream) else Stream(each) for each in before)
    sys.stdout, sys.stderr = cast("tuple[TextIO, TextIO]", swapped)
    try:
        yield cast("tuple[Stream, Stream]", swapped)
    finally:
        for stream in swapped:
            stream.flush()
        sys.stdout, sys.stderr = before


@contextmanager
def keeping_free(is_kept: bool) -> Iterator[None]:
    """Redirect printing to the error stream, if standard output is for an output."""
    before = sys.stdout
    if is_kept:
        sys.stdout = cast("TextIO", Stream(sys.stderr, kept_free=before))
    try:
        yield
    finally:
        sys.stdout = before


def standard_output() -> Stream:
    """Return standard output, also while printed text is kept off it."""
    stream = getattr(sys.stdout, "kept_free", None) or sys.stdout
    return stream if isinstance(stream, Stream) else Stream(stream)


def is_lost() -> bool:
    """Return whether standard output can no longer be written to."""
    return standard_output().loss is not None


def out(text: str) -> None:
    """Print a line to standard output, its control characters escaped."""
    _print(sys.stdout, text)


def err(text: str) -> None:
    """Print a line to the error stream, its control characters escaped."""
    _print(sys.stderr, text)


def out_json(value: object) -> None:
    """Print a value as JSON to standard output."""
    _write(sys.stdout, json.dumps(value, indent=2) + "\n")


def out_rich(renderable: RenderableType) -> None:
    """Print a table or styled text of Rich to standard output."""
    from swast.screen import Screen

    with guarded():
        Screen().print(renderable)


def _print(stream: TextIO | None, text: str) -> None:
    _write(stream, f"{printable(text)}\n")


def _write(stream: TextIO | None, text: str) -> None:
    """Write a text at once: a pipe would hold it back."""
    safe = stream if isinstance(stream, Stream) else Stream(stream)
    safe.write(text)
    safe.flush()
