"""Stored facts, each read as its type: the one place where stored values are trusted or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, TypeVar

from search.errors import DamagedDatabaseError, UnreadableError
from search.store.tolerant_storage import UNDECODABLE
from swast.errors import ConfigError, printable
from swast.settings import FieldType, Setting, check

FORMAT = 1
"""Version of the records; increase it when a fact gets another meaning or is no longer stored."""
MARK = "swast-search"
"""Fact of a search that names its maker: the format of its records and the package's version."""
MOST_SHOWN = 200
"""The most characters of a reason."""

ANY = Setting("")
COUNT = Setting("", low=0)
"""Range of counts, FLOPs and seconds."""
TEXT, WHOLE, NUMBER = FieldType(str), FieldType(int), FieldType(float)
FLAG = FieldType(bool)

Value = TypeVar("Value")


class Facts:
    """Stored facts by name. A fact of a wrong type or range counts as absent.

    Args:
        values: as they were stored.
        lead: put before the names in messages.
        problems: list to add the reasons to.
    """

    def __init__(self, values: object, lead: str, problems: list[str]) -> None:
        self._lead, self._problems = lead, problems
        self._values: Mapping[str, Any] = {}
        if isinstance(values, Mapping):
            self._values = values
        elif values is not None:
            self._note("", f"must be a table of facts, got {values!r}")

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def get(
        self,
        name: str,
        kind: FieldType,
        default: Any = None,  # noqa: ANN401
        limits: Setting = ANY,
    ) -> Any:  # noqa: ANN401
        """Return a fact, or the default if it is absent, null, or not of its kind and range."""
        value = self._values.get(name)
        if value is None:
            return default
        problem = check(value, self._lead + name, kind, limits)
        if problem is None:
            return value
        self._problems.append(cut(problem))
        return default

    def table(self, name: str) -> Facts:
        """Return the facts in a table; none if it is absent or no table."""
        return Facts(self._values.get(name), f"{self._lead}{name}.", self._problems)

    def items(self, kind: FieldType, limits: Setting = ANY) -> dict[str, Any]:
        """Return all facts of a kind and range; the others are problems."""
        found = {name: self.get(name, kind, limits=limits) for name in self._values}
        return {name: value for name, value in found.items() if value is not None}

    def made(self, name: str, make: Callable[[Any], Value]) -> Value | None:
        """Return a fact converted by a function; None if it is absent or the function refuses."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            return make(value)
        except (*UNDECODABLE, RecursionError) as error:
            self._note(name, reason(error))
            return None

    def _note(self, name: str, problem: str) -> None:
        path = (self._lead + name).rstrip(".")
        self._problems.append(cut(f"{path}: {problem}"))


def cut(text: str) -> str:
    """Return a text on one line, of at most `MOST_SHOWN` characters."""
    line = printable(text[:MOST_SHOWN])
    return line if len(text) <= MOST_SHOWN else f"{line}…"


def reason(error: BaseException) -> str:
    """Return the reason of an error in a line."""
    if isinstance(error, ConfigError):
        return cut(next(iter(error.problems), "it is not valid"))
    if isinstance(error, DamagedDatabaseError):
        return cut(str(error))
    return cut(f"{type(error).__name__}: {error}")


def mark() -> dict[str, Any]:
    """Return the mark of a search that this version makes."""
    return {"format": FORMAT, "version": version("swast")}


def newer(facts: Mapping[str, Any]) -> str | None:
    """Return the version that wrote a search if its format is newer than this; else None."""
    kept = Facts(facts, "", []).table(MARK)
    if kept.get("format", WHOLE, FORMAT) <= FORMAT:
        return None
    return str(kept.get("version", TEXT, "?"))[:MOST_SHOWN]


@contextmanager
def reading(name: str, facts: Mapping[str, Any]) -> Iterator[None]:
    """Turn errors of reading a search inside the block into one.

    Args:
        name: of the search.
        facts: of the search, as they were stored.

    Raises:
        UnreadableError: the search is damaged, or a newer version wrote it.
    """
    try:
        yield
    except UnreadableError:
        raise
    except (DamagedDatabaseError, *UNDECODABLE, RecursionError) as error:
        written = newer(facts)
        lead = "damaged" if written is None else f"written by a newer version ({written})"
        raise UnreadableError(name, f"{lead}: {reason(error)}") from None


def whole_number(text: str) -> int | None:
    """Return the number of an ASCII text of up to 19 digits; None for another text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None
