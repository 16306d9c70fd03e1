"""Hypervolume for a search's FLOPs: ours against others, replayed over recorded curves.

    python -m bench.search --out FILE.jsonl [--study digits] [--seeds 30] [--workers 4 16]
        [--strategies NAME …] [--processes 1] [--json FILE]

A line of FILE is one replay; replays in the file are not run again. Random search's hypervolume
after 200 full trials (the mean over its seeds) is the goal. The measure is the FLOPs that a
strategy needs until its finished trials reach it, over the FLOPs of those 200 trials.
"""

from __future__ import annotations

import argparse
import json
import statistics
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from bench import sheet
from bench.curves import Table, errors
from bench.record import mend, recorded_study
from bench.replay import Clock, Finish, Gains, World
from bench.strategies import make
from search.objectives import STANDARD, Objectives

FULL = 200
"""Trials of random search, the yardstick."""
SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Shares of random search's FLOPs at which hypervolumes are shown."""
MOST = 300
"""Trials after which a replay ends, if it has not yet spent random search's FLOPs."""
SLOW = {"ours:ehvi": 200, "optuna:gp": 100}
"""Lower limits for slow samplers: a suggestion takes a tenth of a second, and seconds."""
YARDSTICK = "optuna:random"
Replays = dict[tuple[str, int, int], dict[str, Any]]
"""Content of a file: replays by strategy, workers and seed."""
STRATEGIES = (
    YARDSTICK,
    "optuna:tpe",
    "optuna:nsga2",
    "asha",
    "moasha",
    "moasha:repaired",
    "ours:random+sharing",
    "ours:random+halving",
    "ours:random",
    "ours:tpe+sharing",
    "ours:tpe+halving",
    "ours:tpe",
    "ours:ehvi+sharing",
    "ours:ehvi+halving",
    "ours:ehvi",
    "ours:nsga2",
    "ours:qmc",
)


@cache
def world(study: str) -> World:
    """Return the simulator of a study's recorded curves, made once a process."""
    return World(Table.load(study))


def replay(study: str, name: str, workers: int, seed: int, flops: float) -> dict[str, Any]:
    """Run one replay, and return its line."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    here = world(study)
    clock = Clock(here, make(name, here, study, seed, FULL), workers, seed)
    done = clock.run(flops, most(name))
    return {
        "strategy": name,
        "workers": workers,
        "seed": seed,
        "finished": len(done.finishes),
        "stopped": done.stopped,
        "total": done.spent,
        "advances": done.advances(),
    }


def most(name: str) -> int:
    """Return the number of trials after which a strategy's replay ends."""
    if name == YARDSTICK:
        return FULL
    return SLOW.get(name.partition("+")[0], MOST)


def read(path: Path) -> Replays:
    """Read the replays in a file."""
    lines = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return {(line["strategy"], line["workers"], line["seed"]): line for line in lines}


def gains(line: Mapping[str, Any], axes: Objectives) -> Gains:
    """Return hypervolume against FLOPs for a line of a file."""
    return Gains.of([Finish(*each) for each in line["advances"]], axes)


def missing(options: argparse.Namespace) -> Iterator[tuple[str, int, int]]:
    """Yield the replays that the file lacks, by seed, workers and strategy."""
    done = read(options.out)
    for seed, workers, name in product(range(options.seeds), options.workers, options.strategies):
        if (name, workers, seed) not in done:
            yield name, workers, seed


def run(options: argparse.Namespace) -> None:
    """Run the missing replays; each may spend as many FLOPs as random search's 200 trials."""
    left = sorted(missing(options), key=lambda each: each[0] != YARDSTICK)
    with options.out.open("a") as file, ProcessPoolExecutor(options.processes) as pool:
        for first in (True, False):
            limit = np.inf if first else yardstick(read(options.out), STANDARD)["spent"]
            jobs = [
                pool.submit(replay, options.study, *each, limit)
                for each in left
                if (each[0] == YARDSTICK) is first
            ]
            for job in as_completed(jobs):
                file.write(json.dumps(job.result()) + "\n")
                file.flush()


