"""Report of a study: claims, numbers beside the paper's, and how it was made.

A report is plain data, written as JSON. Its figure, its page and its Markdown are made from it.
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
from swast.outputs import write_output

Unit = Literal["points", "plain"]
"""Shares shown as percentage points, or numbers as they are."""
FEWEST_SEEDS = 5
"""Seeds that a verdict needs: four differences share a sign by chance once in eight times."""


@dataclass(frozen=True)
class Claim:
    """Claim with its measured effect and verdict.

    Attributes:
        text: the claim, in a sentence.
        effect: as measured, above 0 if the claim is right.
        least: the smallest effect that counts, fixed beforehand.
        verdict: by `studies.statistics.verdict`.
        unit: of the effect.
        paper: the paper's result, in words.
        remark: anything else that a reader has to know.
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
    """Return a claim with its verdict; the arguments are the fields of `Claim`."""
    return Claim(text, effect, least, verdict(effect, least), unit, paper, remark)


@dataclass(frozen=True)
class Effect:
    """Difference between two arms, paired over seeds.

    Attributes:
        group: name of the effects that are drawn together.
        name: of the difference.
        interval: the difference, in shares of the test set.
        paper: the paper's difference, if it reports one.
    """

    group: str
    name: str
    interval: Interval
    paper: float | None = None


@dataclass(frozen=True)
class Curve:
    """Line of a figure: means over seeds, and their spread.

    Attributes:
        panel: to draw it in.
        name: of the line.
        x: positions.
        mean: values at those positions.
        low, high: the band around them; equal to the mean if there is none.
    """

    panel: str
    name: str
    x: Sequence[float]
    mean: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]

    @classmethod
    def line(cls, panel: str, name: str, x: Sequence[float], y: Sequence[float]) -> Curve:
        """Return a curve without a band."""
        return cls(panel, name, x, y, y, y)


@dataclass(frozen=True)
class Grid:
    """Table of texts; the first column holds names."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Made:
    """Origin of a report: command, date, machine and commit."""

    command: str = ""
    date: str = ""
    machine: str = ""
    commit: str = ""


@dataclass(frozen=True)
class Report:
    """Result of a study.

    Attributes:
        study: name of the study; ``title``: its description.
        scale: ``small`` or ``paper``.
        seeds: over which everything was repeated.
        settings: of the trainings, by name.
        caption: of the figure, with effects and their spread.
        claims: the paper's claims, and the controls.
        arms: summaries over the seeds, by name.
        effects: differences between arms.
        curves: further lines of the figure.
        grids: tables.
        made: origin of the report.
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
        """Return the report, with no claim decided if there are too few seeds."""
        if len(self.seeds) >= FEWEST_SEEDS:
            return self
        claims = [replace(each, verdict="not decided") for each in self.claims]
        return replace(self, claims=claims)

    def curves_of(self, panel: str) -> list[Curve]:
        """Return the curves of a panel."""
        return [curve for curve in self.curves if curve.panel == panel]

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False) + "\n"

    def write(self, path: Path) -> None:
        """Write the report as JSON, whole or not at all."""
        write_output(path, self.to_json())

    @classmethod
    def read(cls, path: Path) -> Report:
        """Read a report that `write` wrote."""
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        claims = [
            Claim(**{**each, "effect": Interval(**each["effect"])}) for each in _claims(values)
        ]
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


def _claims(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Remove the claims from a report's values, and return them."""
    found: list[dict[str, Any]] = values.pop("claims")
    return found
