"""Branches against brute force: what is searched where, and what is said of wrong ones."""

from __future__ import annotations

import itertools
import math

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search import cli
from search.driver.prepare import smallest
from search.samplers.parameters import draw, inside, parameters, sample
from search.samplers.registry import SAMPLERS, make_sampler
from search.study.branches import Branch, field_ends, parts, resolve
from search.study.space import Choices, Domain
from search.study.study_file import parse_study
from swast.config import TrainConfig
from swast.errors import ConfigError
from tests.search.support import database, finish, new_search, record, study

BRANCHED = """
[fixed]
model = "mlp-small"
epochs = 4
warmup_epochs = 1

[space]
interval = { low = 1, high = 3 }
coreset.scorer = ["random", "el2n"]
coreset.fraction = { low = 0.05, high = 0.5, log = true }
prune.method = ["magnitude", "rigl", "n:m", "channel"]
prune.schedule = ["linear", "cubic"]
prune.sparsity = { low = 0.3, high = 0.9 }
preserve.weight = { low = 0.01, high = 1.0, log = true, also = [0.0] }

[[branch]]
when.prune.method = ["rigl", "magnitude"]
space.prune.distribution = ["uniform", "erk"]

[[branch]]
when.prune.method = "rigl"
space.prune.update_interval = { low = 10, high = 200, log = true, also = [0] }
space.prune.update_fraction = { low = 0.1, high = 0.5 }

[[branch]]
when.prune.method = ["n:m", "channel"]
fixed.prune.distribution = "uniform"

[[branch]]
when.prune.method = "n:m"
space.prune.sparsity = [0.25, 0.5, 0.75]
fixed.prune.schedule = "one-shot"

[[branch]]
when.prune.method = "channel"
when.coreset.scorer = "el2n"
space.prune.sparsity = { low = 0.1, high = 0.6, step = 0.1 }
space.coreset.drop_top = [0.0, 0.1]

[[branch]]
when.preserve.weight = 0.0
fixed.preserve.reduction = "sum"

[references.pattern]
interval = 2
coreset.scorer = "random"
prune.method = "n:m"
prune.schedule = "one-shot"
prune.distribution = "uniform"
prune.sparsity = 0.5
preserve.weight = 0.0
preserve.reduction = "sum"

[references.dense]
coreset.fraction = 1.0
prune.method = "none"
"""

COMMON = {"interval", "coreset.scorer", "coreset.fraction", "prune.method"}
"""What is searched in the same way everywhere; `preserve.weight` has a parameter more."""


def problems(source: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_study("b", source)
    return list(caught.value.problems)


def allowed(config: TrainConfig) -> bool:
    """The text of the study, written out by hand."""
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


# Branches over four fields of which two are asked about, each with two or three choices.
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
    """What is said of a field: by the last branch that holds and names it, else by the root."""
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
            part = resolve(ROOT, branches, values)
            found = {domain.path: domain.values for domain in part.domains} | dict(part.fixed)
            assert len(found) == len(part.domains) + len(part.fixed)
            for path in {*FIELDS, *CHANGED}:
                assert found.get(path) == oracle(branches, values, path)

    @given(st.lists(branch(), max_size=4))
    def test_parts_are_all_there_are_and_each_choice_leads_to_one(self, branches):
        told = list(parts(ROOT, branches))
        for interval, warmup in itertools.product(FIELDS["interval"], FIELDS["warmup_epochs"]):
            values = {"interval": interval, "warmup_epochs": warmup}
            (part,) = [
                part
                for asked, part in told
                if all(values[path] in those for path, those in asked.items())
            ]
            assert part == resolve(ROOT, branches, values)

    @given(st.lists(branch(), max_size=4))
    def test_ends_are_those_of_every_part(self, branches):
        fixed = TrainConfig()
        for path in {*FIELDS, *CHANGED}:
            expected = set()
            for values in itertools.product(FIELDS["interval"], FIELDS["warmup_epochs"]):
                said = oracle(branches, dict(zip(ASKED, values, strict=True)), path)
                said = fixed.value(path) if said is None else said
                expected |= set(said.values) if isinstance(said, Choices) else {said}
            assert set(field_ends(fixed, ROOT, branches, path)) == expected


class TestDrawing:
    @settings(max_examples=25)
    @given(seed=st.integers(0, 2**32 - 1))
    def test_lies_inside_and_comes_back_from_its_parameters(self, seed):
        space = study(BRANCHED)
        for config in sample(space, 8, seed):
            assert allowed(config)
            assert inside(space, config)
            told = parameters(space, config)
            assert draw(optuna.trial.FixedTrial(told), space) == config
            searched = space.searched(config)
            assert space.configure(searched) == config
            assert {name.partition("[")[0].rstrip("?") for name in told} == set(searched)

    def test_comes_to_every_part(self):
        drawn = sample(study(BRANCHED), 200, seed=1)
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
            draw(drawn.ask(), study(BRANCHED))
        told: dict[str, set[str]] = {}
        for trial in drawn.trials:
            for name, distribution in trial.distributions.items():
                told.setdefault(name, set()).add(repr(distribution))
        assert all(len(distributions) == 1 for distributions in told.values())
        assert {name for name in told if name.startswith("prune.sparsity")} == {
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
    def test_would_never_give_what_its_part_does_not_hold(self, changes):
        """Each is one change to a reference that it would give."""
        space = study(BRANCHED)
        config = space.references["pattern"]
        assert inside(space, config)
        assert not inside(space, config.with_values(changes))
        assert parameters(space, config.with_values(changes)) == {}

    def test_takes_names_apart_that_would_be_the_same(self):
        twice = parse_study(
            "b",
            "[space]\ninterval = [1, 2]\nwarmup_epochs = [1, 2]\n"
            "[[branch]]\nwhen.interval = 1\nspace.seed = [1, 2]\n"
            "[[branch]]\nwhen.warmup_epochs = 1\nspace.seed = [3, 4]\n",
        )
        assert [each.space[0].parameter for each in twice.branches] == ["seed[1]", "seed[1#2]"]

    def test_does_not_change_where_there_are_no_branches(self):
        """The order of the root is that of the file, and so are the draws."""
        root = "[space]\n" + BRANCHED.partition("[space]\n")[2].partition("[[branch]]")[0]
        plain = parse_study("b", root.replace(', "n:m", "channel"', ""))
        trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3)).ask()
        draw(trial, plain)
        assert [name.rstrip("?") for name in trial.params][:6] == [
            domain.path for domain in plain.space
        ][:6]


