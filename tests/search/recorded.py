"""Searches that were never trained: trials told to Optuna's storage, and from there to MLflow."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import optuna

from search.histories import Histories
from search.home import Home
from search.kept import outcome_of
from search.records import TrialRecord
from search.sampler import draw
from search.trials import SearchTrials
from tests.search.support import BARE, epoch, new_search, record

EPOCHS = 3


def record_search(home: Path, count: int, source: str = BARE, **info: Any) -> SearchTrials:
    """A search of so many finished trials, as its driver would have left it in the storage."""
    trials = new_search(
        home, source, **{"budget": count, "uid": f"uid-{count}-{info.get('name')}"} | info
    )
    histories = Histories(Home(home).search(trials.info.name) / "histories")
    sampler = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=count))
    chance = random.Random(count)
    for number in range(count):
        asked = sampler.ask()
        config = draw(asked, trials.info.study)
        ended = outcome(number, chance)
        drawn = sampler.get_trials(deepcopy=False)[number]
        trials._study.add_trial(
            optuna.trial.create_trial(
                params=drawn.params,
                distributions=drawn.distributions,
                values=[ended.accuracy, ended.train_flops],
                user_attrs={
                    "config": config.to_dict(),
                    "begun": {"predicted_flops": ended.train_flops},
                    "outcome": outcome_of(ended),
                },
            )
        )
        histories.extend(number, [epoch(made + 1, ended.accuracy) for made in range(EPOCHS)])
    return trials


def outcome(number: int, chance: random.Random) -> TrialRecord:
    """How a trial went: dearer ones are better on the whole."""
    relative = 10 ** chance.uniform(-2, 0)
    accuracy = 0.98 + 0.1 * math.log10(relative) - chance.expovariate(20)
    return record(number, round(accuracy, 4), relative, epochs=EPOCHS)
