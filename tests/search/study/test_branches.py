"""Tests of branches: the space in each part by brute force, and searches with every sampler."""

from __future__ import annotations

import itertools
import math

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.driver.prepare import smallest
from search.samplers.parameters import draw, parameters, sample
from search.samplers.problem import Problem
from search.samplers.registry import SAMPLERS, make_sampler
from search.study.search_space import Branch, SearchSpace
from search.study.space import Choices, Domain
from search.study.study_file import parse_study
from swast.config import TrainConfig
from tests.search.samplers.support import optuna_study
from tests.search.study.support import BRANCHED
from tests.search.support import finish, new_search, record, study

COMMON = {"interval", "coreset.scorer", "coreset.fraction", "prune.method"}
"""Fields with the same parameter in every part; `preserve.weight` has a second parameter."""


def allowed(config: TrainConfig) -> bool:
    """Return whether the study, repeated here by hand, allows a configuration."""
    method, scorer = config.prune.method, config.coreset.scorer
    fraction, alpha = config.prune.sparsity, config.prune.update_fraction
    right = [
        config.interval in (1, 2, 3),
        scorer in ("random", "el2n"),
        0.05 <= config.coreset.fraction <= 0.5,
        config.preserve.reduction == ("sum" if config.preserve.weight == 0 else "mean"),
    ]
    if method == "n:m":
        right.append(config.prune.schedule == "one-shot" and fraction in (0.25, 0.5, 0.75))
    else:
        right.append(config.prune.schedule in ("linear", "cubic"))
    if method in ("n:m", "channel"):
        right.append(config.prune.distribution == "uniform")
    if method == "channel" and scorer == "el2n":
        right.append(
            round(10 * fraction, 6) in range(1, 7) and config.coreset.drop_top in (0, 0.1)
        )
    else:
        right.append(config.coreset.drop_top == 0 and (method == "n:m" or 0.3 <= fraction <= 0.9))
    if method == "rigl":
        right.append(config.prune.update_interval in {0, *range(10, 201)} and 0.1 <= alpha <= 0.5)
    else:
        right.append(config.prune.update_interval == 0 and alpha == 0)
    return method in ("magnitude", "rigl", "n:m", "channel") and all(right)


# Branches over four fields; two of them, with two or three choices each, are conditions.
FIELDS = {"interval": (1, 2, 3), "warmup_epochs": (0, 1), "epochs": (4, 5), "seed": (0, 1, 2)}
ASKED, CHANGED = ("interval", "warmup_epochs"), ("epochs", "seed", "threads")


@st.composite
def branch(drawn: st.DrawFn) -> Branch:
    paths = drawn(st.lists(st.sampled_from(ASKED), min_size=1, unique=True))
    when = {
        path: tuple(drawn(st.lists(st.sampled_from(FIELDS[path]), min_size=1, unique=True)))
        for path in paths
    }
    space, fixed = [], {}
    for path in drawn(st.lists(st.sampled_from(CHANGED), unique=True)):
        value = drawn(st.integers(1, 9))
        if drawn(st.booleans()):
            space.append(Domain(path, Choices((value, value + 1))))
        else:
            fixed[path] = value
    return Branch(when, tuple(space), fixed)


ROOT = tuple(Domain(path, Choices(values)) for path, values in FIELDS.items())


def oracle(branches: list[Branch], values: dict[str, int], path: str) -> object:
    """Return the domain or value of a field: from the last branch that has it, or the root."""
    for each in reversed(branches):
        if all(values[name] in when for name, when in each.when.items()):
            for domain in each.space:
                if domain.path == path:
                    return domain.values
            if path in each.fixed:
                return each.fixed[path]
    return next((domain.values for domain in ROOT if domain.path == path), None)


