"""Fronts of searches that are trained again, against fronts whose worth is known."""

from __future__ import annotations

import pytest

from bench.again import contenders, judge


def trial(number, flops, reading, estimate, half=0.01):
    """A finished trial as `show --json` has it; its test reading is of its own seed."""
    own = {"val_accuracy": reading, "test_accuracy": 0.5}
    return {
        "number": number,
        "accuracy": reading,
        "relative_flops": flops,
        "config": {"seed": 7},
        "readings": {"7": own},
        "estimate": {"accuracy": estimate, "interval": [estimate - half, estimate + half]},
    }


def again(shown, fresh):
    """The same after its trainings with further seeds."""
    more = {str(seed): {"val_accuracy": score} for seed, score in enumerate(fresh)}
    return {**shown, "readings": {**shown["readings"], **more}}


def test_what_a_front_is_worth_is_told_by_fresh_seeds_alone():
    """Members 0, 1 and 2; candidate 3 beats member 1; trial 4 is neither."""
    shown = [
        trial(0, 0.1, reading=0.93, estimate=0.92),
        trial(1, 0.3, reading=0.97, estimate=0.96),
        trial(2, 0.5, reading=0.98, estimate=0.975),
        trial(3, 0.2, reading=0.94, estimate=0.94),
        trial(4, 0.9, reading=0.95, estimate=0.95),
    ]
    means = ([0.90, 0.92], [0.94, 0.96], [0.96, 0.98], [0.95, 0.97])
    later = [*map(again, shown, means), shown[4]]
    found = contenders({"trials": shown, "front": [0, 1, 2], "candidates": [3]}, {"trials": later})
    assert [(each.member, each.scores) for each in found] == [
        (True, (0.90, 0.92)),
        (True, (0.94, 0.96)),
        (True, (0.96, 0.98)),
        (False, (0.95, 0.97)),
    ]
    worth = judge(found)
    assert worth["optimism"] == pytest.approx((0.01 + 0.01 + 0.005) / 3)
    assert worth["readings"] == pytest.approx((0.02 + 0.02 + 0.01) / 3)
    assert worth["stay"] == pytest.approx(2 / 3)
    assert (worth["members"], worth["contenders"], worth["wider"]) == (3, 4, 1)


def test_an_interval_is_made_wider_by_the_error_of_the_fresh_mean():
    """Fresh mean 0.95 ± 0.01, estimate 0.97 ± 0.012."""
    shown = [trial(0, 0.1, reading=0.97, estimate=0.97, half=0.012)]
    later = [again(shown[0], [0.94, 0.96])]
    found = contenders({"trials": shown, "front": [0], "candidates": []}, {"trials": later})
    worth = judge(found)
    assert (worth["cover"], worth["wider"]) == (0, 1)
