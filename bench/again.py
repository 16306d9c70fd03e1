"""Fronts of real searches, as they are shown and as they are when trained again.

    python -m bench.again --out FOLDER [--study digits] [--budget 50] [--searches 10] [--seeds 8]
        [--json FILE]

Each search is a `swast-search` of its own with the defaults. FOLDER keeps the front that it shows.
Then ``--confirm-seeds`` trains members and candidates with further seeds. The fresh mean of a
configuration is over these trainings alone. What FOLDER already holds is not run again.

A table has a row for each search, and the means over all of them with t intervals at 95 %:

- optimism: estimate less fresh mean, in points, over members with a fresh mean above 90 %;
- readings: the same of the first reading of each of these members;
- cover: members whose 90 % interval holds the fresh mean; then with the interval made wider by the
  standard error of the fresh mean itself;
- stay: members on the front by the fresh means of members and candidates.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import sheet
from bench.trust import interval, text
from search.pareto import front

ABOVE = 0.9
"""Fresh mean above which the optimism of a member counts."""
MEASURES = ("optimism", "readings", "cover", "wider", "stay")
ROW = ("members", "contenders", *MEASURES)
HEADER = """\
| search | members, contenders | optimism, points | of readings | cover | made wider | stay |
|---|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class Contender:
    """Configuration that was trained again.

    Attributes:
        member: whether the search showed it on the front.
        cost: relative cost.
        reading: its first reading.
        estimate: the score that the search showed.
        interval: that holds the mean with a probability of 90 %, as the search showed it.
        scores: of fresh seeds.
    """

    member: bool
    cost: float
    reading: float
    estimate: float
    interval: tuple[float, float]
    scores: tuple[float, ...]

    @property
    def fresh(self) -> float:
        """The mean over fresh seeds."""
        return statistics.mean(self.scores)

    @property
    def error(self) -> float:
        """The standard error of the fresh mean."""
        return statistics.stdev(self.scores) / math.sqrt(len(self.scores))

    def covers(self, error: float = 0.0) -> bool:
        """Return whether the interval holds the fresh mean, which has an error of its own."""
        low, high = self.interval
        middle, half = (low + high) / 2, (high - low) / 2
        return abs(self.fresh - middle) <= math.hypot(half, 1.645 * error)


def contenders(shown: dict[str, Any], confirmed: dict[str, Any]) -> list[Contender]:
    """Return the members and candidates that a search showed, with their fresh scores.

    Args:
        shown: summary of the search.
        confirmed: summary after their trainings with further seeds.
    """
    later = {trial["number"]: trial for trial in confirmed["trials"]}
    found = []
    for trial in shown["trials"]:
        number = trial["number"]
        if number not in (*shown["front"], *shown["candidates"]):
            continue
        known = set(trial["readings"]) | {str(trial["config"]["seed"])}
        fresh = {s: r for s, r in later[number]["readings"].items() if s not in known}
        made = trial["estimate"]
        found.append(
            Contender(
                member=number in shown["front"],
                cost=trial["relative_flops"],
                reading=trial["accuracy"],
                estimate=made["accuracy"],
                interval=(made["interval"][0], made["interval"][1]),
                scores=tuple(reading["val_accuracy"] for reading in fresh.values()),
            )
        )
    return found


def judge(found: Sequence[Contender]) -> dict[str, float]:
    """Return the measures of a search's front that has a member above `ABOVE`."""
    places = front([each.fresh for each in found], [each.cost for each in found])
    staying = {id(found[place]) for place in places}
    members = [each for each in found if each.member]
    good = [each for each in members if each.fresh > ABOVE]
    return {
        "members": len(members),
        "contenders": len(found),
        "optimism": statistics.fmean([each.estimate - each.fresh for each in good]),
        "readings": statistics.fmean([each.reading - each.fresh for each in good]),
        "cover": statistics.fmean([each.covers() for each in members]),
        "wider": statistics.fmean([each.covers(each.error) for each in members]),
        "stay": statistics.fmean([id(each) in staying for each in members]),
    }


def searched(options: argparse.Namespace, seed: int) -> list[Contender]:
    """Run the missing parts of a search and of the trainings of its front."""
    name, home = f"again-{seed}", str(options.out / "home")
    shown, confirmed = (options.out / f"{name}-{part}.json" for part in ("shown", "confirmed"))
    fixed = ["--gpus", "0", "--quiet", "--home", home]
    if not shown.exists():
        study = ["--study", options.study, "--budget", str(options.budget), "--seed", str(seed)]
        command("--name", name, *study, *fixed, "--json", str(shown))
    if not confirmed.exists():
        more = ["--confirm-seeds", str(options.seeds)]
        command("--resume", name, *more, *fixed, "--json", str(confirmed))
    return contenders(json.loads(shown.read_text()), json.loads(confirmed.read_text()))


def show(found: dict[str, Any]) -> None:
    """Print the table."""
    print(HEADER)
    for seed, row in enumerate(found["rows"]):
        print(line(str(seed), {name: interval([value]) for name, value in row.items()}))
    print(line("mean", found["means"]))


def line(name: str, found: dict[str, tuple[float, float | None]]) -> str:
    """Format a row of the table."""
    counts = ", ".join(f"{found[each][0]:.1f}" for each in ("members", "contenders"))
    cells = [text(found[each], 100, 2).replace("-", "−") for each in MEASURES]
    return f"| {name} | {counts} | {' | '.join(cells)} |"


def command(*words: str) -> None:
    """Run `swast-search`."""
    program = str(Path(sys.executable).with_name("swast-search"))
    subprocess.run([program, *words], check=True)


def main() -> None:
    """Run the missing searches, print a table, write JSON."""
    parser = argparse.ArgumentParser(description="fronts of real searches, trained again")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--study", default="digits")
    parser.add_argument("--budget", type=int, default=50)
    parser.add_argument("--searches", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    known = sheet.facts()
    options.out.mkdir(parents=True, exist_ok=True)
    rows = [judge(searched(options, seed)) for seed in range(options.searches)]
    means = {name: interval([row[name] for row in rows]) for name in ROW}
    show({"rows": rows, "means": means})
    sheet.keep(options.json, known, {"rows": rows, "means": means})


if __name__ == "__main__":
    main()
