"""Further trainings, candidates and estimates as all tables show them."""

from __future__ import annotations

import math

import pytest

from search.commands.show import line_of
from search.console.live import front_table
from search.loop.result import SearchResult
from search.objectives import STANDARD
from search.plots import pareto_chart
from search.plots.document import report
from search.plots.uncertainty import READINGS
from search.trials.further import by_configuration, candidates_of, further, scores_by_seed
from search.trials.trial_record import contenders_of, finished, front_of
from tests.search.replicated import replicated


@pytest.fixture(scope="module")
def search():
    return replicated()


def test_further_trainings_follow_the_first_one_and_none_is_lost(search):
    order = [trial.number for trial in by_configuration(search[1])]
    assert sorted(order) == [trial.number for trial in search[1]]
    for first, again in further(search[1]).items():
        at = order.index(first) + 1
        assert order[at : at + len(again)] == [trial.number for trial in again]


def test_members_and_candidates_are_the_contenders_and_no_further_training(search):
    members, possible = front_of(search[1]), candidates_of(search[1])
    assert possible
    both = [trial.number for trial in [*members, *possible]]
    assert sorted(both) == sorted({trial.number for trial in contenders_of(search[1])})
    assert not {trial.number for trial in search[1] if trial.repeats is not None} & set(both)


def test_readings_are_as_many_as_the_estimate_has(search):
    again = further(search[1])
    for trial in finished(search[1]):
        if trial.repeats is None:
            count = trial.estimate.readings
            assert len(scores_by_seed([trial, *again.get(trial.number, ())])) == count


def test_a_summary_tells_all_and_its_history_ends_at_its_hypervolume(search):
    result = SearchResult(search[0], tuple(search[1]), "finished")
    told = result.to_dict()
    assert told["candidates"] == [trial.number for trial in candidates_of(search[1])]
    values = [each["hypervolume"] for each in told["history"]]
    assert values == sorted(values)
    assert math.isclose(values[-1], told["hypervolume"])
    rows = result.table()
    assert [row["repeats"] for row in rows] == [trial.repeats for trial in search[1]]
    assert {row["trial"] for row in rows if row["candidate"]} == set(told["candidates"])


def test_the_table_on_a_terminal_has_a_row_for_each_contender(search):
    members, possible = front_of(search[1]), candidates_of(search[1])
    table = front_table(members, STANDARD, possible)
    assert table.row_count == len(members) + len(possible)
    line = line_of(members[0], STANDARD)
    made = members[0].estimate
    assert f"± {100 * made.error:.2f}% from {made.readings} readings" in line


def test_the_plot_has_bars_at_contenders_and_every_reading_of_them(search):
    info, trials = search
    marks = {mark.name: mark for mark in pareto_chart(info, trials).panels[0].marks}
    contenders = {trial.number: trial for trial in contenders_of(trials)}
    readings = marks[READINGS]
    assert len(readings.trials) == sum(each.estimate.readings for each in contenders.values())
    barred = {}
    for mark in pareto_chart(info, trials).panels[0].marks:
        if getattr(mark, "ends", ()):
            barred |= dict(zip(mark.trials, zip(mark.y, mark.ends, strict=True), strict=True))
    for number, trial in contenders.items():
        y, (low, high) = barred[number]
        made = trial.estimate
        assert (low, y, high) == pytest.approx((100 * made.low, 100 * made.score, 100 * made.high))


def test_the_report_lists_candidates_and_marks_further_readings(search):
    info, trials = search
    body = report(info, trials, []).body
    assert 'id="candidates"' in body
    for trial in trials:
        if trial.repeats is not None:
            assert f"(#{trial.repeats} again)" in body
