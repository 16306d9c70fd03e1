"""Two repeatable searches on two workers, one killed and resumed, train the same trials."""

from __future__ import annotations

import json

import pytest

from tests.e2e.support import ended, prepared, search, wait

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow's own
]
FACTS = ("number", "state", "config", "accuracy", "train_flops", "flops", "reason")


def story(place, name):
    """Return what must be the same of a search."""
    done = place.run("swast-search", "show", name, "--home", "home", "--json")
    summary = json.loads(done.out)
    trials = [{fact: trial[fact] for fact in FACTS} for trial in summary["trials"]]
    return summary["lag"], summary["front"], trials


def test_searches_with_one_seed_train_the_same_trials(tmp_path):
    with prepared(tmp_path) as place:
        options = ("--budget", "10", "--seed", "3", "--deterministic")
        done = ended(place.start(*search(*options, name="whole")))
        assert (done.code, done.err) == (0, "")
        killed = place.start(*search(*options, name="killed"))
        wait(killed, lambda: place.count_ended() >= 14)
        killed.kill()
        ended(killed)
        place.leftovers()
        again = place.start("swast-search", "--resume", "killed", "--home", "home", "--gpus", "0")
        assert ended(again).code == 0
        lag, front, trials = story(place, "whole")
        assert lag >= 2
        assert front
        assert sum(trial["state"] == "complete" for trial in trials) == 10
        assert story(place, "killed") == (lag, front, trials)
