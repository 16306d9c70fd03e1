"""Tests of a study that searches `epochs` and `model`: all trials share one unit of cost.

Every definition is repeated here by brute force on absolute costs. Version 0.1 divided each cost
by that of dense training with the trial's own network and epochs, and so dropped cheap trials.
"""

from __future__ import annotations

import itertools
import math

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.driver.prices import price_of, unit_of
from search.loop.halving import Arrival, place
from search.loop.result import SearchResult
from search.plots import pareto_chart
from search.plots.chart import Line, Points
from search.samplers.ehvi.improvement import linear_strips
from search.samplers.ehvi.sampler import Ehvi
from search.samplers.problem import Problem
from search.trials.repository import SearchTrials
from search.trials.trial_record import (
    TrialRecord,
    front_of,
    hypervolume_of,
    knee_of,
    points,
    ranks_of,
)
from tests.search.loop.support import brute_place
from tests.search.support import database, new_search, search_info, study
from tests.swast.support import digits

SOURCE = """
[fixed]
model = "cnn-small"
epochs = 30
warmup_epochs = 2

[space]
epochs = [5, 30]
model = ["cnn-small", "mlp-small"]
coreset.fraction = { low = 0.02, high = 1.0, log = true }

[objectives]
reference_accuracy = 0.9

[references.dense]
coreset.fraction = 1.0
prune.method = "none"
preserve.weight = 0.0
"""
UNIT, DENSE_SHORT, DENSE_MLP = 6.808e10, 1.135e10, 1.043e10
"""Costs of dense training on digits: of ``[fixed]``, with 5 epochs, and of the MLP."""
FIXED, SHORT, MLP = {}, {"epochs": 5}, {"model": "mlp-small"}
OWN = {0: UNIT, 1: DENSE_SHORT, 2: DENSE_MLP}
KINDS = (FIXED, SHORT, MLP)
ISSUE = [
    (0, 0.975, UNIT),
    (1, 0.950, DENSE_SHORT),
    (2, 0.940, DENSE_MLP),
    (1, 0.944, 1.20e9),
    (2, 0.951, 1.24e9),
    (0, 0.960, 6.00e9),
    (0, 0.840, 3.00e8),
]
"""Kind, accuracy and cost of trials of a search. By their own dense training, the two trials at
1.2e9 would cost 0.106 and 0.119, more than the 0.088 of the better trial at 6e9."""
CHEAP = {3, 4}
LEAST = 1e-4
AXES = study(SOURCE, "mixed").objectives

levels = st.tuples(
    st.sampled_from([0, 1, 2]),
    st.integers(0, 8).map(lambda step: 0.84 + step / 50),
    st.integers(-2, 9).map(lambda step: UNIT * 10 ** (-step / 2)),
)
clouds = st.lists(levels, min_size=1, max_size=15)


def trials(cloud) -> list[TrialRecord]:
    """Return finished trials of a search."""
    return [
        TrialRecord(
            number=number,
            state="complete",
            config=study(SOURCE, "mixed").fixed.with_values(KINDS[kind]),
            score=accuracy,
            cost=cost,
            unit=UNIT,
            epochs=5 if kind == 1 else 30,
            seconds=1.5,
        )
        for number, (kind, accuracy, cost) in enumerate(cloud)
    ]


def undominated(cloud) -> set[int]:
    """Return the front by absolute cost."""
    return {
        number
        for number, (_, accuracy, cost) in enumerate(cloud)
        if not any(
            up >= accuracy and down <= cost and (up, down) != (accuracy, cost)
            for _, up, down in cloud
        )
    }


def by_own_dense(cloud):
    """Return the trials with costs as version 0.1 compared them."""
    return [(kind, accuracy, cost / OWN[kind]) for kind, accuracy, cost in cloud]


def saved(cost: float) -> float:
    """Return the place of a cost between that of dense training (0) and the least one (1)."""
    return min(max(math.log(cost / UNIT) / math.log(LEAST), 0.0), 1.0)


def height(accuracy: float) -> float:
    """Return the place of an accuracy between the reference (0) and 1."""
    return max(accuracy - 0.9, 0.0) / 0.1


def union_area(cloud) -> float:
    """Return the area of the union of rectangles from the origin, cell by cell of their grid."""
    corners = [(saved(cost), height(accuracy)) for _, accuracy, cost in cloud]
    across = sorted({0.0, *(x for x, _ in corners)})
    upward = sorted({0.0, *(y for _, y in corners)})
    return math.fsum(
        (right - left) * (top - bottom)
        for left, right in itertools.pairwise(across)
        for bottom, top in itertools.pairwise(upward)
        if any(x >= right and y >= top for x, y in corners)
    )


def above_line(cloud) -> dict[int, float]:
    """Return the height of each candidate for the knee above the line between their ends."""
    members = sorted(undominated(cloud), key=lambda number: cloud[number][1:])
    members = [number for number in members if cloud[number][1] > 0.9] or members
    (_, low, cheap), (_, high, costly) = cloud[members[0]], cloud[members[-1]]
    if low == high:
        return dict.fromkeys(members, 0.0)
    return {
        number: (cloud[number][1] - low) / (high - low)
        - math.log(cloud[number][2] / cheap) / math.log(costly / cheap)
        for number in members
    }


