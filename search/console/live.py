"""Terminal output while a search runs: a live table on a terminal, else plain lines."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from search.loop.status import Status
from search.objectives import Objectives, Score
from search.trials.further import candidates_of, share_text, value_text
from search.trials.trial_record import TrialRecord
from search.trials.used import used_params
from swast.config import setting_paths
from swast.errors import printable
from swast.printing import out
from swast.screen import Screen

REFRESH_SECONDS = 0.25


class Quiet:
    """Display that shows nothing."""

    def update(self, status: Status) -> None:
        """Show nothing."""

    def say(self, text: str) -> None:
        """Print nothing."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Lines(Quiet):
    """Display for logs and pipes: a line for every trial that ends."""

    def __init__(self) -> None:
        self._printed: int | None = None

    def update(self, status: Status) -> None:
        """Print the trials that have ended since the last call, of this session only."""
        trials = status.state
        if self._printed is None:
            self._printed = trials.ended if status.finished_here == 0 else 0
        if self._printed < trials.ended:
            for number in trials.endings[self._printed :]:
                self.say(f"{progress(status)}  {outcome(trials[number], trials.objectives)}")
            self._printed = trials.ended

    def say(self, text: str) -> None:
        """Print a line."""
        out(text)


class LiveTable(Quiet):
    """Live display: one line of progress and the front so far, redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._drawn = 0.0

    def update(self, status: Status) -> None:
        """Redraw, at most a few times a second."""
        if time.monotonic() - self._drawn > REFRESH_SECONDS:
            self._drawn = time.monotonic()
            line = shown(f"{status.name}: {progress(status)}")
            state, objectives = status.state, status.state.objectives
            candidates = candidates_of(state.trials, objectives)
            table = front_table(state.members, objectives, candidates)
            self._live.update(Group(line, table), refresh=True)

    def say(self, text: str) -> None:
        """Print a line above the table."""
        self._live.console.print(printable(text), soft_wrap=True)

    def __enter__(self) -> LiveTable:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()


def choose(*, quiet: bool) -> Quiet | Lines | LiveTable:
    """Return a display: none if quiet, live on a terminal, else lines."""
    if quiet:
        return Quiet()
    console = Screen()
    redraws = console.is_terminal and not console.is_dumb_terminal
    return LiveTable(console) if redraws else Lines()


def progress(status: Status) -> str:
    """Return finished and running trials, budget, front, elapsed and remaining time in a line."""
    running = f"{status.state.count('running')} running"
    text = f"[{status.state.ended}/{status.budget}]  {running}  {clock(status.seconds)}"
    if status.remaining_seconds is not None:
        text += f", about {clock(status.remaining_seconds)} left"
    return f"{text}  front of {len(status.state.members)}"


def outcome(trial: TrialRecord, objectives: Objectives) -> str:
    """Return the outcome of a trial in a few words, without control characters."""
    return printable(_outcome(trial, objectives))


def _outcome(trial: TrialRecord, objectives: Objectives) -> str:
    score, cost = objectives.score, objectives.cost
    if trial.state == "complete" and trial.score is not None:
        value = cost.text(trial.relative_cost or 0)
        price = f"{value} of dense {cost.name}" if cost.known else f"{cost.name} {value}"
        return (
            f"{trial.label}: {score.name} {score.text(trial.score)} at {price}, "
            f"{trial.seconds:.1f} s"
        )
    if trial.state == "running":
        return f"{trial.label}: running"
    text = f"{trial.label}: {trial.state} after {trial.epochs} epochs"
    return f"{text}: {trial.reason}" if trial.reason else text


def front_table(
    members: Sequence[TrialRecord],
    objectives: Objectives,
    candidates: Sequence[TrialRecord] = (),
    references: Sequence[TrialRecord] = (),
) -> Table:
    """Return the front as a table, with test scores and estimates once there are any.

    Estimates take the place of the wall time: lines of a terminal are short.

    Args:
        members: of the front, cheapest first.
        objectives: of the study.
        candidates: configurations that may be on the front, in rows below the members.
        references: that are neither, in the last rows.
    """
    score, cost = objectives.score, objectives.cost
    table = Table(title="Pareto front", title_justify="left", title_style="bold")
    is_tested = any(trial.test_score is not None for trial in members)
    parts = {"the front": members, "what may be on it": candidates, "references": references}
    parts = {name: trials for name, trials in parts.items() if trials}
    is_estimated = any(trial.estimate for trials in parts.values() for trial in trials)
    table.add_column("trial", no_wrap=True)
    estimated = ["n"] if is_estimated else []
    price = f"{cost.name}/dense" if cost.known else cost.name
    timed = [] if is_estimated else ["seconds"]
    for name in (score.name, *estimated, *(["on test"] if is_tested else []), price, *timed):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("settings")
    for trials in parts.values():
        for trial in trials:
            readings = str(trial.estimate.readings) if trial.estimate else ""
            test = "" if trial.test_score is None else score.text(trial.test_score)
            table.add_row(
                shown(trial.label),
                value_text(trial, score),
                *([readings] if is_estimated else []),
                *([test] if is_tested else []),
                cost.text(trial.relative_cost or 0),
                *(f"{trial.seconds:.1f}" for _ in timed),
                shown(settings(trial)),
            )
        table.add_section()
    notes = ["n: trainings with different seeds."] if is_estimated else []
    notes += [f"Parts: {', '.join(parts)}."] if len(parts) > 1 else []
    table.caption, table.caption_justify = "\n".join(notes) or None, "left"
    return table


def estimate_text(trial: TrialRecord, score: Score) -> str:
    """Return the estimate of a configuration in words; nothing if it is not estimated."""
    made = trial.estimate
    if made is None:
        return ""
    count = f"{made.readings} reading" + ("s" if made.readings > 1 else "")
    chance = share_text(made.front)
    return f"estimate {value_text(trial, score)} from {count}, on the front with {chance}"


def shown(value: object) -> Text:
    """Return a value for the cell of a table, without control characters or markup."""
    return Text(printable(str(value)))


def settings(trial: TrialRecord) -> str:
    """Return the searched settings that a trial uses, in one line; with the paper's letters."""
    words = []
    for path, value in used_params(trial).items():
        symbol = setting_paths()[path][1].symbol
        if isinstance(value, bool) or not (symbol or isinstance(value, str)):
            symbol = path.rpartition(".")[2]
        text = f"{value:.3g}" if isinstance(value, float) else str(value)
        words.append(f"{symbol}={text}" if symbol else text)
    return " ".join(words)


def clock(seconds: float) -> str:
    """Return a duration as 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
