"""What stands in a search, kept up to date, is what its trials say when they are read anew."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from search.trials.search_state import SearchState, progress
from search.trials.trial_record import (
    ENDED,
    State,
    TrialRecord,
    front_of,
    hypervolume_of,
)
from tests.search.support import record, renumbered


@st.composite
def trials(draw: st.DrawFn, number: int | None = None) -> TrialRecord:
    """A trial in any state, at one of a few places, so that many are equal."""
    state = draw(st.sampled_from(get_args(State)))
    return TrialRecord(
        number=draw(st.integers(0, 5)) if number is None else number,
        state=state,
        accuracy=draw(st.integers(0, 6)) / 6,
        relative_flops=10 ** (-draw(st.integers(0, 6)) / 2),
        flops={"training": draw(st.integers(0, 2**60)), "evaluation": 7},
        shared=draw(st.integers(0, 9)),
        predicted_cost=draw(st.none() | st.integers(1, 2**60)),
        rejected=state in ENDED and draw(st.booleans()),
    )


class TestAStanding:
    @given(st.lists(trials(), max_size=15))
    def test_is_what_its_trials_say(self, changes):
        standing, newest = SearchState(), {}
        for change in changes:
            standing.put(change)
            newest[change.number] = change
            known = list(newest.values())
            assert dict(standing) == newest
            assert {m.number for m in standing.members} == {m.number for m in front_of(known)}
            assert standing.flops_spent == spent(known)
            assert standing.started == sum(not each.rejected for each in known)
            for state in get_args(State):
                assert standing.count(state) == sum(each.state == state for each in known)
            others = [each for each in known if each.number != change.number]
            assert standing.promised(without=change.number) == promised(others)
            running = sum(each.state == "running" for each in others)
            assert standing.running(without=change.number) == running

    @given(st.integers(0, 12).flatmap(lambda n: st.tuples(*(trials(number=i) for i in range(n)))))
    def test_tells_who_is_not_on_the_front_for_a_trial(self, search):
        standing = SearchState()
        for each in search:
            before = {member.number for member in standing.members}
            left = {trial.number for trial in standing.put(each)}
            now = {member.number for member in standing.members}
            assert left == (before | {each.number}) - now

    def test_tells_endings_in_the_order_in_which_they_came(self):
        standing = SearchState([record(0, state="running"), record(1, state="running")])
        standing.put(record(1))
        standing.put(record(2, state="failed", rejected=True))
        standing.put(record(0, state="pruned"))
        standing.put(renumbered(record(1), run_id="told"))
        assert standing.endings == (1, 0)
        assert standing.ended == 2


class TestProgress:
    def test_adds_up_trials_as_they_ended(self):
        late = record(0, 0.9, 0.1, ended="2026-11-21T02:00")
        early = record(1, 0.8, 0.01, ended="2026-11-21T01:00", state="pruned")
        first, second = progress([late, early, record(2, state="running")])
        assert (first.trial, first.flops_spent, first.hypervolume) == (1, 10**8, 0.0)
        assert (second.trial, second.flops_spent) == (0, 10**8 + 10**9)
        assert second.hypervolume == hypervolume_of([late])
