"""Overhead of one trial, beside its training, in a search with many recorded trials.

    python -m bench.trials [--marks 100 1000 3000] [--sampler random] [--json FILE]

The search has an SQLite database of its own. A worker that invents accuracy and FLOPs, instead of
training, drives it through `search.loop.session`. At each mark, the medians of the last 20 trials:

- suggest: `SearchTrials.ask`, with the sampler of the search;
- tell: `SearchTrials.settle`;
- session: the rest of a trial: limits, repetitions, the front, reports of epochs, the display.

At each mark, on all records: the front; the values that MLflow receives after each trial
(publish); the plots drawn for it when the front is shown (every 5 s at most, and 5 % of the time);
and the time of `swast-search show` to read the search and to write its JSON. Each other sampler
suggests three trials that are not trained; the growth of that time is the sampler's own. MLflow
itself is left out: it gets one run a trial, in calls that do not depend on other trials.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench import sheet
from search.console.live import Lines
from search.engine.jobs import Report
from search.loop.limits import Limits
from search.loop.result import SearchResult
from search.loop.session import Session
from search.loop.status import end_of
from search.store.epoch_log import EpochLog
from search.study.study_file import find_study
from search.tracking.description import write_front
from search.tracking.tags import search_values
from search.trials.repository import SearchTrials
from search.trials.search_info import SearchInfo
from search.trials.search_state import SearchState
from search.trials.trial_record import TrialRecord, front_of
from swast import EpochRecord, TrainConfig, TrainResult

MARKS = (100, 1000, 3000)
LAST, ASKED = 20, 3
OTHERS = ("tpe", "nsga2", "qmc", "ehvi")
NAME = "bench"
UNIT = 10**12
"""FLOPs of dense training."""


class Unheard:
    """Stub of the tracker: MLflow is not measured."""

    def run_of(self, number: int) -> str:
        """Return a trial's run."""
        return f"run-{number}"

    def start_trial(self, record: TrialRecord) -> None:
        """Do nothing."""

    def log_epochs(self, number: int, epochs: Sequence[EpochRecord]) -> None:
        """Do nothing."""

    def end_trial(self, record: TrialRecord) -> None:
        """Do nothing."""

    def publish(self, info: SearchInfo, trials: SearchState) -> None:
        """Do nothing."""


class Silent(Lines):
    """Display of a search without a terminal that prints nothing."""

    def say(self, text: str) -> None:
        """Do nothing."""


class Driver:
    """Search with invented trials.

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
            unit=UNIT,
        )
        self.trials = SearchTrials.create(self.url, info)
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self._inside = 0.0
        self.trials.ask = self._timed("suggest", self.trials.ask)  # type: ignore[method-assign]
        self.trials.settle = self._timed("tell", self.trials.settle)  # type: ignore[method-assign]
        tracker: Any = Unheard()
        epoch_log, limits = EpochLog(folder / "histories"), Limits(price=lambda _: 10**9)
        self.session = Session(self.trials, tracker, Silent(), epoch_log, folder, limits)
        self._draw = np.random.default_rng(0)

    def _timed(self, part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function so that its seconds are recorded."""

        def timed(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            seconds, found = clocked(lambda: work(*arguments, **options))
            self.seconds[part].append(seconds)
            self._inside += seconds
            return found

        return timed

    def trial(self) -> None:
        """Run one trial from its proposal to its end."""
        self._inside = 0.0
        whole, _ = clocked(self._trial)
        self.seconds["session"].append(whole - self._inside)

    def _trial(self) -> None:
        job = self.session.propose()
        if job is None:
            raise SystemExit("the search proposes no more trials")
        relative = float(10 ** self._draw.uniform(-3, 0))
        accuracy = float(1 - 0.1 * relative**-0.3 * self._draw.uniform(0.8, 1.2))
        bill = {"training": round(relative * UNIT)}
        result = invented(job.config, accuracy, bill)
        for epoch in result.history:
            self.session.on_report(job.number, Report([epoch], bill))
        self.session.on_end(job.number, result)

    def marks(self) -> dict[str, float]:
        """Return seconds of the last trials' parts, and of the work on all records."""
        found = {part: statistics.median(each[-LAST:]) for part, each in self.seconds.items()}
        loaded = SearchTrials.load(self.url, NAME)
        found["read"], records = clocked(loaded.records)
        found["front"] = statistics.median(clocked(lambda: front_of(records))[0] for _ in range(5))
        state = SearchState(records, loaded.info.objectives)
        found["publish"], _ = clocked(lambda: search_values(state))
        write_front(self.folder, loaded.info, records[:2], "")  # imports the plotting code
        found["draw"], _ = clocked(lambda: write_front(self.folder, loaded.info, records, ""))
        result = SearchResult(loaded.info, tuple(records), end_of(records))
        found["json"], _ = clocked(result.to_dict)
        return found | {f"suggest, {name}": self._asked(name) for name in OTHERS}

    def _asked(self, sampler: str) -> float:
        """Return seconds of another sampler's proposal; its trial is then marked as failed."""
        other = SearchTrials.load(self.url, NAME)
        other.info = replace(other.info, sampler=sampler)
        taken = []
        for _ in range(ASKED):
            seconds, proposal = clocked(other.ask)
            taken.append(seconds)
            other.settle(TrialRecord(number=proposal.number, state="failed", rejected=True))
        return statistics.median(taken)


def invented(config: TrainConfig, accuracy: float, bill: dict[str, int]) -> TrainResult:
    """Return the result of a training of three epochs with some accuracy and bill."""
    flops = sum(bill.values())
    history = tuple(
        EpochRecord(epoch, "tailored", 100, 0.5, 0.1, 1.0, 1.0, accuracy, flops, float(epoch))
        for epoch in (1, 2, 3)
    )
    return TrainResult(
        val_accuracy=accuracy,
        val_loss=1.0,
        test_accuracy=None,
        train_flops=flops,
        predicted_flops=flops,
        relative_flops=flops / UNIT,
        flops=bill,
        seconds=3.0,
        history=history,
        rounds=(),
        double_losses=(),
        config=config,
        environment={},
        state={},
    )


def clocked(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return this process's CPU seconds for some work, and its result."""
    started = time.process_time()
    found = work()
    return time.process_time() - started, found


def recorded(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return the times at every mark."""
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
    parser = argparse.ArgumentParser(description="overhead of a trial among many")
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
