"""What a study says in the end: arms in groups, paired differences, and how it was run."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from studies.outcomes import Outcome
from studies.statistics import Interval, collapse_rate, spread
from swast.files import replacing


@dataclass(frozen=True)
class ArmSummary:
    """An arm over its seeds.

    Attributes:
        accuracy: mean test accuracy; with ``spread`` (standard deviation) and ``worst``.
        collapsed: share of collapsed runs; None where no threshold applies to the arm.
        relative_flops: mean bill over dense training's; ``bill`` the same by term.
        seconds: median wall time; ``cpu_seconds``: median processor time, where measured.
        noisy_share: mean share of wrong labels in the last coreset, where there was one.
        diverged: runs whose loss stopped being finite; they count as guessing.
    """

    accuracy: float
    spread: float
    worst: float
    collapsed: float | None
    relative_flops: float
    bill: Mapping[str, float]
    seconds: float
    cpu_seconds: float | None
    noisy_share: float | None
    diverged: int

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], threshold: float | None = None) -> ArmSummary:
        """Summarise an arm's outcomes."""
        found = accuracies(outcomes)
        shares = [each.noisy_share for each in outcomes if each.noisy_share is not None]
        times = [each.cpu_seconds for each in outcomes if each.cpu_seconds is not None]
        return cls(
            accuracy=float(np.mean(found)),
            spread=spread(found),
            worst=min(found),
            collapsed=None if threshold is None else collapse_rate(found, threshold),
            relative_flops=float(np.mean([each.relative_flops for each in outcomes])),
            bill={
                term: float(np.mean([each.flops[term] / each.dense_flops for each in outcomes]))
                for term in outcomes[0].flops
                if term != "evaluation"
            },
            seconds=float(np.median([each.seconds for each in outcomes])),
            cpu_seconds=float(np.median(times)) if times else None,
            noisy_share=float(np.mean(shares)) if shares else None,
            diverged=sum(each.diverged for each in outcomes),
        )


def accuracies(outcomes: Sequence[Outcome]) -> list[float]:
    """The test accuracies of an arm, in the order of its seeds."""
    return [each.test_accuracy for each in outcomes]


@dataclass(frozen=True)
class Group:
    """Arms that are compared with each other: one severity, or one level of noise.

    Attributes:
        settings: what the group has in common, as text.
        threshold: accuracy under which a run counts as collapsed, by arm.
        arms: by name.
        differences: paired over seeds, in shares of the test set, by name.
    """

    name: str
    settings: Mapping[str, str]
    threshold: Mapping[str, float]
    arms: Mapping[str, ArmSummary]
    differences: Mapping[str, Interval]


@dataclass(frozen=True)
class Summary:
    """A study's result, as written to JSON.

    Attributes:
        pooled: differences averaged over several groups, by the name of the pool.
    """

    study: str
    protocol: Mapping[str, Any]
    groups: Sequence[Group]
    pooled: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=lambda: environment())

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        text = json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False) + "\n"
        with replacing(path) as file:
            file.write(text.encode())

    @classmethod
    def read(cls, path: Path) -> Summary:
        """Read what `write` wrote."""
        values = json.loads(path.read_text(encoding="utf-8"))
        groups = [
            Group(
                **{
                    **group,
                    "arms": {name: ArmSummary(**arm) for name, arm in group["arms"].items()},
                    "differences": _intervals(group["differences"]),
                }
            )
            for group in values.pop("groups")
        ]
        pooled = {pool: _intervals(each) for pool, each in values.pop("pooled").items()}
        return cls(groups=groups, pooled=pooled, **values)


def _intervals(values: Mapping[str, Mapping[str, float]]) -> dict[str, Interval]:
    return {name: Interval(**each) for name, each in values.items()}


def environment() -> dict[str, Any]:
    """Where and with what a summary was made."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def processor() -> str:
    """The processor's name, as Linux tells it; elsewhere as Python does."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
