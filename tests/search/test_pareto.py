"""Tests of the Pareto front against brute force; every definition is repeated here, slowly."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.objectives import STANDARD, choose
from search.pareto import (
    GAP,
    LIKELY,
    dominates,
    front,
    hypervolume,
    knee,
    likely_front,
    ranks,
)

LEAST = STANDARD.cost.best

# A few levels only, so that ties and exact duplicates are common, and any numbers.
levels = st.tuples(
    st.integers(0, 8).map(lambda step: step / 8),
    st.integers(-1, 10).map(lambda step: 10 ** (-step / 2)),
)
anywhere = st.tuples(st.floats(0, 1), st.floats(1e-6, 10))
Point = tuple[float, float]
point = levels | anywhere
points = st.lists(levels, max_size=25) | st.lists(anywhere, max_size=25)


def split(cloud: list[Point]) -> tuple[list[float], list[float]]:
    return [accuracy for accuracy, _ in cloud], [flops for _, flops in cloud]


def front_points(cloud: list[Point]) -> list[Point]:
    return [cloud[place] for place in front(*split(cloud))]


def undominated(cloud: list[Point]) -> list[int]:
    return [
        place
        for place, (accuracy, flops) in enumerate(cloud)
        if not any(
            (up >= accuracy and down <= flops) and (up, down) != (accuracy, flops)
            for up, down in cloud
        )
    ]


def saved(flops: float) -> float:
    return min(max(-math.log10(flops) / 4, 0.0), 1.0)


def union_area(cloud: list[Point]) -> float:
    """Return the area of the union of rectangles from the origin, cell by cell of their grid."""
    corners = [(saved(flops), accuracy) for accuracy, flops in cloud]
    across = sorted({0.0, *(x for x, _ in corners)})
    upward = sorted({0.0, *(y for _, y in corners)})
    return math.fsum(
        (right - left) * (top - bottom)
        for left, right in itertools.pairwise(across)
        for bottom, top in itertools.pairwise(upward)
        if any(x >= right and y >= top for x, y in corners)
    )


class TestDominates:
    @pytest.mark.parametrize(
        ("one", "other", "expected"),
        [
            ((0.9, 1.0), (0.8, 2.0), True),
            ((0.9, 1.0), (0.9, 2.0), True),
            ((0.9, 1.0), (0.8, 1.0), True),
            ((0.9, 1.0), (0.9, 1.0), False),
            ((0.9, 2.0), (0.8, 1.0), False),
            ((0.8, 1.0), (0.9, 2.0), False),
            ((0.8, 2.0), (0.9, 1.0), False),
        ],
    )
    def test_better_in_one_and_worse_in_none(self, one, other, expected):
        assert dominates(*one, *other) is expected

    @given(one=point, other=point, third=point)
    def test_is_a_strict_partial_order(self, one, other, third):
        assert not dominates(*one, *one)
        assert not (dominates(*one, *other) and dominates(*other, *one))
        if dominates(*one, *other) and dominates(*other, *third):
            assert dominates(*one, *third)


class TestRanks:
    @given(points)
    def test_are_the_fronts_that_appear_as_each_is_taken_away(self, cloud):
        left, expected = list(range(len(cloud))), {}
        for rank in itertools.count():
            if not left:
                break
            gone = [left[place] for place in undominated([cloud[place] for place in left])]
            expected |= dict.fromkeys(gone, rank)
            left = [place for place in left if place not in gone]
        assert dict(enumerate(ranks(*split(cloud)).tolist())) == expected

    def test_are_in_the_order_of_the_points_not_of_their_sorting(self):
        """Use four points whose sorting by rank is not its own inverse."""
        assert ranks([0.3, 0.9, 0.2, 0.1], [2.0, 1.0, 3.0, 4.0]).tolist() == [1, 0, 2, 3]
        assert ranks([0.2, 0.3, 0.9, 0.1], [3.0, 2.0, 1.0, 4.0]).tolist() == [2, 1, 0, 3]

    def test_of_points_that_are_not_finite_are_behind_every_other(self):
        assert ranks([math.nan, 0.5, 0.4, 0.9], [1.0, 1.0, 2.0, math.inf]).tolist() == [4, 0, 1, 4]
        assert ranks([math.nan], [1.0]).tolist() == [1]


class TestFront:
    @given(points)
    def test_is_what_no_other_point_dominates(self, cloud):
        places = front(*split(cloud))
        assert sorted(places) == undominated(cloud)
        assert sorted(places) == [
            place
            for place, each in enumerate(cloud)
            if not any(dominates(*other, *each) for other in cloud)
        ]

    @given(points)
    def test_rises_in_flops_and_accuracy_together(self, cloud):
        chosen = front_points(cloud)
        for (accuracy, flops), (next_accuracy, next_flops) in itertools.pairwise(chosen):
            assert (accuracy, flops) == (next_accuracy, next_flops) or (
                accuracy < next_accuracy and flops < next_flops
            )

    @given(st.data())
    def test_does_not_depend_on_the_order(self, data):
        cloud = data.draw(points)
        shuffled = data.draw(st.permutations(cloud))
        assert front_points(cloud) == front_points(shuffled)

    @given(points)
    def test_of_itself_is_itself(self, cloud):
        chosen = front_points(cloud)
        assert front(*split(chosen)) == list(range(len(chosen)))

    @given(points)
    def test_every_other_point_is_dominated_from_it(self, cloud):
        places = front(*split(cloud))
        for place in set(range(len(cloud))) - set(places):
            assert any(dominates(*cloud[chosen], *cloud[place]) for chosen in places)

    def test_keeps_every_duplicate(self):
        assert front([0.5, 0.9, 0.9, 0.4, 0.9], [1, 2, 2, 2, 3]) == [0, 1, 2]

    def test_of_nothing_is_nothing(self):
        assert front([], []) == []

    def test_never_holds_a_diverged_trial(self):
        assert front([math.nan, 0.5, math.nan], [0.1, 0.2, 0.3]) == [1]

    def test_holds_whole_counts_of_flops_apart(self):
        assert front([0.5, 0.6], [10**15, 10**15 + 1]) == [0, 1]


class TestHypervolume:
    @given(points)
    def test_is_the_area_of_the_union_of_rectangles(self, cloud):
        assert hypervolume(*split(cloud)) == pytest.approx(union_area(cloud), abs=1e-12)

    @given(points, point)
    def test_never_falls_when_a_point_is_added(self, cloud, extra):
        before, after = hypervolume(*split(cloud)), hypervolume(*split([*cloud, extra]))
        assert 0 <= before <= after + 1e-12
        assert after <= 1 + 1e-12

    @given(points)
    def test_counts_the_front_only(self, cloud):
        assert hypervolume(*split(cloud)) == hypervolume(*split(front_points(cloud)))

    @given(
        st.lists(st.tuples(st.floats(0, 0.85), st.floats(1e-3, 10)), max_size=10),
        st.floats(0.9, 1),
        st.floats(2e-4, 5e-4),
    )
    def test_grows_by_a_point_that_dominates_all_others(self, cloud, accuracy, flops):
        assert hypervolume(*split([*cloud, (accuracy, flops)])) > hypervolume(*split(cloud))

    def test_of_nothing_is_zero(self):
        assert hypervolume([], []) == 0.0

    @given(st.lists(st.tuples(st.floats(0, 1), st.floats(1.0, 1e6)), max_size=10))
    def test_of_points_at_the_cost_of_dense_training_or_more_is_zero(self, cloud):
        assert hypervolume(*split(cloud)) == 0.0

    @given(st.floats(1e-300, LEAST))
    def test_of_a_perfect_point_below_the_least_cost_is_one(self, flops):
        assert hypervolume([1.0], [flops]) == 1.0

    @given(st.lists(st.tuples(st.floats(0, 1), st.floats(1e-6, 10)), min_size=1, max_size=10))
    def test_is_one_for_no_other_set(self, cloud):
        perfect = any(up == 1.0 and down <= LEAST for up, down in cloud)
        if perfect:
            assert hypervolume(*split(cloud)) == 1.0
        elif not any(up > 1 - 1e-9 and down < 1.0001e-4 for up, down in cloud):
            assert hypervolume(*split(cloud)) < 1.0

    @given(st.floats(0, 1), st.floats(1e-9, 1e-4))
    def test_rewards_nothing_beyond_its_axis(self, accuracy, flops):
        assert hypervolume([accuracy], [flops]) == hypervolume([accuracy], [1e-4])

    def test_by_hand(self):
        # Saved 0.75, 0.5, 0.25 of four decades: 0.25·0.9 + 0.25·0.8 + 0.25·0.6; then two points
        # that add nothing: one is dominated, one costs more than dense training.
        accuracy, flops = [0.6, 0.8, 0.9, 0.7, 0.99], [1e-3, 1e-2, 1e-1, 2e-2, 1.5]
        assert hypervolume(accuracy, flops) == pytest.approx(0.575)

    @given(st.lists(anywhere, max_size=12), st.floats(0, 0.99), st.floats(1e-6, 0.9))
    def test_other_axes_are_the_same_square_after_the_points_were_moved(self, cloud, worst, least):
        """A point at some share of the new axes has the worth of that share on the old axes."""
        axes = choose("train-flops", worst, least)
        power = math.log(1e-4, least)
        moved = [
            (max(0.0, accuracy - worst) / (1 - worst), max(1e-300, min(1.0, flops) ** power))
            for accuracy, flops in cloud
        ]
        found = hypervolume(*split(cloud), axes)
        assert found == pytest.approx(union_area(moved), abs=1e-9)

    @pytest.mark.parametrize("worst", [0.0, 0.1, 0.5])
    def test_the_reference_accuracy_is_worth_nothing(self, worst):
        axes = choose("train-flops", worst)
        assert axes.reference_point == {"accuracy": worst, "relative_flops": 1.0}
        assert hypervolume([worst, worst / 2], [0.01, 0.001], axes) == 0.0
        assert hypervolume([1.0], [1e-4], axes) == 1.0

    def test_the_reference_point_is_worth_nothing_and_makes_no_difference(self):
        corner = STANDARD.reference_point
        assert hypervolume([corner["accuracy"]], [corner["relative_flops"]]) == 0.0
        assert corner == {"accuracy": 0.0, "relative_flops": 1.0}


class TestKnee:
    def test_of_one_point_is_that_point(self):
        assert knee([0.3], [0.5]) == 0

    def test_of_two_points_is_the_more_accurate(self):
        assert knee([0.9, 0.5], [1.0, 0.1]) == 0
        assert knee([0.5, 0.9], [0.1, 1.0]) == 1

    def test_of_equal_points_is_one_of_them(self):
        assert knee([0.9, 0.9], [0.1, 0.1]) in (0, 1)

    def test_is_the_clear_elbow(self):
        assert knee([0.97, 0.2, 0.95, 0.96], [1.0, 0.001, 0.01, 0.1]) == 2

    def test_is_the_most_accurate_point_of_a_sagging_front(self):
        assert knee([0.1, 0.15, 0.9], [0.01, 0.1, 1.0]) == 2

    def test_ignores_dominated_points(self):
        # The second would be far above the line if it cost what the elbow costs; the last is a
        # worst corner that would stretch both scales.
        accuracy, flops = [0.2, 0.94, 0.95, 0.97, 0.0], [0.001, 0.5, 0.01, 1.0, 50.0]
        assert knee(accuracy, flops) == 2

    def test_scales_flops_by_their_logarithm(self):
        # Half of the accuracy at a tenth of three decades; linear FLOPs would choose the third.
        assert knee([0.5, 0.75, 0.8, 1.0], [1e-3, 2e-3, 1e-1, 1.0]) == 1

    @given(points.filter(len))
    def test_is_the_farthest_above_the_line_between_the_ends(self, cloud):
        """The ends are those of the members above the reference accuracy of 0."""
        accuracy, flops = split(cloud)
        chosen = knee(accuracy, flops)
        places = front(accuracy, flops)
        places = [place for place in places if accuracy[place] > 0] or places
        assert chosen in places
        (low, cheap), (high, costly) = cloud[places[0]], cloud[places[-1]]
        if high == low:
            return

        def above(place: int) -> float:
            run = (math.log10(flops[place]) - math.log10(cheap)) / math.log10(costly / cheap)
            return accuracy[place] - (low + (high - low) * run)

        tolerance = 1e-6
        if math.log10(costly / cheap) > tolerance and high - low > tolerance:
            assert above(chosen) >= max(map(above, places)) - tolerance

    @given(points.filter(len), st.sampled_from([0.0, 0.1, 0.5, 0.875]))
    def test_is_that_of_the_members_above_the_reference(self, cloud, reference):
        """Leave the others out by hand; if none is above, the knee is that of all."""
        axes = choose("train-flops", reference)
        expected = [each for each in cloud if each[0] > reference] or cloud
        assert cloud[knee(*split(cloud), axes)] == expected[knee(*split(expected), axes)]

    def test_is_not_anchored_by_members_at_or_below_the_reference(self):
        """Members of a search of digits at 84, 89 and 90 % with a reference of 90 %.

        If the line began at the cheapest one, the knee would be the member at 90 %, which is worth
        nothing to the study.
        """
        accuracy = [0.84, 0.89, 0.90, 0.92, 0.94, 0.965, 0.97]
        flops = [1e-4, 2e-4, 3e-4, 1e-2, 2e-2, 5e-2, 1.0]
        assert knee(accuracy, flops, choose("train-flops", 0.9)) == 5
        assert knee(accuracy[3:], flops[3:]) == 5 - 3
        assert knee(accuracy, flops) == 2

    def test_is_not_anchored_by_a_member_exactly_at_the_reference(self):
        """A member at 90 % costs a little less than one at 93 %.

        If the line began at it, the member at 93 % would be the knee, as with a reference of 0.
        """
        accuracy, flops = [0.90, 0.93, 0.96, 0.97], [9e-3, 1e-2, 1e-1, 1.0]
        assert knee(accuracy, flops, choose("train-flops", 0.9)) == 2
        assert knee(accuracy, flops) == 1

    def test_is_that_of_all_members_if_none_is_above_the_reference(self):
        accuracy, flops = [0.2, 0.84, 0.89], [1e-4, 1e-3, 1.0]
        assert knee(accuracy, flops, choose("train-flops", 0.9)) == 1

    @given(st.floats(1e-3, 1e20))
    def test_does_not_depend_on_the_unit_of_flops(self, unit):
        flops = np.array([1.0, 0.001, 0.01, 0.1]) * unit
        assert knee([0.97, 0.2, 0.95, 0.96], flops) == 2


class TestLikelyFront:
    """The front of estimated points."""

    def test_has_what_is_likely_and_leaves_no_gap_where_none_of_several_is(self):
        score = [0.6, 0.90, 0.901, 0.902, 0.95]
        cost = [0.01, 0.1, 0.101, 0.102, 1.0]
        chance = [1.0, 0.09, 0.05, 0.06, 0.9]
        assert likely_front(score, cost, chance) == [0, 1, 4]

    def test_leaves_out_what_adds_little(self):
        assert likely_front([0.6, 0.9, 0.901], [0.01, 0.1, 0.2], [1.0, 0.9, 0.3]) == [0, 1]

    def test_of_points_that_are_worth_nothing_has_those_that_are_likely(self):
        assert likely_front([0.0, 0.0], [0.1, 0.2], [0.9, 0.4]) == [0]
        assert likely_front([], [], []) == []

    @given(
        st.lists(
            st.tuples(st.floats(0, 1), st.floats(0.001, 1), st.floats(0, 1)),
            min_size=1,
            max_size=8,
        )
    )
    def test_adds_no_less_than_any_other_contender_would(self, drawn):
        score, cost, chance = zip(*drawn, strict=True)
        found = likely_front(score, cost, chance)
        area = hypervolume([score[place] for place in found], [cost[place] for place in found])
        assert [cost[place] for place in found] == sorted(cost[place] for place in found)
        for place in range(len(drawn)):
            if chance[place] >= LIKELY:
                assert place in found
            elif place not in found:
                more = [*found, place]
                new = hypervolume([score[p] for p in more], [cost[p] for p in more])
                assert new - area < GAP * new or new == area
