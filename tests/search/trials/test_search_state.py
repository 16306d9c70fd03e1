"""Tests of the state of a search: the updated front and totals match those of all trials."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from search.trials.search_state import SearchState, progress
from search.trials.totals import promised, spent
from search.trials.trial_record import ENDED, State, TrialRecord, front_of, hypervolume_of
from tests.search.support import UNIT, record, renumbered


@st.composite
def trials(draw: st.DrawFn, number: int | None = None) -> TrialRecord:
    """Return a trial in any state, at one of a few places, so that many are equal."""
    state = draw(st.sampled_from(get_args(State)))
    return TrialRecord(
        number=draw(st.integers(0, 5)) if number is None else number,
        state=state,
        score=draw(st.integers(0, 6)) / 6,
        cost=UNIT * 10 ** (-draw(st.integers(0, 6)) / 2),
        unit=UNIT,
        bill={"training": draw(st.integers(0, 2**60)), "evaluation": 7},
        shared=draw(st.integers(0, 9)),
        predicted_cost=draw(st.none() | st.integers(1, 2**60)),
        rejected=state in ENDED and draw(st.booleans()),
    )


class TestSearchState:
    @given(st.lists(trials(), max_size=15))
    def test_is_that_of_all_its_trials(self, changes):
        state, newest = SearchState(), {}
        for change in changes:
            state.put(change)
            newest[change.number] = change
            known = list(newest.values())
            assert dict(state) == newest
            assert {m.number for m in state.members} == {m.number for m in front_of(known)}
            assert state.spent == spent(known)
            assert state.started == sum(not each.rejected for each in known)
            for kind in get_args(State):
                assert state.count(kind) == sum(t.state == kind for t in known)
            others = [each for each in known if each.number != change.number]
            assert state.promised(without=change.number) == promised(others)
            running = sum(each.state == "running" for each in others)
            assert state.running(without=change.number) == running

    @given(st.integers(0, 12).flatmap(lambda n: st.tuples(*(trials(number=i) for i in range(n)))))
    def test_returns_the_trials_that_are_off_the_front_for_a_trial(self, search):
        state = SearchState()
        for each in search:
            before = {member.number for member in state.members}
            left = {trial.number for trial in state.put(each)}
            now = {member.number for member in state.members}
            assert left == (before | {each.number}) - now

    def test_has_endings_in_the_order_of_the_ends(self):
        state = SearchState([record(0, state="running"), record(1, state="running")])
        state.put(record(1))
        state.put(record(2, state="failed", rejected=True))
        state.put(record(0, state="pruned"))
        state.put(renumbered(record(1), run_id="late"))
        assert state.endings == (1, 0)
        assert state.ended == 2


class TestProgress:
    def test_adds_up_trials_as_they_ended(self):
        late = record(0, 0.9, 0.1, ended="2026-11-21T02:00")
        early = record(1, 0.8, 0.01, ended="2026-11-21T01:00", state="pruned")
        first, second = progress([late, early, record(2, state="running")])
        assert (first.trial, first.spent, first.hypervolume) == (1, 10**8, 0.0)
        assert (second.trial, second.spent) == (0, 10**8 + 10**9)
        assert second.hypervolume == hypervolume_of([late])