class TestResolution:
    @given(st.lists(branch(), max_size=4))
    def test_is_that_of_brute_force(self, branches):
        for interval, warmup in itertools.product(FIELDS["interval"], FIELDS["warmup_epochs"]):
            values = {"interval": interval, "warmup_epochs": warmup}
            part = SearchSpace(ROOT, tuple(branches)).part(values)
            found = {domain.path: domain.values for domain in part.domains} | dict(part.fixed)
            assert len(found) == len(part.domains) + len(part.fixed)
            for path in {*FIELDS, *CHANGED}:
                assert found.get(path) == oracle(branches, values, path)

    @given(st.lists(branch(), max_size=4))
    def test_parts_are_all_there_are_and_each_choice_leads_to_one(self, branches):
        space = SearchSpace(ROOT, tuple(branches))
        walked = list(space.walk())
        assert len(walked) == space.count_parts()
        assert space.parts == tuple(part for _, part in walked)
        for interval, warmup in itertools.product(FIELDS["interval"], FIELDS["warmup_epochs"]):
            values = {"interval": interval, "warmup_epochs": warmup}
            (part,) = [
                part
                for asked, part in walked
                if all(values[path] in those for path, those in asked.items())
            ]
            assert part == space.part(values)

    @given(st.lists(branch(), max_size=4))
    def test_ends_are_those_of_every_part(self, branches):
        fixed, space = TrainConfig(), SearchSpace(ROOT, tuple(branches))
        for path in {*FIELDS, *CHANGED}:
            expected = set()
            for values in itertools.product(FIELDS["interval"], FIELDS["warmup_epochs"]):
                named = oracle(branches, dict(zip(ASKED, values, strict=True)), path)
                named = fixed.value(path) if named is None else named
                expected |= set(named.values) if isinstance(named, Choices) else {named}
            assert set(space.ends(path, fixed.value(path))) == expected


class TestDrawing:
    @settings(max_examples=25)
    @given(seed=st.integers(0, 2**32 - 1))
    def test_lies_inside_and_comes_back_from_its_parameters(self, seed):
        branched = study(BRANCHED)
        for values in sample(branched.space, 8, seed):
            config = branched.configure(values)
            assert allowed(config)
            assert branched.contains(config)
            assert branched.searched(config) == values
            found = parameters(branched.space, values)
            assert draw(optuna.trial.FixedTrial(found), branched.space) == values
            assert {name.partition("[")[0].rstrip("?") for name in found} == set(values)

    def test_comes_to_every_part(self):
        branched = study(BRANCHED)
        drawn = [branched.configure(values) for values in sample(branched.space, 200, seed=1)]
        assert {each.prune.method for each in drawn} == {"magnitude", "rigl", "n:m", "channel"}
        assert {each.coreset.drop_top for each in drawn} == {0.0, 0.1}
        assert {each.preserve.reduction for each in drawn} == {"sum", "mean"}
        assert {each.prune.sparsity for each in drawn if each.prune.method == "n:m"} == {
            0.25,
            0.5,
            0.75,
        }

    def test_has_one_distribution_for_each_name(self):
        drawn = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        for _ in range(100):
            draw(drawn.ask(), study(BRANCHED).space)
        found: dict[str, set[str]] = {}
        for trial in drawn.trials:
            for name, distribution in trial.distributions.items():
                found.setdefault(name, set()).add(repr(distribution))
        assert all(len(distributions) == 1 for distributions in found.values())
        assert {name for name in found if name.startswith("prune.sparsity")} == {
            "prune.sparsity",
            "prune.sparsity[n:m]",
            "prune.sparsity[channel,el2n]",
        }

    @pytest.mark.parametrize(
        "changes",
        [
            {"prune.method": "magnitude"},
            {"prune.method": "set"},
            {"prune.update_interval": 20},
            {"coreset.drop_top": 0.1},
            {"coreset.fraction": 0.9},
            {"preserve.weight": 0.5},
            {"preserve.reduction": "mean"},
        ],
    )
    def test_never_leaves_its_part_of_the_space(self, changes):
        """Each is one change to a reference within the space."""
        branched = study(BRANCHED)
        config = branched.references["pattern"]
        assert branched.contains(config)
        assert not branched.contains(config.with_values(changes))

    def test_gives_different_names_to_branches_of_the_same_values(self):
        twice = parse_study(
            "b",
            "[space]\ninterval = [1, 2]\nwarmup_epochs = [1, 2]\n"
            "[[branch]]\nwhen.interval = 1\nspace.seed = [1, 2]\n"
            "[[branch]]\nwhen.warmup_epochs = 1\nspace.seed = [3, 4]\n",
        )
        assert [each.space[0].parameter for each in twice.space.branches] == [
            "seed[1]",
            "seed[1#2]",
        ]

    def test_does_not_change_where_there_are_no_branches(self):
        """The order of the root is that of the file, and so are the draws."""
        root = "[space]\n" + BRANCHED.partition("[space]\n")[2].partition("[[branch]]")[0]
        plain = parse_study("b", root.replace(', "n:m", "channel"', ""))
        trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3)).ask()
        draw(trial, plain.space)
        assert [name.rstrip("?") for name in trial.params][:6] == [
            domain.path for domain in plain.space.root
        ][:6]


