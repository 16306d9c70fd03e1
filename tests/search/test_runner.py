"""What Tune does, passed on to the work; the rest is tested with real workers (tests/e2e)."""

from __future__ import annotations

import os
import signal

import pytest

from search.runner import WorkCallback, WorkSearcher, pausing
from search.work import Job, Report
from swast import TrainConfig
from tests.search.support import epoch


class Endless:
    """Jobs without an end, and how often the work was let do what can wait."""

    over = False

    def __init__(self, folder):
        self.folder, self.proposed, self.rests, self.pauses = folder, 0, 0, 0

    def propose(self):
        self.proposed += 1
        return Job(self.proposed, TrainConfig(), self.folder)

    def on_report(self, number, report):
        return True

    def on_end(self, number, outcome):
        pass

    def rest(self):
        self.rests += 1

    def pause(self):
        self.pauses += 1


class Steps:
    """Tune's steps, of which the callback hears the end."""

    def __init__(self, folder):
        self.work = Endless(folder)
        self.searcher = WorkSearcher(self.work)
        self.callback = WorkCallback(self.searcher)

    def rests(self):
        """How often the work rests at the end of a step."""
        before = self.work.rests
        self.callback.on_step_end(iteration=1, trials=[])
        return self.work.rests - before


@pytest.fixture
def steps(tmp_path):
    return Steps(tmp_path)


class TestResting:
    def test_is_for_when_trials_run(self, steps):
        steps.searcher.suggest("a")
        assert steps.rests() == 1
        steps.searcher.on_report("a", {"report": Report([epoch(1, 0.5)], {})})
        assert steps.rests() == 1

    def test_lets_a_worker_that_is_free_have_its_next_trial_first(self, steps):
        steps.searcher.suggest("a")
        steps.searcher.on_trial_complete("a")
        assert steps.rests() == 0
        steps.searcher.suggest("b")
        assert steps.rests() == 1

    def test_does_not_wait_for_a_proposal_that_never_comes(self, steps):
        steps.searcher.suggest("a")
        steps.searcher.on_trial_complete("a")
        assert [steps.rests() for _ in range(3)] == [0, 1, 1]


class TestSignals:
    """A driver that ends by an error leaves no trial running and no process of Ray's."""

    @pytest.fixture(autouse=True)
    def harmless(self):
        """Let no signal end the tests themselves."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, lambda *_: None) for number in numbers}
        yield
        for number, handler in before.items():
            signal.signal(number, handler)

    @pytest.mark.parametrize(
        ("numbers", "pauses"),
        [([signal.SIGTERM], 0), ([signal.SIGINT] * 2, 1), ([signal.SIGINT, signal.SIGTERM], 1)],
    )
    def test_end_the_work_at_a_termination_or_a_second_interrupt(self, steps, numbers, pauses):
        before = {number: signal.getsignal(number) for number in numbers}

        def receive():
            with pausing(steps.work):
                for number in numbers:
                    os.kill(os.getpid(), number)

        with pytest.raises(KeyboardInterrupt):
            receive()
        assert steps.work.pauses == pauses
        assert {each: signal.getsignal(each) for each in before} == before
