"""Overhead of a trial beyond its training: our search against the libraries alone.

    python -m bench.overhead [--trials 100] [--repeats 3] [--concurrent 2] [--arms …] [--json FILE]

The arms take turns, each in a process and a folder of its own, on the same training of digits:

- ours: the steps of `search.run_search` with every default but the sampler (TPE, as the others);
- stock: `tune.Tuner` with OptunaSearch on two objectives, MLflowLoggerCallback on SQLite, and
  Tune's defaults, around a function that calls `swast.train` and reports every epoch;
- optuna: `study.optimize` with the MLflowCallback of optuna-integration, both on SQLite, in one
  process and one trial at a time; epochs are not reported;
- loop: repeated `swast.train` in one process, the lower bound.

"Beyond a trial" is (wall time of the trials · trials at a time − seconds of training) / trials.
The trials' wall time runs from the first training step of all to the return of the call that runs
them. Seconds of training are those that `swast.train` counts, epochs with their evaluation.
Start-up, from the command to that first step, is listed apart. So is the end of our search, which
reads the test set for the front; stock does not. The column "with its end" includes it. Our
start-up is split into parts: Python and imports; the data set and all checks; Ray; databases and
their imports; workers, up to the first step.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import sheet
from bench.services import MARKS, PARTS, RUNS

BASE = "ours"
LABELS = {
    "start": "start-up",
    "beyond": "a trial beyond its training",
    "with_end": "the same with the search's end",
}
LIMITS = {"stock": "a fifth of it", "optuna": "0.1 s more"}
"""Limits of our time beyond a trial's training, relative to another arm."""


def measured(arm: str, trials: int, concurrent: int) -> dict[str, Any]:
    """Measure one arm in seconds: start-up, a trial's training, and the time beyond it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        marks, out = folder / "marks", folder / "out.json"
        marks.mkdir()
        here = str(Path(__file__).resolve().parents[1])
        values = {**os.environ, MARKS: str(marks), "PYTHONPATH": here}
        options = ["--trials", str(trials), "--concurrent", str(concurrent)]
        command = [sys.executable, "-m", "bench.overhead", *options, "--arm", arm, "--json"]
        started, load = time.time(), os.getloadavg()[0]
        with (folder / "log").open("w+") as log:
            done = subprocess.run(
                [*command, str(out)], env=values, cwd=folder, stdout=log, stderr=log
            )
            if done.returncode:
                log.seek(0)
                raise SystemExit(f"{arm} failed:\n{log.read()[-3000:]}")
        found = json.loads(out.read_text())
        first = min(float(path.read_text()) for path in marks.iterdir())
    if len(found["seconds"]) != trials:
        raise SystemExit(f"{arm} finished {len(found['seconds'])} of {trials} trials")
    lanes = concurrent if arm in ("ours", "stock") else 1
    training = sum(found["seconds"])
    ends = [started, *(found["parts"][name] for name in PARTS), first] if "parts" in found else []
    return {
        "start": first - started,
        "training": training / trials,
        "beyond": ((found["trained"] - first) * lanes - training) / trials,
        "with_end": ((found["ended"] - first) * lanes - training) / trials,
        "load": load,
        "parts": [after - before for before, after in itertools.pairwise(ends)],
    }


def show(found: dict[str, Any]) -> None:
    """Print the table, and the comparisons with ours."""
    rows = found["repeats"]
    names = ("start", "training", "beyond", "with_end", "load")
    medians = {
        arm: {name: statistics.median(row[arm][name] for row in rows) for name in names}
        for arm in rows[0]
    }
    print("| arm | start-up | training a trial | beyond a trial | with its end | load |")
    print("|---|---|---|---|---|---|")
    for arm, each in medians.items():
        print(
            f"| {arm} | {each['start']:.1f} s | {each['training']:.3f} s "
            f"| {each['beyond']:.3f} s | {each['with_end']:.3f} s | {each['load']:.1f} |"
        )
    print()
    for other in set(medians) & set(LIMITS):
        for name, label in LABELS.items():
            ratio, more = against(found, other, name)
            print(f"- {label}: ours is {ratio:.3f} times that of {other}, {more:+.3f} s")
        print(f"- limit beyond training, against {other}: {LIMITS[other]}")
    parts = (
        f"{name} {statistics.median(row[BASE]['parts'][place] for row in rows):.1f} s"
        for place, name in enumerate((*PARTS, "workers"))
    )
    print("- start-up of ours: " + ", ".join(parts))


def against(found: dict[str, Any], other: str, name: str) -> tuple[float, float]:
    """Return the ratio of ours to another arm, and the difference; medians over the repeats."""
    pairs = [(row[BASE][name], row[other][name]) for row in found["repeats"]]
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    return ratio, statistics.median(ours - theirs for ours, theirs in pairs)


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description="overhead of a trial beyond its training")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--concurrent", type=int, default=2)
    parser.add_argument("--arms", nargs="+", choices=RUNS, default=list(RUNS), help="beside ours")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--arm", choices=RUNS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        found = RUNS[options.arm](Path.cwd(), options.trials, options.concurrent)
        options.json.write_text(json.dumps(found))
        return
    known, arms, rows = sheet.facts(), list(dict.fromkeys([BASE, *options.arms])), []
    for repeat in range(options.repeats):
        order = arms if repeat % 2 == 0 else arms[::-1]
        measures = {arm: measured(arm, options.trials, options.concurrent) for arm in order}
        rows.append({arm: measures[arm] for arm in arms})
    found = {"trials": options.trials, "concurrent": options.concurrent, "repeats": rows}
    show(found)
    sheet.keep(options.json, known, found)


if __name__ == "__main__":
    main()
