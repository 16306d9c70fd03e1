"""The typed tables of a study file: their defaults, what is refused, and what limits a trial."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.study.study_file import parse_study
from search.study.tables import STANDARD, Constraints, HalvingConfig, Objectives, TrialResources
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
    assert (STANDARD.reference_accuracy, STANDARD.least_relative_flops) == (0.0, 1e-4)


def test_are_read_where_they_are_given():
    study = parse_study(
        "t",
        SPACE + "[objectives]\nreference_accuracy = 0.1\nleast_relative_flops = 0.01\n"
        "[halving]\ngrace = 2\n[constraints]\nmax_flops = 1e12\nmax_relative_flops = 0.5\n"
        "[resources]\ncpus_per_trial = 2\ngpus_per_trial = 0.25\nmemory_per_trial = 4\n",
    )
    assert study.objectives == Objectives(reference_accuracy=0.1, least_relative_flops=0.01)
    assert study.halving == HalvingConfig(grace=2)
    assert study.constraints == Constraints(max_flops=1e12, max_relative_flops=0.5)
    assert study.resources == TrialResources(
        cpus_per_trial=2, gpus_per_trial=0.25, memory_per_trial=4
    )
    assert parse_study(study.name, study.source) == study


def test_resources_have_their_defaults():
    assert parse_study("t", SPACE + "[resources]").resources == TrialResources(
        cpus_per_trial=1.0, gpus_per_trial=1.0, memory_per_trial=0.0
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[constraints]\nmax_flops = 0", "constraints.max_flops must be above 0, got 0"),
        ("[constraints]\nmax_flops = nan", "constraints.max_flops must be above 0, got nan"),
        ("[constraints]\nmax_flops = inf", "constraints.max_flops must be above 0, got inf"),
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


limits = st.none() | st.floats(1e-3, 1e20)


class TestLimit:
    @given(limits, limits, limits, st.integers(1, 10**18))
    def test_is_the_least_of_those_that_are_set(self, own, relative, asked, dense):
        given_ = {"max_flops": own, "max_relative_flops": relative}
        table = Constraints(**{name: value for name, value in given_.items() if value is not None})
        every = [own, asked, None if relative is None else relative * dense]
        expected = [each for each in every if each is not None]
        assert table.limit(dense, asked) == (min(expected) if expected else None)

    def test_is_none_where_nothing_is_set(self):
        assert Constraints().limit(10**12, None) is None
