"""The adapter from Tune to the work; tests/e2e tests it with real workers."""

from __future__ import annotations

import os
import signal

import pytest
from ray.exceptions import OutOfMemoryError, RayActorError

from search.engine.jobs import Failure, FailureKind, Job, Report
from search.engine.signals import pausing
from search.engine.tune import WorkCallback, WorkSearcher, failure
from swast import TrainConfig
from tests.search.support import epoch, result


class Endless:
    """Endless jobs, and a count of the calls of `rest`."""

    over = False

    def __init__(self, folder):
        self.folder, self.proposed, self.rests, self.pauses = folder, 0, 0, 0
        self.reports, self.ended = [], []

    def propose(self):
        self.proposed += 1
        return Job(self.proposed, TrainConfig(), self.folder)

    def on_report(self, number, report):
        self.reports.append((number, report))
        return True

    def on_end(self, number, outcome):
        self.ended.append((number, outcome))

    def rest(self):
        self.rests += 1

    def pause(self):
        self.pauses += 1


class Steps:
    """Steps of Tune, at the end of which the callback is called."""

    def __init__(self, folder):
        self.work = Endless(folder)
        self.searcher = WorkSearcher(self.work)
        self.callback = WorkCallback(self.searcher)

    def rests(self):
        """Return the number of rests at the end of a step."""
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


class TestTheEnd:
    @pytest.mark.parametrize(
        ("error", "kind", "words"),
        [
            (None, FailureKind.WORKER_LOST, "its worker process died"),
            (RayActorError(), FailureKind.WORKER_LOST, "its worker process died"),
            (OutOfMemoryError("full"), FailureKind.OUT_OF_MEMORY, "out of memory: Ray ended"),
            (RuntimeError("a\nb"), FailureKind.WORKER_LOST, "its worker process failed: b"),
        ],
    )
    def test_of_a_worker_process_has_its_kind(self, error, kind, words):
        found = failure(error)
        assert found.kind is kind
        assert found.reason.startswith(words)
        assert not found.kind.is_lasting

    def test_by_an_error_is_passed_on_with_its_reason(self, steps):
        steps.searcher.suggest("a")
        steps.searcher.on_error("a", OutOfMemoryError("full"))
        steps.searcher.on_trial_complete("a", error=True)
        ((number, outcome),) = steps.work.ended
        assert (number, outcome.kind) == (1, FailureKind.OUT_OF_MEMORY)

    def test_by_a_failure_of_the_worker_is_passed_on_as_it_is(self, steps):
        broken = Failure(FailureKind.DIVERGED, "DivergedError: nan")
        steps.searcher.suggest("a")
        steps.searcher.on_trial_complete("a", {"report": broken})
        assert steps.work.ended == [(1, broken)]

    def test_by_the_last_epoch_passes_on_report_and_result(self, steps):
        done = result(0.9)
        last = Report([epoch(4, 0.9)], {}, 0, done)
        steps.searcher.suggest("a")
        steps.searcher.on_trial_complete("a", {"report": last})
        assert steps.work.reports == [(1, last)]
        assert steps.work.ended == [(1, done)]

    def test_by_a_stop_has_no_outcome(self, steps):
        steps.searcher.suggest("a")
        steps.searcher.on_trial_complete("a", {"report": Report([epoch(2, 0.9)], {})})
        assert steps.work.ended == [(1, None)]


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
