"""What a study of the paper says in the end: claims, numbers beside the paper's, and how made.

A report is plain: it is written as JSON, and its figure, its page and its Markdown follow from it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from studies.statistics import Interval, Verdict, verdict
from studies.summaries import ArmSummary
from swast.files import replacing

Unit = Literal["points", "plain"]
"""Shares told as percentage points, or numbers as they are."""
FEWEST_SEEDS = 5
"""That a verdict takes: four differences are of one sign by chance once in eight times."""


@dataclass(frozen=True)
class Claim:
    """A claim, and whether it holds here.

    Attributes:
        text: the claim, in a sentence.
        effect: what was measured, above 0 where the claim is right.
        least: the smallest effect worth the name, fixed beforehand.
        verdict: by `studies.statistics.verdict`.
        unit: of the effect.
        paper: what the paper reports of it, in words.
        remark: what a reader has to know besides.
    """

    text: str
    effect: Interval
    least: float
    verdict: Verdict
    unit: Unit = "points"
    paper: str = ""
    remark: str = ""


def claim(
    text: str,
    effect: Interval,
    least: float,
    *,
    unit: Unit = "points",
    paper: str = "",
    remark: str = "",
) -> Claim:
    """A claim with its verdict; arguments as `Claim` has them."""
    return Claim(text, effect, least, verdict(effect, least), unit, paper, remark)


@dataclass(frozen=True)
class Effect:
    """A difference between two arms, paired over seeds.

    Attributes:
        group: what it is drawn with.
        name: what differs.
        interval: how much, in shares of the test set.
        paper: the paper's difference for it, if it has one.
    """

    group: str
    name: str
    interval: Interval
    paper: float | None = None


@dataclass(frozen=True)
class Curve:
    """A line of a figure: means over seeds, and how far they spread.

    Attributes:
        panel: where it is drawn.
        name: what it is.
        x: its places.
        mean: its values there.
        low, high: the band around them; equal to the mean where there is none.
    """

    panel: str
    name: str
    x: Sequence[float]
    mean: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]

    @classmethod
    def line(cls, panel: str, name: str, x: Sequence[float], y: Sequence[float]) -> Curve:
        """A curve without a band."""
        return cls(panel, name, x, y, y, y)


@dataclass(frozen=True)
class Grid:
    """A table: texts in columns, the first of them names."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Made:
    """How a report was made: the command, when, on what, and from which commit."""

    command: str = ""
    date: str = ""
    machine: str = ""
    commit: str = ""


@dataclass(frozen=True)
class Report:
    """A study's result.

    Attributes:
        study: its name; ``title``: what it is.
        scale: ``small`` or ``paper``.
        seeds: over which everything was repeated.
        settings: what was trained, by name.
        caption: what the figure shows, with effects and their spread.
        claims: what the paper says of it, and the controls.
        arms: each over its seeds.
        effects: differences between arms.
        curves: what the figure draws besides.
        grids: tables.
        made: how.
    """

    study: str
    title: str
    scale: str
    seeds: Sequence[int]
    settings: Mapping[str, str]
    caption: str
    claims: Sequence[Claim]
    arms: Mapping[str, ArmSummary] = field(default_factory=dict)
    effects: Sequence[Effect] = ()
    curves: Sequence[Curve] = ()
    grids: Sequence[Grid] = ()
    made: Made = Made()

    def cautious(self) -> Report:
        """The report with nothing decided where there are too few seeds to decide anything."""
        if len(self.seeds) >= FEWEST_SEEDS:
            return self
        claims = [replace(each, verdict="not decided") for each in self.claims]
        return replace(self, claims=claims)

    def curves_of(self, panel: str) -> list[Curve]:
        """The curves of a panel."""
        return [curve for curve in self.curves if curve.panel == panel]

    def to_json(self) -> str:
        """The report as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False) + "\n"

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        with replacing(path) as file:
            file.write(self.to_json().encode())

    @classmethod
    def read(cls, path: Path) -> Report:
        """Read what `write` wrote."""
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        claims = [Claim(**{**each, "effect": Interval(**each["effect"])}) for each in _all(values)]
        effects = [
            Effect(**{**each, "interval": Interval(**each["interval"])})
            for each in values.pop("effects")
        ]
        return cls(
            claims=claims,
            effects=effects,
            arms={name: ArmSummary(**arm) for name, arm in values.pop("arms").items()},
            curves=[Curve(**each) for each in values.pop("curves")],
            grids=[Grid(**each) for each in values.pop("grids")],
            made=Made(**values.pop("made")),
            **values,
        )


def _all(values: dict[str, Any]) -> list[dict[str, Any]]:
    """The claims of a report's values, taken out of them."""
    found: list[dict[str, Any]] = values.pop("claims")
    return found
