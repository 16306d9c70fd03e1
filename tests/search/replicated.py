"""Search that was recorded and never trained, with estimates and further trainings."""

from __future__ import annotations

import dataclasses
import datetime

import numpy as np

from search.trials.estimated import Estimator
from search.trials.trial_record import contenders_of, finished
from tests.search.plotted import recorded

NOISE = 0.01
"""Standard deviation between seeds."""


def replicated(count=24, seed=0, again=6, **info):
    """Return a search and its estimated trials; the last ones train contenders again.

    Args:
        count: configurations.
        seed: of the numbers.
        again: further trainings.
    """
    made, trials = recorded(count, seed, **{"replicates": "auto"} | info)
    rng, estimator = np.random.default_rng(seed), Estimator(made)
    trials = [dataclasses.replace(each, score=noisy(each.score, rng)) for each in trials]
    for number in range(count, count + again):
        possible = contenders_of(estimator.attach(trials))
        counts = {each.number: readings(each, trials) for each in possible}
        first = min(possible, key=lambda each: counts[each.number])
        config = first.config.with_values({"seed": counts[first.number]})
        moment = datetime.datetime(2026, 11, 22) + datetime.timedelta(minutes=number)
        trials.append(
            dataclasses.replace(
                first,
                number=number,
                config=config,
                repeats=first.number,
                reference=None,
                score=noisy(first.score - NOISE / 2, rng),
                run_id=f"{number:032x}",
                ended=moment.isoformat(),
            )
        )
    return made, estimator.attach(trials)


def noisy(score, rng):
    """Return a score as another seed would read it."""
    return float(np.clip(score + rng.normal(0, NOISE), 0, 0.99))


def readings(trial, trials):
    """Return the number of finished trainings of a trial's configuration."""
    return sum(trial.number in (each.number, each.repeats) for each in finished(trials))
