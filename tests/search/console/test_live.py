"""Output of a search on a terminal, in a pipe and in a quiet run."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console
from rich.text import Text

from search.console.live import (
    Lines,
    LiveTable,
    Quiet,
    choose,
    clock,
    front_table,
    outcome,
    progress,
    settings,
)
from search.objectives import STANDARD
from search.trials.trial_record import TrialRecord
from tests.search.measured import OBJECTIVES
from tests.search.support import record, status


def rejected(number):
    return record(number, state="pruned", rejected=True, reason="costs too much")


def running(number):
    return record(number, state="running", cost=None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (0.4, "0:00"),
        (59.6, "1:00"),
        (61, "1:01"),
        (3599, "59:59"),
        (3600, "1:00:00"),
        (3723.2, "1:02:03"),
        (36000, "10:00:00"),
    ],
)
def test_clock(seconds, text):
    assert clock(seconds) == text


class TestSettings:
    def test_have_the_papers_letters_where_it_has_one(self):
        params = {
            "warmup_epochs": 3,
            "interval": 5,
            "coreset.scorer": "gradmatch",
            "coreset.fraction": 0.123456,
            "coreset.balanced": False,
            "prune.method": "rigl",
            "prune.sparsity": 0.9,
            "preserve.weight": 0.0,
            "optim.lr": 0.05,
        }
        text = settings(TrialRecord(number=0, state="complete", params=params))
        assert text == "K=3 R=5 gradmatch s=0.123 balanced=False rigl p=0.9 λ=0 lr=0.05"

    def test_of_a_search_without_any_are_nothing(self):
        assert settings(record(0)) == ""


class TestOutcome:
    def test_of_a_finished_trial_is_its_objectives(self):
        trial = record(3, 0.8765, 0.05, reference="dense", seconds=12.34)
        text = outcome(trial, STANDARD)
        assert text == "#3 dense: accuracy 87.65% at 0.0500 of dense FLOPs, 12.3 s"

    def test_of_a_measured_cost_is_not_relative(self):
        trial = record(3, 0.8765, cost=20.0, unit=1.0, seconds=12.34)
        assert outcome(trial, OBJECTIVES) == "#3: accuracy 87.65% at time 20.0s, 12.3 s"

    @pytest.mark.parametrize("state", ["pruned", "failed"])
    def test_of_another_is_why(self, state):
        text = outcome(record(4, state=state, epochs=2, reason="out of memory"), STANDARD)
        assert text == f"#4: {state} after 2 epochs: out of memory"

    def test_of_one_that_still_runs_gives_no_reason(self):
        """`show` prints it for a search that runs, or whose driver died."""
        text = outcome(running(5), STANDARD)
        assert text.startswith("#5: running")
        assert "None" not in text


class TestProgress:
    def test_says_done_budget_running_time_and_front(self):
        text = progress(status(record(0), record(1, 0.8, 0.05), running(2), finished_here=2))
        assert text == "[2/10]  1 running  1:05, about 4:20 left  front of 2"

    def test_counts_stopped_and_failed_trials_and_none_that_was_not_started(self):
        trials = [
            record(0),
            record(1, state="pruned"),
            record(2, state="failed"),
            rejected(3),
            running(4),
        ]
        text = progress(status(*trials, finished_here=0))
        assert text == "[3/10]  1 running  1:05  front of 1"


class TestLines:
    def test_tell_each_trial_that_ends_once(self, capsys):
        lines = Lines()
        first, second = record(0), record(1, state="failed", reason="broken")
        lines.update(status(running(0), finished_here=0))
        assert capsys.readouterr().out == ""
        lines.update(status(first, running(1)))
        lines.update(status(first, running(1), finished_here=1))
        lines.update(status(first, second))
        lines.update(status(first, second, rejected(2)))
        told = capsys.readouterr().out.splitlines()
        assert [line.partition("  #")[2].partition(":")[0] for line in told] == ["0", "1"]
        assert told[0] == f"{progress(status(first, running(1)))}  {outcome(first, STANDARD)}"
        assert told[1].endswith("#1: failed after 4 epochs: broken")

    def test_do_not_tell_what_ended_before_the_session(self, capsys):
        lines = Lines()
        old = [record(number) for number in range(3)]
        lines.update(status(*old, running(3), finished_here=0))
        lines.update(status(*old, record(3), finished_here=1))
        (told,) = capsys.readouterr().out.splitlines()
        assert "#3" in told

    def test_tell_all_that_ended_between_two_updates(self, capsys):
        lines = Lines()
        lines.update(status(finished_here=0))
        lines.update(status(record(0), record(1), record(2)))
        assert len(capsys.readouterr().out.splitlines()) == 3


def plain(text):
    """Return the text on a terminal, without escape codes."""
    return Text.from_ansi(text).plain


class TestLiveTable:
    @pytest.fixture(autouse=True)
    def terminal(self, monkeypatch):
        monkeypatch.setenv("TERM", "xterm-256color")

    def shown(self, *trials, **more):
        screen = io.StringIO()
        console = Console(file=screen, force_terminal=True, width=80, height=24)
        with LiveTable(console) as live:
            live.update(status(*trials, **more))
        return screen.getvalue()

    def test_shows_progress_and_the_front(self):
        params = {"interval": 5, "coreset.fraction": 0.1}
        text = self.shown(
            record(0, 0.9, 1.0, reference="dense"),
            record(7, 0.85, 0.1, params=params),
            record(8, 0.1, 0.9),
            running(9),
            finished_here=3,
        )
        assert "trip: [3/10]  1 running  1:05" in text
        assert "front of 2" in text
        rows = [line.split("│") for line in plain(text).splitlines() if line.startswith("│")]
        assert [row[1].strip() for row in rows[:2]] == ["#7", "#0 dense"]
        cells = [cell.strip() for cell in rows[0][2:6]]
        assert cells == ["85.00%", "0.1000", "1.5", "R=5 s=0.1"]
        assert "#8" not in text

    def test_fits_the_screen(self):
        text = self.shown(
            record(0, params={"coreset.scorer": "gradmatch", "prune.schedule": "exponential" * 9})
        )
        widths = [len(line) for line in plain(text).splitlines()]
        assert 40 < max(widths) <= 80

    def test_can_be_shown_before_anything_has_ended(self):
        assert "[0/10]  0 running" in self.shown(finished_here=0)


class TestFrontTable:
    def test_keeps_the_order_it_is_given(self):
        screen = io.StringIO()
        members = [record(4, 0.7, 0.01), record(2, 0.8, 0.1), record(0, 0.9, 1.0)]
        Console(file=screen, width=80).print(front_table(members, STANDARD))
        rows = [line for line in screen.getvalue().splitlines() if line.startswith("│")]
        assert [row.split("│")[1].strip() for row in rows] == ["#4", "#2", "#0"]

    @pytest.mark.parametrize(
        ("objectives", "head", "cell"),
        [(STANDARD, "FLOPs/dense", "0.2500"), (OBJECTIVES, "time", "12.5s")],
    )
    def test_has_a_column_for_the_cost_of_the_study(self, objectives, head, cell):
        screen = io.StringIO()
        unit = 50.0 if objectives is STANDARD else 1.0
        member = record(4, 0.7, cost=12.5, unit=unit)
        Console(file=screen, width=80).print(front_table([member], objectives))
        (heads,) = [line for line in screen.getvalue().splitlines() if line.startswith("┃")]
        assert head in [each.strip() for each in heads.split("┃")]
        assert cell in screen.getvalue()


class Terminal(io.StringIO):
    def isatty(self):
        return True


class TestChoice:
    @pytest.fixture(autouse=True)
    def plain_environment(self, monkeypatch):
        for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            monkeypatch.delenv(name, raising=False)

    def test_is_nothing_where_quiet_is_asked_for(self, monkeypatch, capsys):
        monkeypatch.setattr(sys, "stdout", Terminal())
        shown = choose(quiet=True)
        assert type(shown) is Quiet
        with shown:
            shown.update(status(record(0)))
        assert (sys.stdout.getvalue(), capsys.readouterr().err) == ("", "")

    def test_is_lines_on_a_terminal_that_cannot_redraw(self, monkeypatch):
        monkeypatch.setenv("TERM", "dumb")
        monkeypatch.setattr(sys, "stdout", Terminal())
        assert type(choose(quiet=False)) is Lines

    def test_is_lines_in_a_pipe(self, monkeypatch):
        monkeypatch.setattr(sys, "stdout", io.StringIO())
        assert type(choose(quiet=False)) is Lines

    def test_is_the_table_on_a_terminal(self, monkeypatch):
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys, "stdout", Terminal())
        assert type(choose(quiet=False)) is LiveTable
