"""Worth of fronts whose members are trained again, by search strategy.

    python -m bench.trust --out FILE.jsonl [--world digits] [--tables outside] [--seeds 20]
        [--strategies NAME …] [--trainings 25 50 100] [--json FILE]

A world is the study of a recording (see `bench.curves`) or one of the tables in the folder that
`bench.outside` wrote. A line of FILE is one replay; replays in the file are not run again. The
yardstick, ehvi with one reading for each configuration, is judged after some numbers of trainings.
Its cost by then is the budget of the other strategies in replays of the same seed.
Repeated trainings are billed like others.

Strategies are samplers that take readings for the truth (`ehvi`, `tpe`), the same that repeat a
member at every fifth suggestion (`ehvi+fifth`), and ours with estimates over seeds, named after
their ``--replicates`` (`ehvi+auto`, `ehvi+0`).

Differences are paired by seed. Intervals are t intervals over the seeds, at 95 %.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from scipy import stats

from bench import sheet
from bench.curves import Table
from bench.outside import Outside
from bench.readings import Grid, Recorded, World
from bench.record import TABLES, mend
from bench.trust_ours import make
from bench.trust_replay import Budget, Replay
from swast.errors import ConfigError

YARDSTICK = "ehvi"
PLANNED = 50
"""Trials that samplers are told to plan for."""
STRATEGIES = (YARDSTICK, "tpe", "ehvi+fifth", "ehvi+0", "ehvi+auto", "tpe+auto")
RIVALS = (YARDSTICK, "ehvi+fifth")
"""Strategies to which the others are compared."""
MEASURES = ("optimism", "optimism_above", "covered", "stay", "nearly", "regret", "shown", "found")
LEVEL = 0.95
Replays = dict[tuple[str, str, int], dict[str, Any]]
"""Content of a file: replays by world, strategy and seed."""


@cache
def world(name: str, tables: Path) -> World:
    """Return a world by name, made once a process.

    Raises:
        ConfigError: there is no such table.
    """
    if (TABLES / f"{name}.npz").exists():
        return Recorded(Table.load(name))
    return Grid(Outside.load(tables / f"{name}.npz"))


def replay(here: World, strategy: str, seed: int, budgets: Sequence[Budget]) -> dict[str, Any]:
    """Run one replay, and return what its line holds."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    begun = time.perf_counter()
    found: list[dict[str, Any]] = []
    for budget in budgets:
        made = make(strategy, here.problem, seed, PLANNED, budget.planned)
        if made.plans or not found:
            run = Replay(here, made, seed)
        found.append(run.run(budget))
    return {"budgets": found, "seconds": time.perf_counter() - begun}


def read(path: Path) -> Replays:
    """Read the replays in a file."""
    lines = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return {(line["world"], line["strategy"], line["seed"]): line for line in lines}


def run(options: argparse.Namespace) -> None:
    """Run the missing replays of a world, those of the yardstick before the others."""
    done = read(options.out)
    others = [name for name in options.strategies if name != YARDSTICK]
    with options.out.open("a") as file:
        for seed in range(options.seeds):
            for name in (YARDSTICK, *others):
                if (options.world, name, seed) in done:
                    continue
                line = {"world": options.world, "strategy": name, "seed": seed}
                yardstick = done.get((options.world, YARDSTICK, seed))
                here = world(options.world, options.tables)
                line |= replay(here, name, seed, budgets(yardstick, options.trainings))
                done[options.world, name, seed] = line
                file.write(json.dumps(line) + "\n")
                file.flush()


def budgets(yardstick: dict[str, Any] | None, trainings: Sequence[int]) -> list[Budget]:
    """Return the yardstick's budgets in trainings, or its cost for each of them."""
    if yardstick is None:
        return [Budget(count, trainings=count) for count in trainings]
    return [Budget(int(each["budget"]), cost=each["spent"]) for each in yardstick["budgets"]]


def interval(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean of some values, and half the width of its t interval; None of one value."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, None
    error = float(np.std(values, ddof=1)) / len(values) ** 0.5
    return mean, float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1)) * error


