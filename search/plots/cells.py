"""Cells of the report's tables: the text shown and the value to sort by."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass

from search.objectives import Score
from search.trials.further import share_text, value_text
from search.trials.trial_record import TrialRecord


@dataclass(frozen=True)
class Cell:
    """Cell of a table: the text shown and the value to sort by."""

    text: str
    value: float | str | None

    def __str__(self) -> str:
        """Return the cell's HTML."""
        kind = ' class="number"' if isinstance(self.value, int | float) else ""
        value = "" if self.value is None else html.escape(f"{self.value}")
        return f'<td{kind} data-value="{value}">{html.escape(self.text)}</td>'


def estimates(trial: TrialRecord, score: Score) -> dict[str, Cell]:
    """Return the estimate of a trial's configuration, by column; empty cells if it has none."""
    made = trial.estimate
    names = ("estimate", "90 % interval", "readings", "on the front")
    if made is None:
        return {name: Cell("", None) for name in names}
    cells = (
        Cell(value_text(trial, score), made.score),
        Cell(f"{score.text(made.low)} to {score.text(made.high)}", made.low),
        number(made.readings, "d"),
        Cell(share_text(made.front), made.front),
    )
    return dict(zip(names, cells, strict=True))


def scored(value: float | None, score: Score) -> Cell:
    """Return the cell of a score; empty if there is none."""
    return Cell("", None) if value is None else finite(Cell(score.text(value), value))


def number(value: float | None, form: str) -> Cell:
    """Return the cell of a number in a format; empty if there is none."""
    return Cell("", None) if value is None else finite(Cell(format(value, form), value))


def finite(cell: Cell) -> Cell:
    """Return the cell of a number; one that is not finite sorts as unknown."""
    known = isinstance(cell.value, int | float) and math.isfinite(cell.value)
    return cell if known else Cell(cell.text, None)


def setting(value: object) -> Cell:
    """Return the cell of a searched setting."""
    if isinstance(value, float):
        return Cell(f"{value:.4g}", value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return Cell("" if value is None else f"{value}", value)
    return Cell(str(value), str(value))