class TestSearches:
    @pytest.mark.parametrize("sampler", sorted(SAMPLERS))
    def test_run_over_branches_with_every_sampler(self, tmp_path, sampler):
        """References come first and exactly; those of a branch teach the sampler."""
        trials = new_search(tmp_path, BRANCHED, sampler=sampler, budget=18)
        for place in range(18):
            proposal = trials.ask()
            config = proposal.config.with_values({"device": "auto"})
            if place < 2:
                assert config == list(study(BRANCHED).references.values())[place]
            else:
                assert allowed(config)
            state = ("complete", "complete", "pruned", "failed")[place % 4]
            told = record(proposal.number, 0.5 + place / 100, 0.9**place, state=state)
            trials.settle(told)
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
        shared = make_sampler(sampler, 0, 12).infer_relative_search_space(found, found.ask())
        assert set(shared) >= COMMON

    def test_fill_what_all_parts_have_in_common_evenly_with_qmc(self, tmp_path):
        """As `tests.search.test_sampler` has it for a space without branches."""
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


def optuna_study(folder):
    """The search as Optuna sees it."""
    return optuna.load_study(study_name="trip", storage=database(folder))


ROOT_TEXT = """
[space]
interval = { low = 1, high = 5, also = [9] }
prune.method = ["magnitude", "rigl"]
prune.sparsity = { low = 0.3, high = 0.9 }
"""