class TestSearches:
    @pytest.mark.parametrize(
        "sampler",
        [
            pytest.param(each, marks=[pytest.mark.long] * (each == "gp"))  # some 20 s
            for each in sorted(SAMPLERS)
        ],
    )
    def test_run_over_branches_with_every_sampler(self, tmp_path, sampler):
        """References come first, exactly as configured; those in a branch have its parameters."""
        trials = new_search(tmp_path, BRANCHED, sampler=sampler, budget=18)
        for place in range(18):
            proposal = trials.ask()
            config = proposal.config.with_values({"device": "auto"})
            if place < 2:
                assert config == list(study(BRANCHED).references.values())[place]
            else:
                assert allowed(config)
            state = ("complete", "complete", "pruned", "failed")[place % 4]
            trials.settle(record(proposal.number, 0.5 + place / 100, 0.9**place, state=state))
            assert trials.records()[-1].params == study(BRANCHED).searched(config)
        pattern = optuna_study(tmp_path).trials[0].params
        assert pattern["prune.sparsity[n:m]"] == 0.5
        assert "prune.sparsity" not in pattern
        assert "prune.schedule" not in pattern

    @pytest.mark.parametrize("sampler", ["gp", "nsga2", "nsga3", "qmc"])
    def test_draw_jointly_what_all_parts_have_in_common(self, tmp_path, sampler):
        trials = new_search(tmp_path, BRANCHED, sampler=sampler, budget=12)
        finish(trials, *[(0.5 + place / 20, 0.9**place) for place in range(8)])
        found = optuna_study(tmp_path)
        made = make_sampler(sampler, Problem(study(BRANCHED).space), 0, 12)
        shared = made.infer_relative_search_space(found, found.ask())
        assert set(shared) >= COMMON

    def test_fill_what_all_parts_have_in_common_evenly_with_qmc(self, tmp_path):
        """`tests.search.samplers.test_registry` tests a space without branches."""
        source = BRANCHED.partition("[references.pattern]")[0]
        trials = new_search(tmp_path, source, sampler="qmc", budget=33)
        found = finish(trials, *[(0.5, 0.1)] * 33)[1:]
        share = [math.log(each.config.coreset.fraction / 0.05, 10) for each in found]
        cells = [int(16 * each) for each in share]
        assert [cells.count(cell) for cell in range(16)] == [2] * 16

    def test_know_the_least_coreset_of_any_part(self):
        source = BRANCHED + '[[branch]]\nwhen.prune.method = "rigl"\nfixed.coreset.fraction = 0.01'
        fractions = [each.coreset.fraction for each in smallest(parse_study("b", source))]
        assert sorted(set(fractions)) == [0.01, 0.05, 0.5, 1.0]
