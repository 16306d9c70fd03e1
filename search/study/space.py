"""Domains: the values that fields of a training configuration take in a search.

In a study file each searched field is either a list of choices, or a range:

    scorer = ["random", "gradmatch"]
    fraction = { low = 0.02, high = 0.5, log = true }
    weight = { low = 0.01, high = 3.0, log = true, also = [0.0] }

``step`` makes a range discrete; ``also`` adds values that lie outside it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from swast.config import setting_paths, unknown_field
from swast.errors import ConfigError, nearest, path_to, shown
from swast.settings import Setting, check, is_number

ROUNDING = 1e-9
MOST_STEPS = 10**6
"""Steps of a range of real numbers."""
RANGE_KEYS = ("low", "high", "log", "step", "also")
SAME_FOR_ALL = ("data", "loading", "device")
"""Settings and tables that all trials of a search share, because it loads one data set."""


@dataclass(frozen=True)
class Choices:
    """A list of values, of which a field takes one; a value that is a list itself is a tuple."""

    values: tuple[Any, ...]

    def contains(self, value: object) -> bool:
        """Return whether a value is in the list."""
        return frozen(value) in self.values

    @property
    def extremes(self) -> tuple[Any, ...]:
        """The values that validation checks: all of them."""
        return self.values

    @property
    def between(self) -> tuple[Any, ...]:
        """An empty tuple: every value is one of the extremes."""
        return ()


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included, and further values.

    Attributes:
        whole: whole numbers only.
        log: sampled evenly in the logarithm; ``low`` must be above 0.
        step: distance between the numbers, from ``low``; None for all of them.
        also: values outside the range, each as likely as the whole range.
    """

    low: float
    high: float
    whole: bool
    log: bool = False
    step: float | None = None
    also: tuple[Any, ...] = ()

    @property
    def kind(self) -> type:
        """The type of its numbers."""
        return int if self.whole else float

    def contains(self, value: object) -> bool:
        """Return whether a value is in the range, or one of the further values."""
        if value in self.also:
            return True
        if not isinstance(value, int | float) or not is_number(value, self.kind):
            return False
        slack = 0.0 if self.step is None else self.step * self.rounding
        within = self.low - slack <= value <= self.high + slack
        return within and (self.step is None or self._is_on_grid(value, self.step))

    def _is_on_grid(self, value: float, step: float) -> bool:
        """Return whether a value is some steps away from the lower end."""
        if self.whole:
            return (value - self.low) % step == 0
        steps = (value - self.low) / step
        return abs(steps - round(steps)) <= self.rounding

    @property
    def rounding(self) -> float:
        """The largest error of a number of steps, which rounding of real numbers makes."""
        if self.step is None or self.whole:
            return 0.0
        largest = max(abs(self.low), abs(self.high))
        return max(ROUNDING, 4 * sys.float_info.epsilon * largest / self.step)

    def nearest(self, value: float) -> float:
        """Return a number that rounding took out of the range, moved to its end."""
        return min(max(value, self.low), self.high)

    @property
    def extremes(self) -> tuple[Any, ...]:
        """The values that validation checks: the ends, and the further values."""
        return (self.low, self.high, *self.also)

    @property
    def between(self) -> tuple[Any, ...]:
        """One value that is none of the extremes; empty if there is none."""
        step = 1 if self.whole and self.step is None else self.step
        value = (self.low + self.high) / 2 if step is None else self.low + step
        return (value,) if value < self.high and value not in self.also else ()


@dataclass(frozen=True)
class Domain:
    """One searched field and its values.

    Attributes:
        path: of the field, dotted.
        values: the values that it may take.
        label: of the branch that it belongs to; empty for a domain of the root.
    """

    path: str
    values: Choices | Range
    label: str = ""

    @property
    def parameter(self) -> str:
        """The name of its parameter, different in every branch: ``prune.sparsity[n:m]``.

        Lists as choices are texts there, so that parameter has a name of its own.
        """
        lists = any(isinstance(value, tuple) for value in self.values.extremes)
        name = f"{self.path} (as JSON)" if lists else self.path
        return f"{name}[{self.label}]" if self.label else name


def read_space(tables: Mapping[str, object]) -> tuple[Domain, ...]:
    """Return the domains in the ``[space]`` tables of a study.

    Raises:
        ConfigError: naming every unknown field and every wrong domain.
    """
    domains: list[Domain] = []
    problems: list[str] = []
    for path, entry in _leaves(tables):
        try:
            domains.append(Domain(path, _read_domain(path, entry)))
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    return tuple(domains)


