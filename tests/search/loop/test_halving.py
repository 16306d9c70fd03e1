"""Tests of successive halving for two objectives, by properties and by brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from search.loop.halving import Arrival, Halving, crowding, keep, place, rung_epochs
from search.pareto import dominates
from tests.search.loop.support import brute_place

# Few levels, so that ties and exact duplicates are common, and any numbers.
levels = st.tuples(
    st.integers(0, 6).map(lambda step: step / 6), st.integers(0, 6).map(lambda step: 10.0**step)
)
anywhere = st.tuples(st.floats(0, 1), st.floats(1e-3, 1e18))
points = st.lists(levels, min_size=1, max_size=20) | st.lists(anywhere, min_size=1, max_size=20)
reductions = st.integers(2, 5)


def arrivals(cloud):
    return [Arrival(number, *point) for number, point in enumerate(cloud)]


def last_of(cloud, reduction):
    """Return the decision on the last of some points to reach a rung."""
    halving = Halving(1, reduction)
    *before, last = arrivals(cloud)
    for each in before:
        halving.restore(1, each)
    return halving.arrive(1, last)


def each_as_last(cloud, reduction):
    """Judge each point as the last to reach the rung.

    Returns:
        Whether it continues and the number of points that dominate it, for each.
    """
    halving = Halving(1, reduction)
    for each in arrivals(cloud):
        halving.restore(1, each)
    return [
        (
            halving.arrive(1, each).continues,
            sum(dominates(*other, each.score, each.cost) for other in cloud),
        )
        for each in arrivals(cloud)
    ]


class TestARung:
    @given(points, reductions)
    def test_continues_a_point_that_dominates_all_others(self, cloud, reduction):
        best = (max(up for up, _ in cloud) + 0.1, min(down for _, down in cloud))
        assert last_of([*cloud, best], reduction).continues

    @given(points, reductions)
    def test_stops_a_point_that_the_share_to_be_stopped_dominates(self, cloud, reduction):
        """This holds at rungs of η trials or more; the next test needs fewer dominating points."""
        for going, dominators in each_as_last(cloud, reduction):
            if len(cloud) >= reduction and dominators * reduction >= len(cloud) * (reduction - 1):
                assert not going

    @given(points, reductions)
    def test_stops_a_point_that_as_many_as_continue_dominate(self, cloud, reduction):
        for going, dominators in each_as_last(cloud, reduction):
            if dominators >= math.ceil(len(cloud) / reduction):
                assert not going

    @given(points, reductions)
    def test_continues_points_of_the_front_while_it_fits(self, cloud, reduction):
        judged = each_as_last(cloud, reduction)
        if sum(dominators == 0 for _, dominators in judged) <= math.ceil(len(cloud) / reduction):
            assert all(going for going, dominators in judged if dominators == 0)

    def test_does_not_stop_the_cheapest_for_being_the_least_accurate(self):
        cloud = [(0.9, 1e9), (0.8, 1e9), (0.7, 1e9), (0.6, 1e9), (0.1, 1e3)]
        assert last_of(cloud, 3).continues
        assert not last_of([*cloud[:4], (0.1, 1e10)], 3).continues

    @given(points)
    def test_stops_nothing_where_all_are_kept(self, cloud):
        halving = Halving(1, 1)
        assert all(halving.arrive(1, each).continues for each in arrivals(cloud))

    @given(points, reductions, st.data())
    def test_does_not_depend_on_the_order_of_the_others(self, cloud, reduction, data):
        others = data.draw(st.permutations(cloud[:-1]))
        assert last_of([*others, cloud[-1]], reduction) == last_of(cloud, reduction)

    @given(points, reductions, st.data())
    def test_decides_the_same_for_equals_in_any_order(self, cloud, reduction, data):
        """With all points at the rung, each arrives again; equal points get equal decisions."""
        everyone = arrivals([*cloud, data.draw(st.sampled_from(cloud))])
        halving = Halving(1, reduction)
        for each in everyone:
            halving.restore(1, each)
        decisions = {each: halving.arrive(1, each) for each in everyone}
        twin = everyone[-1]
        for each in everyone:
            if (each.score, each.cost) == (twin.score, twin.cost):
                assert decisions[each] == decisions[twin]

    @given(points, st.integers(1, 5))
    def test_continues_the_first_and_never_more_than_its_share_of_distinct_fronts(
        self, cloud, eta
    ):
        first = Halving(1, eta).arrive(1, Arrival(0, *cloud[0]))
        assert (first.continues, first.place, first.kept, first.size) == (True, 1, 1, 1)
        chain = [(1 - number / 100, 10.0**number) for number in range(len(cloud))]
        going = [
            place([a, *arrivals(chain)[:i], *arrivals(chain)[i + 1 :]]) <= keep(len(chain), eta)
            for i, a in enumerate(arrivals(chain))
        ]
        assert sum(going) == math.ceil(len(chain) / eta)


class TestAPlace:
    @given(st.lists(levels, min_size=1, max_size=12))
    def test_is_that_of_brute_force(self, cloud):
        assert place(arrivals(cloud)) == brute_place(cloud)

    @given(st.lists(levels, min_size=1, max_size=20), st.integers(1, 5), st.floats(0.1, 5))
    def test_by_rank_is_unchanged_by_increasing_transforms(self, cloud, power, stretch):
        """Ranks alone decide here: each rank that is compared has two points at most."""
        bent = [(math.exp(3 * up) - 5, down**power * stretch) for up, down in cloud]
        distinct = {
            point
            for point in cloud
            if not dominates(*point, *cloud[0]) and not dominates(*cloud[0], *point)
        }
        assume(len(distinct) <= 2)
        assert place(arrivals(bent)) == place(arrivals(cloud))

    def test_prefers_the_ends_of_a_rank_and_then_the_lonely(self):
        line = [(0.1, 1e1), (0.2, 1e2), (0.3, 1e3), (0.7, 1e7), (0.9, 1e9)]
        found = [place(arrivals([line[i], *line[:i], *line[i + 1 :]])) for i in range(5)]
        assert found == [1, 5, 4, 3, 1]

    def test_measures_flops_in_logarithms(self):
        """In the middle, the point that is alone in its decades has the largest distance."""
        line = [(0.0, 1e1), (0.25, 1e5), (0.5, 9e8), (0.75, 9.5e8), (1.0, 1e9)]
        spread = crowding(np.array([[up for up, _ in line], [math.log(down) for _, down in line]]))
        assert spread[1] > spread[2] > spread[3]

    def test_is_shared_by_copies(self):
        middle = [(0.5, 1e5)] * 2
        ends = [(0.0, 1e0), (0.3, 1e3), (1.0, 1e10)]
        assert place(arrivals([*middle, *ends])) == 4
        assert place(arrivals([middle[0], *ends])) == 3


class TestRungs:
    def test_are_at_powers_of_the_reduction_below_the_full_length(self):
        assert rung_epochs(3, 3, 30) == (3, 9, 27)
        assert rung_epochs(3, 3, 27) == (3, 9)
        assert rung_epochs(6, 2, 30) == (6, 12, 24)
        assert rung_epochs(4, 1, 30) == (4,)
        assert rung_epochs(30, 3, 30) == ()

    def test_of_brackets_start_later_and_are_taken_in_turn(self):
        halving = Halving(2, 3, brackets=2)
        at = [[e for e in range(1, 31) if halving.at_rung(n, e, 30)] for n in range(4)]
        assert at == [[2, 6, 18], [6, 18], [2, 6, 18], [6, 18]]

    def test_of_brackets_are_apart(self):
        halving = Halving(2, 2, brackets=2)
        assert halving.arrive(4, Arrival(0, 0.9, 1.0)).continues
        alone = halving.arrive(4, Arrival(1, 0.1, 9.0))
        assert (alone.continues, alone.size) == (True, 1)
        assert not halving.arrive(4, Arrival(2, 0.1, 9.0)).continues

    def test_are_apart_from_each_other(self):
        halving = Halving(1, 2)
        halving.arrive(1, Arrival(0, 0.9, 1.0))
        assert halving.arrive(2, Arrival(1, 0.1, 9.0)).size == 1

    @given(points, reductions, st.data())
    def test_are_rebuilt_from_their_arrivals_in_any_order(self, cloud, reduction, data):
        *before, last = arrivals(cloud)
        first, again = Halving(1, reduction), Halving(1, reduction)
        for each in before:
            first.arrive(1, each)
        for each in data.draw(st.permutations(before)):
            again.restore(1, each)
        assert again.arrive(1, last) == first.arrive(1, last)

    def test_hold_a_trial_that_comes_again_once(self):
        halving = Halving(1, 2)
        halving.arrive(1, Arrival(0, 0.5, 1.0))
        assert halving.arrive(1, Arrival(0, 0.5, 1.0)).size == 1

    def test_keep_their_share_rounded_up(self):
        assert [keep(size, 3) for size in range(1, 8)] == [1, 1, 1, 2, 2, 2, 3]
        assert [keep(size, 1) for size in range(1, 4)] == [1, 2, 3]

    def test_describe_their_decision(self):
        decision = last_of([(0.9, 1.0), (0.8, 2.0), (0.7, 3.0), (0.6, 4.0)], 2)
        assert str(decision) == "place 4 at the rung of epoch 1: the best 2 of 4 continue"

    @pytest.mark.parametrize("wrong", [(math.nan, 1.0), (0.5, 0.0), (0.5, math.inf)])
    def test_take_numbers_alone(self, wrong):
        with pytest.raises(ValueError, match="trial 7"):
            Arrival(7, *wrong)
