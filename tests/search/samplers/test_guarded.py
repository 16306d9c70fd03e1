"""A sampler that fails: the failure is said once, and configurations are drawn at random."""

from __future__ import annotations

import math

import pytest
from numpy.linalg import LinAlgError
from optuna.samplers import BaseSampler

from search.driver.launch import run_session
from search.samplers import registry
from search.trials.repository import SearchTrials
from tests.search.loop.support import Scene
from tests.search.support import BARE, database, finish, new_search


class Broken(BaseSampler):
    """Sampler that raises an error, or proposes a value, for every parameter."""

    def __init__(self, error=None, value=None):
        self.error, self.value = error, value

    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}

    def sample_independent(self, study, trial, param_name, param_distribution):
        if self.error is not None:
            raise self.error
        return self.value


class Jointly(Broken):
    """Sampler that fails for all parameters together."""

    def sample_relative(self, study, trial, search_space):
        raise self.error


def searched(tmp_path, monkeypatch, sampler):
    monkeypatch.setitem(registry.SAMPLERS, "tpe", lambda *_: sampler)
    return new_search(tmp_path, BARE)


@pytest.mark.parametrize(
    ("sampler", "cause"),
    [
        (Broken(LinAlgError("singular matrix")), "LinAlgError: singular matrix"),
        (Broken(MemoryError()), "MemoryError"),
        (Broken(KeyError(3)), "KeyError: 3"),
        (Jointly(ValueError("low > high")), "ValueError: low > high"),
        (Broken(value=math.nan), "nan"),
        (Broken(value=10**9), "ValueError: it proposed 1000000000"),
        (Broken(value=None), "None"),
    ],
)
def test_is_named_with_its_cause_and_replaced(tmp_path, monkeypatch, sampler, cause):
    trials = searched(tmp_path, monkeypatch, sampler)
    study = trials.info.study
    drawn = [trials.ask().config for _ in range(4)]
    assert all(study.contains(config) for config in drawn)
    assert len(set(drawn)) > 1
    assert trials.sampler_trouble.startswith("the sampler tpe failed (")
    assert cause in trials.sampler_trouble
    assert "configurations are drawn at random" in trials.sampler_trouble


def test_an_interrupt_is_no_failure(tmp_path, monkeypatch):
    trials = searched(tmp_path, monkeypatch, Broken(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        trials.ask()


class Raising:
    """Workers that fail after they asked for some trials."""

    def run(self, work, seconds):
        work.propose()
        work._trials.ask()
        raise OSError("the first error")


def test_an_error_of_workers_is_not_hidden_by_the_end_of_the_session(tmp_path):
    scene = Scene(tmp_path, source=BARE)
    with pytest.raises(OSError, match="the first error"):
        run_session(scene.session, Raising(), math.inf)
    assert scene.state(0) == "paused"


def test_a_failure_is_said_once(tmp_path, monkeypatch):
    scene = Scene(tmp_path, searched(tmp_path, monkeypatch, Broken(KeyError(3))))
    for _ in range(3):
        assert scene.session.propose() is not None
    said = [each for each in scene.display.calls if "the sampler tpe failed" in str(each)]
    assert len(said) == 1


@pytest.mark.parametrize("name", sorted(registry.SAMPLERS))
def test_every_sampler_gives_valid_seeds_over_the_widest_range(tmp_path, name):
    """The Gaussian process of Optuna would list all of them in memory."""
    source = "[fixed]\nepochs = 4\n[space]\nseed = { low = 0, high = 9223372036854775807 }\n"
    trials = new_search(tmp_path, source, sampler=name, budget=8)
    finish(trials, (0.5, 0.1), (0.6, 0.2), (0.7, 0.3))
    assert trials.info.study.contains(trials.ask().config)
    said = trials.sampler_trouble or ""
    assert said.startswith("the sampler gp cannot model seed") == (name == "gp")


def test_lists_are_choices_like_others(tmp_path, recwarn):
    """Optuna warns of choices that are lists."""
    source = "[space]\nprune.layers = [['1'], ['1', '3']]\n[references.a]\nprune.layers = ['1']\n"
    trials = new_search(tmp_path, source)
    asked = finish(trials, *[(0.5, 0.1)] * 6)
    layers = {each.config.prune.layers for each in asked}
    again = SearchTrials.load(database(tmp_path), "trip")
    assert again.ask().config.prune.layers in layers
    assert layers == {("1",), ("1", "3")}
    assert asked[0].reference == "a"
    assert again._study.trials[0].params
    assert not recwarn.list