def yardstick(done: Replays, axes: Objectives) -> dict[str, float]:
    """Return random search's FLOPs for 200 full trials, and its hypervolume then."""
    lines = [line for line in done.values() if line["strategy"] == YARDSTICK]
    return {
        "spent": statistics.mean(line["total"] for line in lines),
        "found": statistics.mean(gains(line, axes).found[-1] for line in lines),
    }


def summary(done: Replays, axes: Objectives) -> list[dict[str, Any]]:
    """Return a row for each strategy and number of workers."""
    goal, rows = yardstick(done, axes), []
    for name, workers in dict.fromkeys(key[:2] for key in done):
        lines = [line for key, line in done.items() if key[:2] == (name, workers)]
        replays = [gains(line, axes) for line in lines]
        costs = [each.cost_of(goal["found"]) / goal["spent"] for each in replays]
        row = {"strategy": name, "workers": workers, "seeds": len(lines)}
        quartiles = np.quantile(costs, (0.25, 0.5, 0.75), method="higher")
        row |= dict(zip(("low", "cost", "high"), quartiles, strict=True))
        row["reached"] = sum(np.isfinite(costs))
        row["spent"] = statistics.mean(line["total"] for line in lines) / goal["spent"]
        for share in SHARES:
            if share * goal["spent"] <= min(line["total"] for line in lines):
                found = [each.at(share * goal["spent"]) for each in replays]
                row[f"at {share:g}"] = statistics.mean(found)
                row[f"spread at {share:g}"] = statistics.stdev(found) if len(found) > 1 else 0.0
        row["finished"] = statistics.mean(line["finished"] for line in lines)
        row["stopped"] = statistics.mean(line["stopped"] for line in lines)
        rows.append({key: plain(value) for key, value in row.items()})
    return rows


def plain(value: Any) -> Any:  # noqa: ANN401
    """Convert a value for JSON; infinity becomes None."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if value in (np.inf, -np.inf) else value


def show(found: dict[str, Any]) -> None:
    """Print the table."""
    heads = [f"at {share:g}" for share in SHARES]
    print(
        f"| strategy | workers | FLOPs for random's 200 (quartiles) | reached "
        f"| {' | '.join(heads)} | finished | stopped |\n{'|---' * (6 + len(heads))}|"
    )
    for row in found["rows"]:
        volumes = " | ".join(
            f"{row[head]:.4f} ± {row[f'spread {head}']:.4f}" if head in row else "–"
            for head in heads
        )
        low, cost, high = (share_of(row, name) for name in ("low", "cost", "high"))
        print(
            f"| {row['strategy']} | {row['workers']} | {cost} ({low} to {high}) "
            f"| {row['reached']} of {row['seeds']} | {volumes} "
            f"| {row['finished']:.0f} | {row['stopped']:.0f} |"
        )
    print(
        "\nThe surrogate is fitted to {configurations:,} configurations. Its error in the last "
        "accuracy of an unseen one is {median_error:.2f} points (median) and {rms_error:.1f} "
        "(root mean square). Another seed of the same configuration differs by "
        "{median_of_another_seed:.2f} and {rms_of_another_seed:.1f}.".format(**found["surrogate"])
    )


def share_of(row: dict[str, Any], name: str) -> str:
    """Format a cost; if the goal was not reached, as more than the FLOPs spent."""
    value = row[name]
    return f"> {row['spent']:.2g}" if value is None else f"{value:.3f}"


def main() -> None:
    """Run the missing replays, print a table, write JSON."""
    parser = argparse.ArgumentParser(description="replay searches over recorded curves")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--study", default="digits")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--workers", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    known = sheet.facts()
    mend(options.out)
    run(options)
    done, axes = read(options.out), recorded_study(options.study).objectives
    found = {
        "yardstick": yardstick(done, axes),
        "rows": summary(done, axes),
        "surrogate": errors(Table.load(options.study)),
    }
    show(found)
    sheet.keep(options.json, known, found)


if __name__ == "__main__":
    main()
