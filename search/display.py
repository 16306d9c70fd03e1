"""What the terminal shows while a search runs: a live table, or plain lines where it is none."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from search.records import TrialRecord
from search.status import Status
from swast.config import setting_paths
from swast.errors import printable

REFRESH_SECONDS = 0.25


class Quiet:
    """Shows nothing."""

    def update(self, status: Status) -> None:
        """Nothing to show."""

    def say(self, text: str) -> None:
        """Nothing to say."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Lines(Quiet):
    """A line for every trial that ends, for logs and pipes."""

    def __init__(self) -> None:
        self._told: int | None = None

    def update(self, status: Status) -> None:
        """Print what has ended since the last time; what had before the session stays untold."""
        trials = status.standing
        if self._told is None:
            self._told = trials.ended if status.finished_here == 0 else 0
        if self._told < trials.ended:
            for number in trials.endings[self._told :]:
                self.say(f"{progress(status)}  {outcome(trials[number])}")
            self._told = trials.ended

    def say(self, text: str) -> None:
        """Print a line."""
        sys.stdout.write(f"{printable(text)}\n")
        sys.stdout.flush()


class LiveTable(Quiet):
    """One line of progress and the front so far, redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._drawn = 0.0

    def update(self, status: Status) -> None:
        """Redraw, a few times a second at most."""
        if time.monotonic() - self._drawn > REFRESH_SECONDS:
            self._drawn = time.monotonic()
            line = Text(f"{status.name}: {progress(status)}")
            table = front_table(status.standing.members)
            self._live.update(Group(line, table), refresh=True)

    def say(self, text: str) -> None:
        """Print a line above the table."""
        line = printable(text)
        self._live.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def __enter__(self) -> LiveTable:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()


def choose(*, quiet: bool) -> Quiet | Lines | LiveTable:
    """The display that fits: none, live on a terminal, else lines."""
    if quiet:
        return Quiet()
    console = Console()
    redraws = console.is_terminal and not console.is_dumb_terminal
    return LiveTable(console) if redraws else Lines()


def progress(status: Status) -> str:
    """Finished, running, budget, front, elapsed and remaining time."""
    running = f"{status.standing.count('running')} running"
    text = f"[{status.standing.ended}/{status.budget}]  {running}  {clock(status.seconds)}"
    if status.remaining_seconds is not None:
        text += f", about {clock(status.remaining_seconds)} left"
    return f"{text}  front of {len(status.standing.members)}"


def outcome(trial: TrialRecord) -> str:
    """How a trial ended, in a few words that no control character is among."""
    return printable(_outcome(trial))


def _outcome(trial: TrialRecord) -> str:
    if trial.state == "complete":
        return (
            f"{trial.label}: accuracy {trial.accuracy:.2%} at {trial.relative_flops:.4f} "
            f"of dense FLOPs, {trial.seconds:.1f} s"
        )
    if trial.state == "running":
        return f"{trial.label}: running"
    text = f"{trial.label}: {trial.state} after {trial.epochs} epochs"
    return f"{text}: {trial.reason}" if trial.reason else text


def front_table(members: Sequence[TrialRecord]) -> Table:
    """The front, cheapest first, as a table; with test accuracies once there are any."""
    table = Table(title="Pareto front", title_justify="left", title_style="bold")
    read = any(trial.test_accuracy is not None for trial in members)
    table.add_column("trial", no_wrap=True)
    for name in ("accuracy", *(["on test"] if read else []), "FLOPs/dense", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("settings")
    for trial in members:
        test = "" if trial.test_accuracy is None else f"{trial.test_accuracy:.2%}"
        table.add_row(
            shown(trial.label),
            f"{trial.accuracy:.2%}",
            *([test] if read else []),
            f"{trial.relative_flops:.4f}",
            f"{trial.seconds:.1f}",
            shown(settings(trial)),
        )
    return table


def shown(value: object) -> Text:
    """A value for the cell of a table: without control characters, and its brackets no markup."""
    return Text(printable(str(value)))


def settings(trial: TrialRecord) -> str:
    """The searched settings in one line: the paper's letter where there is one, else the value."""
    words = []
    for path, value in trial.params.items():
        symbol = setting_paths()[path][1].symbol
        if isinstance(value, bool) or not (symbol or isinstance(value, str)):
            symbol = path.rpartition(".")[2]
        text = f"{value:.3g}" if isinstance(value, float) else str(value)
        words.append(f"{symbol}={text}" if symbol else text)
    return " ".join(words)


def clock(seconds: float) -> str:
    """A duration as 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