WRONG = [
    ("[branch]\nwhen.interval = 1", "branch must be a list of tables, each led by [[branch]]"),
    (
        "[[branch]]\nwhen.prune.methd = 'rigl'\nfixed.seed = 1",
        "branch[0].when.prune.methd must be a field that [space] searches, one of interval, "
        "prune.method, prune.sparsity; did you mean 'prune.method'?",
    ),
    (
        "[[branch]]\nwhen.prune.scope = 'fc'\nfixed.seed = 1",
        "branch[0].when.prune.scope must be a field that [space] searches, one of interval, "
        "prune.method, prune.sparsity",
    ),
    (
        "[[branch]]\nwhen.prune.method = 'n:m'\nfixed.seed = 1",
        "branch[0].when.prune.method must be one of magnitude, rigl, got 'n:m'",
    ),
    (
        "[[branch]]\nwhen.prune.method = ['rigl', 'magnitud']\nfixed.seed = 1",
        "branch[0].when.prune.method must be one of magnitude, rigl, got 'magnitud'; "
        "did you mean 'magnitude'?",
    ),
    (
        "[[branch]]\nwhen.interval = 3\nfixed.seed = 1",
        "branch[0].when.interval must be one of 1, 5, 9, got 3",
    ),
    (
        "[[branch]]\nwhen.interval = true\nfixed.seed = 1",
        "branch[0].when.interval must be one of 1, 5, 9, got True",
    ),
    (
        "[[branch]]\nwhen.interval = []\nfixed.seed = 1",
        "branch[0].when.interval must be a value or a list of values, got []",
    ),
    (
        "[[branch]]\nfixed.seed = 1",
        'branch[0].when must name a field of [space], as when.prune.method = "n:m"',
    ),
    (
        "[[branch]]\nwhen.interval = 1",
        "branch[0] must have a space or a fixed table, or it changes nothing",
    ),
    ("[[branch]]\nwhen = 3\nfixed.seed = 1", "branch[0].when must be a table, got 3"),
    (
        "[[branch]]\nwhen.interval = 1\nfixt.seed = 1",
        "branch[0].fixt is not one of when, space, fixed; did you mean 'fixed'?",
    ),
    (
        "[[branch]]\nwhen.interval = 1\nfixed.prune.sparsty = 0.5",
        "branch[0].fixed.prune.sparsty is not a field; did you mean 'prune.sparsity'?",
    ),
    (
        "[[branch]]\nwhen.interval = 1\nfixed.prune.sparsity = 1.5",
        "branch[0].fixed.prune.sparsity must be in [0, 1), got 1.5",
    ),
    (
        "[[branch]]\nwhen.interval = 1\nspace.prune.sparsity = [0.5, 1.5]",
        "branch[0].space.prune.sparsity must be in [0, 1), got 1.5",
    ),
    (
        "[[branch]]\nwhen.interval = 1\nspace.seed = [1, 2]\nfixed.seed = 1",
        "branch[0].fixed.seed must not be in the branch's space as well",
    ),
    (
        "[[branch]]\nwhen.interval = 1\nfixed.prune.method = 'rigl'\n"
        "[[branch]]\nwhen.prune.method = 'rigl'\nfixed.seed = 1",
        "branch[0].fixed.prune.method must stay as [space] has it, since branch[1].when names it",
    ),
    (
        "[[branch]]\nwhen.interval = 1\nspace.interval = [1, 2]",
        "branch[0].space.interval must stay as [space] has it, since branch[0].when names it",
    ),
    # What could not be trained: in a branch, of the root under a branch, between two branches.
    (
        "[[branch]]\nwhen.interval = 1\nfixed.warmup_epochs = 40",
        "branch[0].fixed.warmup_epochs must be at most epochs (30), got 40",
    ),
    (
        "[[branch]]\nwhen.prune.method = 'rigl'\nspace.warmup_epochs = [4, 31]",
        "branch[0].space.warmup_epochs must be at most epochs (30), got 31",
    ),
    (
        "[[branch]]\nwhen.prune.method = 'rigl'\nfixed.epochs = 5\n"
        "[[branch]]\nwhen.interval = 1\nspace.warmup_epochs = [4, 6]",
        "branch[1].space.warmup_epochs must be at most epochs (5), got 6",
    ),
    (
        "[[branch]]\nwhen.interval = [1, 5, 9]\nfixed.epochs = 2",
        "fixed.warmup_epochs must be at most epochs (2), got 3",
    ),
]


class TestAWrongBranch:
    @pytest.mark.parametrize(("text", "said"), WRONG)
    def test_is_refused_in_one_line_by_the_command(self, tmp_path, capsys, text, said):
        path = tmp_path / "mine.toml"
        path.write_text(ROOT_TEXT + text)
        home = ["--home", str(tmp_path / "home"), "--gpus", "0"]
        assert cli.main(["--study", str(path), *home]) == 2
        assert capsys.readouterr().err == f"swast-search: {path}: {said}\n"
        assert not (tmp_path / "home").exists()

    def test_is_named_for_what_the_root_leaves_it(self):
        """Without a domain of its own, n:m would be given the root's sparsity and schedule."""
        root = ROOT_TEXT.replace('"rigl"', '"n:m"') + 'prune.distribution = ["uniform"]\n'
        found = problems(f'{root}[[branch]]\nwhen.prune.method = "n:m"\nfixed.seed = 1')
        assert [each.partition(" must")[0] for each in found] == [
            "space.prune.sparsity",
            "fixed.prune.schedule",
        ]

    def test_is_told_with_all_others(self):
        found = problems(
            f"{ROOT_TEXT}[[branch]]\nwhen.intervall = 1\nfixed.sed = 1\n"
            "[[branch]]\nwhen.interval = 1\nspace.prune.sparsity = 3"
        )
        assert [each.split()[0] for each in found] == [
            "branch[0].when.intervall",
            "branch[0].fixed.sed",
            "branch[1].space.prune.sparsity",
        ]

    def test_is_refused_where_there_are_too_many_to_check(self):
        fields = [f"optim.{name}" for name in ("lr", "momentum", "beta2", "peak", "drop_every")]
        fields += ["seed", "threads", "interval", "coreset.fraction"]
        space = "".join(f"{path} = [1, 2]\n" for path in fields).replace
        text = "[space]\n" + space("optim.", "optim.")
        text = text.replace("[1, 2]", "[0.5, 0.25]").replace("seed = [0.5, 0.25]", "seed = [1, 2]")
        text = text.replace("threads = [0.5, 0.25]", "threads = [1, 2]")
        text = text.replace("interval = [0.5, 0.25]", "interval = [1, 2]")
        whole = ("seed", "threads", "interval")
        text += "".join(
            f"[[branch]]\nwhen.{path} = {1 if path in whole else 0.5}\nfixed.prune.end = 0.5\n"
            for path in fields
        )
        assert problems(text) == [
            "branch: at most 256 kinds of configurations may be told apart, got 512"
        ]
