"""What one trial costs a search beside its training, when many are recorded already.

    python -m bench.trials [--marks 100 1000 3000] [--sampler random] [--json FILE]

A search in an SQLite database of its own, driven through `search.loop.session` by a worker that
trains nothing: it makes up accuracy and FLOPs. At each mark, the medians of the last 20 trials:

- suggest: `SearchTrials.ask`, with the sampler of the search;
- tell: `SearchTrials.settle`;
- session: the rest of a trial: rules, repetitions, the front, epochs told, what is shown.

At each mark, on all records: the front, the values that MLflow is told of them after each trial
(publish), the plots drawn for it when the front is shown (every 5 s at most, and 5 % of the time),
and what `swast-search show` takes to read the search, and to make its JSON. The other
samplers are asked three times for a trial that is not trained; how their time grows is theirs.
MLflow itself is left out: it gets one run a trial, in calls that know nothing of the others.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench import sheet
from search.console.live import Lines
from search.engine.jobs import Report
from search.loop.limits import Rules
from search.loop.result import SearchResult
from search.loop.session import Session
from search.loop.status import end_of
from search.samplers.registry import make_sampler
from search.store.epoch_log import Histories
from search.study.study_file import find_study
from search.tracking.description import write_front
from search.tracking.tags import search_values
from search.trials.repository import SearchTrials
from search.trials.search_info import SearchInfo
from search.trials.search_state import Standing
from search.trials.trial_record import TrialRecord, front_of

MARKS = (100, 1000, 3000)
LAST, ASKED = 20, 3
OTHERS = ("tpe", "nsga2", "qmc", "ehvi")
NAME = "bench"


class Unheard:
    """Stands in for the tracker: MLflow is not measured."""

    def run_of(self, number: int) -> str:
        """The run of a trial."""
        return f"run-{number}"

    def start_trial(self, record: TrialRecord) -> None:
        """Nothing to tell."""

    def log_epochs(self, number: int, epochs: Sequence[Mapping[str, Any]]) -> None:
        """Nothing to tell."""

    def end_trial(self, record: TrialRecord) -> None:
        """Nothing to tell."""

    def publish(self, info: SearchInfo, trials: Standing) -> None:
        """Nothing to tell."""


class Silent(Lines):
    """The display of a search without a terminal, its lines unprinted."""

    def say(self, text: str) -> None:
        """Nothing to print."""


class Driver:
    """A search whose trials are made up.

    Args:
        folder: for its database and files.
        study: its study.
        sampler: its sampler.
        budget: its trials.

    Attributes:
        seconds: of each trial, by part.
    """

    def __init__(self, folder: Path, study: str, sampler: str, budget: int) -> None:
        self.folder, self.url = folder, f"sqlite:///{folder / 'optuna.db'}"
        info = SearchInfo(
            name=NAME,
            uid="0",
            study=replace(find_study(study), references={}),
            device="cpu",
            sampler=sampler,
            seed=0,
            budget=budget,
        )
        self.trials = SearchTrials.create(self.url, info)
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self._inside = 0.0
        self.trials.ask = self._timed("suggest", self.trials.ask)  # type: ignore[method-assign]
        self.trials.settle = self._timed("tell", self.trials.settle)  # type: ignore[method-assign]
        tracker: Any = Unheard()
        histories, rules = Histories(folder / "histories"), Rules(price=lambda _: 10**9)
        self.session = Session(self.trials, tracker, Silent(), histories, folder, rules)
        self._draw = np.random.default_rng(0)

    def _timed(self, part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same, its seconds kept."""

        def timed(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            seconds, found = clocked(lambda: work(*arguments, **options))
            self.seconds[part].append(seconds)
            self._inside += seconds
            return found

        return timed

    def trial(self) -> None:
        """One trial from its proposal to its end."""
        self._inside = 0.0
        whole, _ = clocked(self._trial)
        self.seconds["session"].append(whole - self._inside)

    def _trial(self) -> None:
        job = self.session.propose()
        if job is None:
            raise SystemExit("the search proposes nothing more")
        relative = float(10 ** self._draw.uniform(-3, 0))
        accuracy = float(1 - 0.1 * relative**-0.3 * self._draw.uniform(0.8, 1.2))
        flops = {"training": round(relative * 10**12)}
        history = [told(epoch, accuracy) for epoch in (1, 2, 3)]
        for epoch in history:
            self.session.on_report(job.number, Report([epoch], flops))
        outcome = {
            "val_accuracy": accuracy,
            "train_flops": flops["training"],
            "relative_flops": relative,
            "history": history,
            "seconds": 3.0,
            "flops": flops,
            "environment": {},
        }
        self.session.on_end(job.number, outcome)

    def marks(self) -> dict[str, float]:
        """Seconds of a trial's parts lately, and of what looks at all records."""
        found = {part: statistics.median(each[-LAST:]) for part, each in self.seconds.items()}
        loaded = SearchTrials.load(self.url, NAME)
        found["read"], records = clocked(loaded.records)
        found["front"] = statistics.median(clocked(lambda: front_of(records))[0] for _ in range(5))
        standing = Standing(records)
        found["publish"], _ = clocked(lambda: search_values(loaded.info, standing))
        write_front(self.folder, loaded.info, records[:2], "")  # imports what draws
        found["draw"], _ = clocked(lambda: write_front(self.folder, loaded.info, records, ""))
        result = SearchResult(loaded.info, tuple(records), end_of(records))
        found["json"], _ = clocked(result.to_dict)
        return found | {f"suggest, {name}": self._asked(name) for name in OTHERS}

    def _asked(self, sampler: str) -> float:
        """Seconds in which another sampler proposes a trial, which is told FAIL."""
        other = SearchTrials.load(self.url, NAME)
        other._study.sampler = make_sampler(sampler, 0, other.info.budget)
        taken = []
        for _ in range(ASKED):
            seconds, proposal = clocked(other.ask)
            taken.append(seconds)
            other.settle(TrialRecord(number=proposal.number, state="failed", rejected=True))
        return statistics.median(taken)


def told(epoch: int, accuracy: float) -> dict[str, Any]:
    """An epoch, as a worker tells it."""
    return {"epoch": epoch, "val_accuracy": accuracy, "seconds": float(epoch), "train_loss": 1.0}


def clocked(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that this process computed for some work, and what it gives."""
    started = time.process_time()
    found = work()
    return time.process_time() - started, found


def recorded(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """The times at every mark."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        driver = Driver(Path(name), options.study, options.sampler, 10 * max(options.marks))
        for mark in sorted(options.marks):
            while len(driver.seconds["session"]) < mark:
                driver.trial()
            found[str(mark)] = driver.marks()
            print(f"{mark:,} trials recorded", file=sys.stderr)
    return found


def show(found: dict[str, dict[str, dict[str, float]]]) -> None:
    """Print the table."""
    marks = found["marks"]
    print("| part |" + "".join(f" {int(mark):,} trials |" for mark in marks))
    print("|---" * (1 + len(marks)) + "|")
    for part in next(iter(marks.values())):
        cells = (f" {1e3 * row[part]:.2f} ms |" for row in marks.values())
        print(f"| {part} |" + "".join(cells))


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description="what a trial costs among many")
    parser.add_argument("--marks", type=int, nargs="+", default=list(MARKS))
    parser.add_argument("--sampler", default="random")
    parser.add_argument("--study", default="digits")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    known, found = sheet.facts(), {"marks": recorded(options)}
    show(found)
    sheet.keep(options.json, known, found)


if __name__ == "__main__":
    main()