class TestTheIssue:
    def test_costs_are_those_of_the_trainer(self):
        searched, data = study(SOURCE, "mixed"), digits()
        price = price_of(searched, data)
        assert unit_of(searched, data) == pytest.approx(UNIT, rel=1e-3)
        for changes, expected in ((SHORT, DENSE_SHORT), (MLP, DENSE_MLP)):
            found = price(searched.dense.with_values(changes))
            assert found == pytest.approx(expected, rel=1e-3)

    def test_the_cheap_trials_stay_on_the_front_that_version_0_1_drew_without_them(self):
        members = {trial.number for trial in front_of(trials(ISSUE), AXES)}
        assert members == {0, 3, 4, 5, 6} == undominated(ISSUE)
        assert not CHEAP & undominated(by_own_dense(ISSUE))

    def test_a_search_keeps_them_through_its_storage(self, tmp_path):
        """The unit is stored once for the search, whatever network and epochs a trial has."""
        search = new_search(tmp_path, SOURCE, unit=UNIT)
        for kind, accuracy, cost in ISSUE:
            asked = search.ask()
            config = asked.config.with_values(KINDS[kind])
            search.settle(
                TrialRecord(
                    number=asked.number,
                    state="complete",
                    config=config,
                    score=accuracy,
                    cost=cost,
                    unit=UNIT,
                )
            )
        again = SearchTrials.load(database(tmp_path), "trip")
        records = again.records()
        assert again.info.unit == UNIT
        assert [each.relative_cost for each in records] == [cost / UNIT for *_, cost in ISSUE]
        summary = SearchResult(again.info, tuple(records), "finished").to_dict()
        assert summary["front"] == [6, 3, 4, 5, 0]
        assert summary["hypervolume"] == pytest.approx(union_area(ISSUE))
        assert summary["cost_unit"]["train_flops"] == UNIT

    def test_a_cheap_trial_is_the_knee(self):
        """The member at 84 % is below the reference, and the line starts at one at 1.2e9."""
        found = above_line(ISSUE)
        assert knee_of(trials(ISSUE), AXES).number == max(found, key=found.get) == 4

    def test_the_cheap_trials_are_ahead_of_dominated_ones_at_a_rung(self):
        arrivals = [Arrival(number, *each[1:]) for number, each in enumerate(ISSUE)]
        order = [place([each, *(a for a in arrivals if a != each)], AXES) for each in arrivals]
        assert all(order[number] <= len(undominated(ISSUE)) for number in CHEAP)
        assert min(order[number] for number in (1, 2)) > len(undominated(ISSUE))


class TestAgainstBruteForce:
    @given(clouds)
    def test_front(self, cloud):
        search = trials(cloud)
        chosen = front_of(search, AXES)
        assert {trial.number for trial in chosen} == undominated(cloud)
        assert [trial.cost for trial in chosen] == sorted(trial.cost for trial in chosen)

    @given(clouds)
    def test_ranks(self, cloud):
        left, expected = dict(enumerate(cloud)), {}
        for rank in itertools.count():
            if not left:
                break
            numbers = list(left)
            gone = {numbers[at] for at in undominated(list(left.values()))}
            expected |= dict.fromkeys(gone, rank)
            left = {number: each for number, each in left.items() if number not in gone}
        assert ranks_of(trials(cloud), AXES) == expected

    @given(clouds)
    def test_hypervolume(self, cloud):
        found = hypervolume_of(trials(cloud), AXES)
        assert found == pytest.approx(union_area(cloud), abs=1e-9)

    @given(clouds)
    def test_knee(self, cloud):
        found, chosen = above_line(cloud), knee_of(trials(cloud), AXES).number
        assert found[chosen] >= max(found.values()) - 1e-9

    @given(clouds)
    def test_order_at_a_rung(self, cloud):
        arrivals = [Arrival(number, *each[1:]) for number, each in enumerate(cloud)]
        assert place(arrivals, AXES) == brute_place([each[1:] for each in cloud])

    @given(clouds)
    def test_staircase_of_ehvi(self, cloud):
        """At each height it has the savings of the cheapest trial that scores as much."""
        score, cost = points(trials(cloud))
        strips = linear_strips(score, cost, AXES)
        for low, high, covered in zip(
            strips.edges[:-1], strips.edges[1:], strips.covered, strict=True
        ):
            reaching = [each[2] for each in cloud if each[1] >= (low + high) / 2]
            if high > low:
                expected = max(map(saved, reaching), default=0.0)
                assert covered == pytest.approx(expected, abs=1e-9)

    @given(clouds)
    def test_costs_that_ehvi_reads_from_optuna(self, cloud):
        searched = study(SOURCE, "mixed")
        sampler = Ehvi(Problem(searched.space, AXES, UNIT), seed=0, startup=3)
        stored = optuna.create_study(directions=["maximize", "minimize"])
        for _, accuracy, cost in cloud:
            stored.add_trial(optuna.trial.create_trial(values=[accuracy, cost]))
        seen = [sampler._see(trial) for trial in stored.trials]
        assert [each.cost for each in seen] == [cost / UNIT for *_, cost in cloud]
        assert [each.score for each in seen] == [accuracy for _, accuracy, _ in cloud]

    @given(clouds)
    def test_points_of_the_pareto_chart(self, cloud):
        search = trials(cloud)
        chart = pareto_chart(search_info(SOURCE, unit=UNIT), search)
        marks = chart.panels[0].marks
        drawn = {
            number: (x, y)
            for each in marks
            if isinstance(each, Points)
            for number, x, y in zip(each.trials, each.x, each.y, strict=True)
        }
        assert drawn == {
            number: (pytest.approx(cost / UNIT), pytest.approx(100 * accuracy))
            for number, (_, accuracy, cost) in enumerate(cloud)
        }
        (line,) = [each for each in marks if isinstance(each, Line)]
        corners = {
            (round(math.log10(x), 9), round(y, 9)) for x, y in zip(line.x, line.y, strict=True)
        }
        for number in undominated(cloud):
            _, accuracy, cost = cloud[number]
            assert (round(math.log10(cost / UNIT), 9), round(100 * accuracy, 9)) in corners