def summary(done: Replays, name: str) -> list[dict[str, Any]]:
    """Return one row for each budget and strategy of a world."""
    rows: list[dict[str, Any]] = []
    strategies = dict.fromkeys(strategy for where, strategy, _ in done if where == name)
    for count in dict.fromkeys(budget for where, budget in _budgets(done) if where == name):
        found = {strategy: _fronts(done, name, strategy, count) for strategy in strategies}
        for strategy, fronts in found.items():
            row: dict[str, Any] = {"budget": count, "strategy": strategy, "seeds": len(fronts)}
            row |= _means(list(fronts.values()))
            for rival in RIVALS:
                against = found.get(rival, {}) if rival != strategy else {}
                both = fronts.keys() & against.keys()
                pairs = [fronts[seed]["found"] - against[seed]["found"] for seed in both]
                row[f"over {rival}"] = interval(pairs) if pairs else None
            rows.append(row)
    return rows


def _budgets(done: Replays) -> list[tuple[str, int]]:
    """Return the budgets of every line, with their worlds."""
    return [
        (where, int(each["budget"]))
        for (where, _, _), line in done.items()
        for each in line["budgets"]
    ]


def _fronts(done: Replays, name: str, strategy: str, budget: int) -> dict[int, dict[str, Any]]:
    """Return a strategy's fronts at a budget, by seed."""
    return {
        seed: each
        for (where, found, seed), line in done.items()
        if (where, found) == (name, strategy)
        for each in line["budgets"]
        if int(each["budget"]) == budget
    }


def _means(fronts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return counts as means, and measures as means with their intervals."""
    row: dict[str, Any] = {
        "trainings": float(np.mean([each["trainings"] for each in fronts])),
        "tried": float(np.mean([each["tried"] for each in fronts])),
        "members": float(np.mean([len(each["members"]) for each in fronts])),
    }
    for measure in MEASURES:
        known = [each[measure] for each in fronts if each[measure] is not None]
        row[measure] = interval(known) if known else None
    return row


def show(name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print the table of a world."""
    heads = (
        "budget",
        "strategy",
        "seeds",
        "trainings, tried, members",
        "optimism, points",
        "above the reference",
        "90 % intervals cover",
        "stay on the front",
        "nearly",
        "regret of the best, points",
        "hypervolume shown",
        "by true means",
        *(f"over {rival}" for rival in RIVALS),
    )
    print(f"{name}\n\n| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    scales = {"optimism": 100, "optimism_above": 100, "covered": 100, "stay": 100}
    scales |= {"nearly": 100, "regret": 100}
    for row in rows:
        counts = ", ".join(f"{row[each]:.1f}" for each in ("trainings", "tried", "members"))
        cells = [str(row["budget"]), row["strategy"], str(row["seeds"]), counts]
        for measure in (*MEASURES, *(f"over {rival}" for rival in RIVALS)):
            scale = scales.get(measure, 1)
            cells.append(text(row[measure], scale, 4 if scale == 1 else 2))
        print(f"| {' | '.join(cells)} |")


def text(found: tuple[float, float | None] | None, scale: float, digits: int) -> str:
    """Format a mean with half the width of its interval."""
    if found is None:
        return "–"
    mean, half = found
    shown = f"{scale * mean:.{digits}f}"
    return shown if half is None else f"{shown} ± {scale * half:.{digits}f}"


def main() -> None:
    """Run the missing replays, print a table, write JSON."""
    parser = argparse.ArgumentParser(description="what fronts are worth when trained again")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--world", default="digits")
    parser.add_argument("--tables", type=Path, default=Path("outside"))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--trainings", type=int, nargs="+", default=[25, 50, 100])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    known = sheet.facts()
    mend(options.out)
    try:
        run(options)
    except ConfigError as error:
        parser.exit(2, f"{error}\n")
    rows = summary(read(options.out), options.world)
    show(options.world, rows)
    sheet.keep(options.json, known, {"world": options.world, "rows": rows})


if __name__ == "__main__":
    main()
