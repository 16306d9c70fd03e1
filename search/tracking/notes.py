"""A search's front for readers: the description of its run, the plots and the table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from search.info import SearchInfo
from search.plots import write_pareto
from search.records import TrialRecord, front_of
from swast.files import replacing

FILES = ("pareto.html", "pareto.png", "front.csv")
"""What shows the front while it grows."""

MOST_ROWS = 100
"""Most members that a description lists: MLflow keeps 8,000 characters of it."""


def describe(info: SearchInfo, members: Sequence[TrialRecord]) -> str:
    """The parent run's description: the search in a few lines of Markdown."""
    rows = [
        f"| {trial.label} | {trial.accuracy:.2%} | {trial.relative_flops:.4f} "
        f"| {trial.train_flops:.3g} |"
        for trial in members[:MOST_ROWS]
    ]
    if len(members) > MOST_ROWS:
        rows.append(f"| and {len(members) - MOST_ROWS} more | | | |")
    return "\n".join(
        [
            f"Search **{info.name}** of study **{info.study.name}**, {info.budget} trials, "
            f"sampler {info.sampler}.",
            "",
            "| on the front | accuracy | FLOPs / dense | training FLOPs |",
            "|---|---|---|---|",
            *rows,
            "",
            f"Take one home: `swast-search export {info.name} --pick knee --out best`",
        ]
    )


def front_table(members: Sequence[TrialRecord]) -> str:
    """The front as CSV: objectives and searched settings."""
    names = sorted({name for trial in members for name in trial.params})
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        ["trial", "reference", "val_accuracy", "train_flops", "relative_flops", *names]
    )
    for trial in members:
        writer.writerow(
            [
                trial.number,
                trial.reference or "",
                trial.accuracy,
                trial.train_flops,
                trial.relative_flops,
                *(trial.params.get(name, "") for name in names),
            ]
        )
    return out.getvalue()


def write_front(
    folder: Path, info: SearchInfo, trials: Sequence[TrialRecord], tracking: str
) -> None:
    """Write the plots and the table of a search's front, each whole in place of the one before.

    Args:
        folder: for them.
        info: the search.
        trials: of it.
        tracking: MLflow's URI.

    Raises:
        OSError: the folder cannot be written to.
    """
    write_pareto(folder, info, trials, tracking)
    with replacing(folder / "front.csv") as file:
        file.write(front_table(front_of(trials)).encode())
