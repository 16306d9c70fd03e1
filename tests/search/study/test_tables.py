"""Tests of the typed tables of a study file: defaults, refusals, and the limit of a trial."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.objectives import STANDARD, choose
from search.study.study_file import parse_study
from search.study.tables import Constraints, HalvingConfig, TrialResources
from swast.errors import ConfigError

SPACE = "[space]\ninterval = [1, 2]\n"


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_study("t", f"{text}\n{SPACE}")
    return list(caught.value.problems)


def test_are_left_out_as_a_rule():
    study = parse_study("t", SPACE)
    assert (study.halving, study.resources) == (None, None)
    assert study.constraints == Constraints()
    assert study.objectives == STANDARD
    assert (STANDARD.score.reference, STANDARD.cost.best) == (0.0, 1e-4)
    assert choose("train-flops", 0.0, 1e-4) == STANDARD


def test_are_read_where_they_are_given():
    study = parse_study(
        "t",
        SPACE + "[objectives]\ncost = 'train-flops'\nreference_accuracy = 0.1\n"
        "least_relative_flops = 0.01\n[halving]\ngrace = 2\n"
        "[constraints]\nmax_flops = 1e12\nmax_relative_flops = 0.5\n"
        "[resources]\ncpus_per_trial = 2\ngpus_per_trial = 0.25\nmemory_per_trial = 4\n",
    )
    assert study.objectives == choose("train-flops", worst_score=0.1, least_cost=0.01)
    assert study.halving == HalvingConfig(grace=2)
    assert study.constraints == Constraints(max_flops=1e12, max_relative_flops=0.5)
    assert study.resources == TrialResources(
        cpus_per_trial=2, gpus_per_trial=0.25, memory_per_trial=4
    )
    assert parse_study(study.name, study.source) == study


def test_resources_have_their_defaults():
    assert parse_study("t", SPACE + "[resources]").resources == TrialResources(
        cpus_per_trial=1.0, gpus_per_trial=1.0, memory_per_trial=math.inf
    )


def test_no_limit_is_infinity_however_it_is_written():
    """Studies made for version 0.1 have 0 for no limit of memory."""
    for text in ("", "memory_per_trial = 0", "memory_per_trial = inf"):
        found = parse_study("t", f"{SPACE}[resources]\n{text}").resources
        assert found.memory_per_trial == math.inf
    unlimited = "[constraints]\nmax_flops = inf\nmax_relative_flops = inf"
    assert parse_study("t", SPACE + unlimited).constraints == Constraints()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[constraints]\nmax_flops = 0", "constraints.max_flops must be above 0, got 0"),
        ("[constraints]\nmax_flops = nan", "constraints.max_flops must be above 0, got nan"),
        ("[constraints]\nmax_flops = -inf", "constraints.max_flops must be above 0, got -inf"),
        (
            "[constraints]\nmax_relative_flops = -0.5",
            "constraints.max_relative_flops must be above 0, got -0.5",
        ),
        (
            "[constraints]\nmax_relative = 0.5",
            "constraints.max_relative is not a field; did you mean 'max_relative_flops'?",
        ),
        ("constraint.max_flops = 3", "constraint is not a table; did you mean 'constraints'?"),
        (
            "[resources]\ncpus_per_trial = 0",
            "resources.cpus_per_trial must be in (0, 10000], got 0",
        ),
        (
            "[resources]\ngpus_per_trial = 0",
            "resources.gpus_per_trial must be in (0, 10000], got 0",
        ),
        (
            "[resources]\ngpus_per_trial = 1.5",
            "resources.gpus_per_trial must be whole where it is above 1, got 1.5",
        ),
        (
            "[resources]\nmemory_per_trial = -1",
            "resources.memory_per_trial must be in [0, 1000000], got -1",
        ),
        (
            "[resources]\ncpus_per_trial = true",
            "resources.cpus_per_trial must be a number in (0, 10000], got True",
        ),
        (
            "[objectives]\nreference_accuracy = 1",
            "objectives.reference_accuracy must be in [0, 1), got 1",
        ),
        (
            "[objectives]\nleast_relative_flops = 0",
            "objectives.least_relative_flops must be in (0, 1), got 0",
        ),
        (
            "[objectives]\ncost = 'train-flop'",
            "objectives.cost must be one of train-flops, got 'train-flop'; "
            "did you mean 'train-flops'?",
        ),
        ("[objectives]\ncost = 3", "objectives.cost must be a string, got 3"),
        (
            "[objectives]\naccuracy = 'up'",
            "objectives.accuracy is not a field; did you mean 'reference_accuracy'?",
        ),
    ],
)
def test_are_refused_in_one_sentence(text, said):
    (problem,) = problems(text)
    assert problem == said


@pytest.mark.parametrize("name", ["objectives", "halving", "constraints", "resources"])
def test_are_refused_where_they_are_no_tables(name):
    assert problems(f"{name} = 3") == [f"{name} must be a table, got 3"]


def test_problems_of_all_of_them_are_told_at_once():
    found = problems(
        "[objectives]\nreference_accuracy = 1\n[constraints]\nmax_flops = 0\n"
        "[resources]\ncpus_per_trial = 0\n[halving]\ngrace = 0\n"
    )
    assert sorted(each.split(".")[0] for each in found) == [
        "constraints",
        "halving",
        "objectives",
        "resources",
    ]


limits = st.just(math.inf) | st.floats(1e-3, 1e20)


class TestLimit:
    @given(limits, limits, limits, st.integers(1, 10**18))
    def test_is_the_least_of_those_that_are_set(self, own, relative, asked, dense):
        table = Constraints(max_flops=own, max_relative_flops=relative)
        assert table.limit(dense, asked) == min(own, asked, relative * dense)

    def test_is_infinite_where_nothing_is_set(self):
        assert Constraints().limit(10**12) == math.inf
