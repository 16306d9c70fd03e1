"""Tests of trainings with several seeds: the seeds, the scores that count, and the estimates."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from search.trials.confirming import (
    confirming_seeds,
    counted_scores,
    following_seeds,
    used_seeds,
)
from search.trials.estimated import Estimator
from search.trials.readings import Reading
from search.trials.trial_record import front_of
from swast.config import LARGEST_SEED
from tests.search.support import BARE, record, search_info, study


def trained(number, accuracy, relative=0.1, *, seed=0, repeats=None, again=()):
    """Return a finished trial, confirmed by further seeds from 10 on."""
    fraction = 0.05 + 0.01 * (number if repeats is None else repeats)
    config = study(BARE).fixed.with_values({"coreset.fraction": fraction, "seed": seed})
    readings = {10 + at: Reading(each, None, 7) for at, each in enumerate(again)}
    given = {"config": config, "repeats": repeats, "readings": readings}
    return record(number, accuracy, relative, **given)


def estimates(*trials):
    return Estimator(search_info(BARE))(trials)


def test_seeds_follow_the_own_and_leave_out_those_of_any_training():
    own = study(BARE).fixed.with_values({"seed": LARGEST_SEED - 1})
    assert list(islice(following_seeds(own, {0, 2}), 3)) == [LARGEST_SEED, 1, 3]
    trials = [
        trained(0, 0.9, seed=8, again=(0.8, 0.7)),
        trained(1, 0.9, seed=9, repeats=0),
        record(2, state="failed", config=trained(0, 0.9, seed=12).config, repeats=0),
        trained(3, 0.9, seed=13),
    ]
    assert used_seeds(trials[0], trials) == {8, 9, 10, 11, 12}
    assert confirming_seeds(trials[0], trials, 4) == [10, 11, 13, 14]
    assert confirming_seeds(trials[0], trials, 0) == [10, 11]


def test_the_selected_score_counts_until_others_confirm_the_trial():
    replicates = [trained(1, 0.8, seed=1, repeats=0), trained(2, 0.7, seed=2, repeats=0)]
    assert counted_scores([trained(0, 0.9), *replicates]) == {0: {0: 0.9, 1: 0.8, 2: 0.7}}
    confirmed = trained(0, 0.9, again=(0.6, 0.5))
    assert counted_scores([confirmed, *replicates]) == {0: {1: 0.8, 2: 0.7, 10: 0.6, 11: 0.5}}


def test_a_seed_that_was_trained_twice_counts_once():
    """Older versions could give a replicate and a confirming training the same seed."""
    trials = [trained(0, 0.9, again=(0.8,)), trained(1, 0.8, seed=10, repeats=0)]
    assert counted_scores(trials) == {0: {10: 0.8}}


@pytest.mark.parametrize("seeds", [1, 3])
def test_estimates_do_not_depend_on_a_selected_score_that_others_replace(seeds):
    again = (0.8, 0.82, 0.81)[:seeds]
    rest = [trained(1, 0.7, 0.05), trained(2, 0.95, 0.5)]
    one, other = (estimates(trained(0, first, again=again), *rest) for first in (0.81, 0.99))
    assert one == other
    assert one[0].readings == seeds


def test_a_confirmed_search_is_estimated_however_few_trials_it_has():
    """With one seed each, the front is by the new readings."""
    once = [trained(0, 0.8, 0.1), trained(1, 0.9, 0.2)]
    assert estimates(*once) == {}
    again = [trained(0, 0.8, 0.1, again=(0.81,)), trained(1, 0.9, 0.2, again=(0.6,))]
    found = Estimator(search_info(BARE)).attach(again)
    assert [each.number for each in front_of(found)] == [0]


def test_confirmed_means_of_the_best_of_many_are_not_optimistic():
    """Forty equal configurations: the best reading is high by chance, further seeds are not."""
    draw, selected, confirmed, spreads = np.random.default_rng(3), [], [], []
    for _ in range(6):
        scores = 0.9 + 0.01 * draw.standard_normal(40)
        best = int(scores.argmax())
        trials = [
            trained(
                number,
                float(score),
                0.1 + 0.001 * number,
                again=tuple(0.9 + 0.01 * draw.standard_normal(4)) if number == best else (),
            )
            for number, score in enumerate(scores)
        ]
        found = estimates(*trials)[best]
        selected.append(float(scores[best]) - 0.9)
        confirmed.append(found.score - 0.9)
        spreads.append(found.spread)
    assert np.mean(selected) > 0.015
    assert abs(np.mean(confirmed)) < 0.004
    assert 0.005 < np.mean(spreads) < 0.015
