"""Tests of study files: valid ones, and the problems reported of invalid ones."""

from __future__ import annotations

import time
from importlib import resources
from pathlib import Path

import pytest

from search.driver.prepare import choose_study
from search.driver.request import Request
from search.errors import RequestError
from search.study.search_space import SearchSpace
from search.study.space import Choices, Domain, Range
from search.study.study_file import Study, find_study, parse_study, read_study, shipped
from search.study.tables import HalvingConfig
from swast.config import TrainConfig
from swast.errors import ConfigError
from tests.search.support import BARE, SHIPPED, TINY


def problems(source: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_study("tiny", source)
    return list(caught.value.problems)


class TestSharingWarmups:
    @pytest.mark.parametrize(
        ("space", "shares"),
        [
            (
                "warmup_epochs = { low = 1, high = 8 }\npreserve.weight = { low = 0.1, high = 1 }",
                True,
            ),
            ("seed = [0, 1]\noptim.batch_size = { low = 16, high = 17 }", True),
            ('optim.name = ["sgd", "adamw"]', True),
            ("optim.lr = { low = 0.01, high = 0.1 }", False),
            ("noise.rate = { low = 0.0, high = 0.1 }", False),
        ],
    )
    def test_is_of_use_unless_real_numbers_shape_the_warm_up(self, space, shares):
        assert parse_study("tiny", f"[space]\n{space}").shares_warmups is shares

    def test_is_of_use_in_every_study_that_is_shipped_and_fixes_the_rate(self):
        assert find_study("digits").shares_warmups


class TestWhatAllTrialsShare:
    """A search loads one data set, so no trial may choose another."""

    @pytest.mark.parametrize(
        ("source", "problem"),
        [
            ('[space]\ndata = ["digits", "cifar10"]', "space.data"),
            (
                "[space]\nloading.val_fraction = { low = 0.1, high = 0.2 }",
                "space.loading.val_fraction",
            ),
            ('[space]\ndevice = ["cpu", "cuda"]', "space.device"),
            (f'{BARE}\n[references.other]\ndata = "cifar10"', "references.other.data"),
            (
                '[space]\nprune.method = ["rigl", "none"]\n'
                '[[branch]]\nwhen.prune.method = "none"\nfixed.data = "cifar10"',
                "branch[0].fixed.data",
            ),
        ],
    )
    def test_cannot_be_varied(self, source, problem):
        (found,) = problems(source)
        assert found == (
            f"{problem} is the same for all trials of a search, and belongs in [fixed] alone"
        )


class TestAGoodFile:
    def test_has_fixed_settings_a_space_and_references(self):
        study = parse_study("tiny", TINY)
        fixed = TrainConfig().with_values(
            {"model": "mlp-small", "epochs": 4, "warmup_epochs": 1, "prune.update_interval": 10}
        )
        assert study == Study(
            name="tiny",
            description="A few trials of a tenth of a second",
            fixed=fixed,
            space=SearchSpace(
                (
                    Domain("interval", Range(1, 3, whole=True)),
                    Domain("coreset.scorer", Choices(("random", "el2n"))),
                    Domain("coreset.fraction", Range(0.05, 0.5, whole=False, log=True)),
                    Domain("prune.sparsity", Range(0.3, 0.9, whole=False, step=0.1)),
                    Domain("preserve.weight", Range(0.01, 1, whole=False, log=True, also=(0.0,))),
                )
            ),
            references={
                "small": fixed.with_values(
                    {
                        "interval": 2,
                        "coreset.scorer": "el2n",
                        "coreset.fraction": 0.1,
                        "preserve.weight": 0.0,
                    }
                ),
                "dense": fixed.with_values(
                    {"coreset.fraction": 1.0, "prune.method": "none", "preserve.weight": 0.0}
                ),
            },
            source=TINY,
        )

    def test_needs_a_space_alone(self):
        study = parse_study("one", "[space]\ninterval = [1, 2]")
        assert (study.fixed, study.description, dict(study.references)) == (TrainConfig(), "", {})

    def test_is_read_again_from_its_source(self):
        study = parse_study("tiny", TINY)
        assert parse_study(study.name, study.source) == study

    def test_searched_are_the_values_of_the_space_alone(self):
        study = parse_study("tiny", TINY)
        assert study.searched(study.references["small"]) == {
            "interval": 2,
            "coreset.scorer": "el2n",
            "coreset.fraction": 0.1,
            "prune.sparsity": 0.9,
            "preserve.weight": 0.0,
        }

    def test_may_search_warm_ups_as_long_as_the_training(self):
        study = parse_study("k", "[fixed]\nepochs = 8\n[space]\nwarmup_epochs = {low=1, high=8}")
        assert study.space.root[0].values.contains(8)


class TestHalving:
    SPACE = "[space]\ninterval = [1, 2]\n"

    def read(self, table, before=""):
        return parse_study("h", f"{before}\n{self.SPACE}{table}").halving

    def test_is_off_without_its_table(self):
        assert self.read("") is None

    def test_is_read_with_its_defaults(self):
        assert self.read("[halving]") == HalvingConfig(grace=1, reduction=3, brackets=1)
        table = "[halving]\ngrace = 4\nreduction = 2\nbrackets = 3"
        assert self.read(table) == HalvingConfig(grace=4, reduction=2, brackets=3)

    @pytest.mark.parametrize(
        ("table", "said"),
        [
            ("grace = 30", "halving.grace must be in [1, 29], got 30"),
            ("grace = 0", "halving.grace must be at least 1, got 0"),
            ("grace = 2.5", "halving.grace must be a whole number at least 1, got 2.5"),
            ("reduction = 0", "halving.reduction must be at least 1, got 0"),
            ("reduction = true", "halving.reduction must be a whole number at least 1, got True"),
            ("brackets = 0", "halving.brackets must be at least 1, got 0"),
            ("grac = 3", "halving.grac is not a field; did you mean 'grace'?"),
            (
                "grace = 4\nbrackets = 3",
                "halving.brackets must be in [1, 2], got 3",
            ),
            (
                "reduction = 1\nbrackets = 2",
                "halving.brackets must be in [1, 1], got 2",
            ),
        ],
    )
    def test_is_refused_in_one_sentence(self, table, said):
        """Trials have 30 epochs; at a grace of 4 and a reduction of 3, brackets start at 4, 12…"""
        assert problems(f"{self.SPACE}[halving]\n{table}") == [said]

    def test_is_refused_where_it_is_no_table(self):
        assert problems(f"halving = 3\n{self.SPACE}") == ["halving must be a table, got 3"]

    def test_looks_at_the_longest_training_where_that_is_searched(self):
        table = "epochs = [40, 50]\n[halving]\ngrace = 45"
        assert self.read(table) == HalvingConfig(grace=45)
        assert problems(f"{self.SPACE}{table.replace('45', '50')}") == [
            "halving.grace must be in [1, 49], got 50"
        ]


class TestShipped:
    def test_every_file_is_found_by_name_and_can_be_read(self):
        folder = Path(str(resources.files("studies")))
        files = sorted(folder.rglob("*.toml"))
        assert [path.stem for path in files] == SHIPPED
        assert shipped() == {path.stem: path for path in files}
        for path in files:
            study = find_study(path.stem)
            assert study == read_study(path)
            assert study.description
            assert study.references

    @pytest.mark.parametrize("name", SHIPPED)
    def test_every_file_is_read_at_once(self, name):
        """`list` and `show` read the study of every search. Only processor time counts."""
        before = time.thread_time()
        find_study(name)
        assert time.thread_time() - before < 0.3

    @pytest.mark.parametrize("gpus", [0, 1])
    def test_what_runs_by_default_is_among_them(self, gpus):
        assert choose_study(Request(), gpus).name in shipped()


class TestABadFile:
    @pytest.mark.parametrize(
        ("source", "said"),
        [
            ("[fixed]\nepoch = 3", "fixed.epoch is not a field; did you mean 'epochs'?"),
            (
                "[fixed.prune]\nsparsty = 0.3",
                "fixed.prune.sparsty is not a field; did you mean 'sparsity'?",
            ),
            ("[fixed]\nprune = 3", "fixed.prune must be a table of fields, got 3"),
            ("[fixed.prune]\nsparsity = 1.5", "fixed.prune.sparsity must be in [0, 1), got 1.5"),
            (
                "[fixed.coreset]\nfraction = 0",
                "fixed.coreset.fraction must be in (0, 1], got 0",
            ),
            (
                '[fixed]\ndata = "digitz"',
                "npz:PATH, got 'digitz'; did you mean 'digits'?",
            ),
            (
                "[fixed]\nepochs = 2\nwarmup_epochs = 3",
                "fixed.warmup_epochs must be at most epochs (2), got 3",
            ),
            ("[fixt]\nepochs = 2", "fixt is not a table; did you mean 'fixed'?"),
            ("[[fixed]]\nepochs = 2", "fixed must be a table"),
            ("[references]\ndense = 3", "dense must be a table, got 3"),
            (
                "[references.dense]\ncoreset.fracton = 1.0",
                "references.dense.coreset.fracton is not a field; "
                "did you mean 'coreset.fraction'?",
            ),
            (
                "[references.dense]\ncoreset.fraction = 0",
                "references.dense.coreset.fraction must be in (0, 1], got 0",
            ),
            (
                "[references.long]\nwarmup_epochs = 31",
                "references.long.warmup_epochs must be at most epochs (30), got 31",
            ),
        ],
    )
    def test_is_refused_in_one_sentence(self, source, said):
        (problem,) = problems(f"{source}\n[space]\ninterval = [1, 2]")
        assert said in problem

    @pytest.mark.parametrize(
        ("space", "said"),
        [
            ("intervall = [1]", "space.intervall is not a field; did you mean 'interval'?"),
            (
                "prune.sparsity = { low = 0.3, high = 1.5 }",
                "space.prune.sparsity must be in [0, 1), got 1.5",
            ),
            (
                "warmup_epochs = { low = 1, high = 31 }",
                "space.warmup_epochs must be at most epochs (30), got 31",
            ),
            ("warmup_epochs = [1, 40]", "space.warmup_epochs must be at most epochs (30), got 40"),
            ("epochs = { low = 2, high = 9 }", "warmup_epochs must be at most epochs (2), got 3"),
            ("", "space must name at least one field to search"),
        ],
    )
    def test_is_refused_for_its_space_in_one_sentence(self, space, said):
        (problem,) = problems(f"[space]\n{space}")
        assert said in problem

    def test_is_refused_without_a_space(self):
        (problem,) = problems("[fixed]\nepochs = 4")
        assert "must name at least one field to search" in problem

    def test_is_refused_if_two_searched_fields_contradict_each_other(self):
        """Each field alone fits the fixed configuration; both together could not be trained."""
        found = problems(
            "[space]\nepochs = { low = 5, high = 30 }\nwarmup_epochs = { low = 1, high = 8 }"
        )
        assert any("warmup_epochs must be at most epochs (5), got 8" in each for each in found)

    def test_is_not_refused_for_a_fixed_value_that_the_space_replaces(self):
        study = parse_study(
            "short",
            "[space]\nepochs = { low = 2, high = 9 }\nwarmup_epochs = { low = 1, high = 2 }",
        )
        assert [domain.path for domain in study.space.root] == ["epochs", "warmup_epochs"]

    def test_has_all_its_problems_reported_at_once(self):
        found = problems(
            "[fixt]\n"
            "[fixed]\nepoch = 3\nseed = -1\n[fixed.prune]\nsparsity = 1.5\n"
            "[space]\nintervall = [1]\n[space.coreset]\nfraction = { low = 0, high = 0.5 }\n"
            "[references.dense]\ncoreset.fracton = 1.0\n"
            "[references.none]\nprune.methd = 'none'\n"
        )
        assert [problem.split()[0] for problem in found] == [
            "fixt",
            "fixed.epoch",
            "fixed.prune.sparsity",
            "fixed.seed",
            "space.intervall",
            "space.coreset.fraction",
            "references.dense.coreset.fracton",
            "references.none.prune.methd",
        ]

    def test_each_problem_is_led_by_the_files_name(self, tmp_path):
        path = tmp_path / "mine.toml"
        path.write_text("[fixed]\nepoch = 3\nseed = -1\n[space]\nintervall = [1]")
        with pytest.raises(ConfigError) as caught:
            read_study(path)
        assert [problem.split()[:2] for problem in caught.value.problems] == [
            [f"{path}:", "fixed.epoch"],
            [f"{path}:", "fixed.seed"],
            [f"{path}:", "space.intervall"],
        ]

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"[space\ninterval = 3", "not TOML"),
            (b"\xff\xfe\x00", "cannot be read"),
            (None, "no such file"),
        ],
    )
    def test_is_refused_by_name_where_it_cannot_be_read(self, tmp_path, content, said):
        path = tmp_path / "mine.toml"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            find_study(str(path))
        (problem,) = caught.value.problems
        assert problem.startswith(f"{path}: {said}")

    @pytest.mark.parametrize("stem", ["my study", "a'b", "-x", "ü", ".hidden", "x" * 101])
    def test_is_refused_for_a_name_that_no_search_may_have(self, tmp_path, stem):
        path = tmp_path / f"{stem}.toml"
        path.write_text(BARE)
        with pytest.raises(ConfigError, match="letters, digits"):
            find_study(str(path))


class TestFinding:
    def test_a_file_by_its_path(self, tmp_path):
        path = tmp_path / "mine.toml"
        path.write_text(TINY)
        assert find_study(str(path)) == parse_study("mine", TINY)

    def test_a_file_without_the_ending(self, tmp_path):
        (tmp_path / "mine").write_text(TINY)
        assert find_study(str(tmp_path / "mine")).name == "mine"

    def test_names_the_nearest_study_and_all_there_are(self):
        with pytest.raises(RequestError) as caught:
            find_study("digts")
        assert "'digts'" in str(caught.value)
        assert str(caught.value).endswith("; did you mean 'digits'?")
        for name in SHIPPED:
            assert name in str(caught.value)

    def test_refuses_a_folder(self, tmp_path):
        with pytest.raises((RequestError, ConfigError), match="neither a file"):
            find_study(str(tmp_path))