def _leaves(tables: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield every searched field of nested tables with its dotted path."""
    for name, entry in tables.items():
        path = prefix + path_to("", name)
        nested = isinstance(entry, Mapping) and path not in setting_paths()
        if nested and any(known.startswith(f"{path}.") for known in setting_paths()):
            yield from _leaves(entry, f"{path}.")  # type: ignore[arg-type]
        else:
            yield path, entry


def _read_domain(path: str, entry: object) -> Choices | Range:
    """Return the domain of one field.

    Raises:
        ConfigError: the field is unknown, or an end of the domain is not a valid value.
    """
    if path not in setting_paths():
        raise ConfigError([unknown_field(path)])
    problems = varies_what_is_shared(path)
    if problems:
        raise ConfigError(problems)
    values: Choices | Range
    if isinstance(entry, list) and entry:
        values = Choices(tuple(map(frozen, entry)))
    elif isinstance(entry, Mapping):
        values = _read_range(path, entry)
    else:
        raise ConfigError(
            [f"{path} must be a list of choices or {{ low = …, high = … }}, got {shown(entry)}"]
        )
    kind, limits, _ = setting_paths()[path]
    wrong = [check(value, path, kind, limits) for value in values.extremes]
    if any(wrong):
        raise ConfigError(problem for problem in wrong if problem)
    if isinstance(values, Range):
        _check_range(path, values)
    listed = values.values if isinstance(values, Choices) else values.also
    again = repeated(listed)
    if again:
        raise ConfigError([f"{path} must list each value once, got {shown(again[0])} twice"])
    return values


def frozen(value: Any) -> Any:  # noqa: ANN401
    """Return a value with tuples in place of lists."""
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def repeated(values: Sequence[Any]) -> list[Any]:
    """Return the values that are equal to an earlier one, as 1.0 is to 1."""
    seen: set[Any] = set()
    return [value for value in values if value in seen or seen.add(value)]  # type: ignore[func-returns-value]


def varies_what_is_shared(path: str) -> list[str]:
    """Return a problem if a field must be the same in all trials of a search."""
    if path.partition(".")[0] not in SAME_FOR_ALL:
        return []
    return [f"{path} is the same for all trials of a search, and belongs in [fixed] alone"]


def _read_range(path: str, entry: Mapping[str, object]) -> Range:
    """Return a range from its table."""
    kind = setting_paths()[path][0].kind
    for key in entry:
        if key not in RANGE_KEYS:
            hint = nearest(key, RANGE_KEYS)
            raise ConfigError(
                [f"{path_to(path, key)} is not one of {', '.join(RANGE_KEYS)}{hint}"]
            )
    if kind not in (int, float):
        raise ConfigError([f"{path} is not a number, so it needs a list of choices, not a range"])
    for name in ("low", "high", "step"):
        if not is_number(entry.get(name), kind) and (name in entry or name != "step"):
            raise ConfigError([f"{path}.{name} must be a number, got {shown(entry.get(name))}"])
    log, also = entry.get("log", False), entry.get("also", [])
    if not isinstance(log, bool) or not isinstance(also, list):
        raise ConfigError([f"{path}: log must be true or false, and also a list"])
    low, high, step = (cast("Any", entry.get(name)) for name in ("low", "high", "step"))
    return Range(low, high, kind is int, log, step, tuple(map(frozen, also)))


def _check_range(path: str, made: Range) -> None:
    """Check that the parts of a range, whose ends are valid, fit each other."""
    step = 1.0 if made.step is None else made.step
    if made.low >= made.high or not Setting("", above=0).allows(step):
        raise ConfigError([f"{path} must have low < high, and any step above 0"])
    if made.log and (made.low <= 0 or made.step is not None):
        raise ConfigError([f"{path}: a log range must have low above 0 and no step"])
    if made.step is None:
        return
    least = (made.high - made.low) / MOST_STEPS
    if not made.whole and made.step < least:
        raise ConfigError(
            [f"{path} must have a step of at least {least:g}, or none, got {made.step}"]
        )
    if made.rounding > 0.25:
        raise ConfigError([f"{path} must have a step that its numbers can show, got {made.step}"])
    if not made.contains(made.high):
        raise ConfigError(
            [f"{path} must have a step that leads from low to high, got {shown(made.step)}"]
        )
